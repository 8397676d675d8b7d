"""Several trials side by side, each a process that samples and learns by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.rows import interleaved
from benchmarks.scaling_iterations import CENTRE, CPUS, build
from benchmarks.scaling_setting import Setting

__all__ = ["TRIAL", "trials"]

TRIAL = replace(CENTRE, num_env_runners=0)
NUMBERS = (1, 2, 4)
ITERATIONS = 12


class Trial:
    """An algorithm in an actor, as Tune has it."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self._algorithm = build(setting, seed=seed)

    def train(self) -> float:
        """Run some iterations and return the moves that they sampled."""
        moves = self._algorithm.moves()
        for _ in range(ITERATIONS):
            self._algorithm.train()
        return float(self._algorithm.moves() - moves)


def trials(rounds: int) -> dict[int, list[float]]:
    """Return the moves per wall second of so many trials at once."""
    import ray

    made = ray.remote(num_cpus=CPUS)(Trial)
    actors = [made.remote(TRIAL, seed) for seed in range(max(NUMBERS))]
    found = interleaved({number: _rate(actors[:number]) for number in NUMBERS}, rounds + 1)
    for actor in actors:
        ray.kill(actor)
    return {number: each[1:] for number, each in found.items()}


def _rate(actors: Sequence[Any]) -> Callable[[], float]:
    import ray

    def measure() -> float:
        start_s = time.perf_counter()
        moves = sum(ray.get([actor.train.remote() for actor in actors]))
        return moves / (time.perf_counter() - start_s)

    return measure
