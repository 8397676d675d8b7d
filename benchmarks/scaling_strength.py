"""Time to a fixed strength: until no opponent gains anything against the greedy policy.

Tic-tac-toe only, where the measure is exact and takes milliseconds; the settings are those of
`experiments/ppo.yaml`, but for the env runners.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.rows import interleaved
from benchmarks.scaling_iterations import CPUS
from ttt_rllib.metrics import EVAL_S, MOVES, NASH_CONV_GREEDY, flatten

__all__ = ["CAP_MOVES", "Arrival", "Runners", "strength"]

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "ppo.yaml"
CAP_MOVES = 500_000
"""About four times as many as it takes."""


@dataclass(frozen=True)
class Runners:
    """Who samples.

    Attributes:
        number: Env runners.
        is_beside: Whether they sample while the learner learns.
    """

    number: int
    is_beside: bool = False

    @property
    def name(self) -> str:
        """The same in words."""
        runners = f"{self.number} env runner{'s' * (self.number != 1)}"
        return runners + " beside learning" * self.is_beside


CONTESTANTS = (Runners(0), Runners(1, is_beside=True), Runners(2), Runners(4))


@dataclass(frozen=True)
class Arrival:
    """When an agent became unexploitable.

    Attributes:
        moves: Moves sampled.
        train_s: Wall seconds of training, without exact evaluations.
        is_unexploitable: Whether it did, in `CAP_MOVES`.
    """

    moves: float
    train_s: float
    is_unexploitable: bool


def strength(seeds: int) -> dict[Runners, list[Arrival]]:
    """Train with each number of env runners, seed by seed."""
    return interleaved({runners: _seeds(runners) for runners in CONTESTANTS}, seeds)


def _seeds(runners: Runners) -> Callable[[], Arrival]:
    seeds = count()
    return lambda: _train(runners, next(seeds))


def _train(runners: Runners, seed: int) -> Arrival:
    from ttt_rllib.config.loading import load_experiment
    from ttt_rllib.rl.algorithm_config import algorithm_config

    settings = (
        f"env_runners.num_env_runners={runners.number}",
        f"env_runners.sample_beside_learning={str(runners.is_beside).lower()}",
        f"env_runners.num_cpus_per_env_runner={CPUS}",
        f"seed={seed}",
    )
    algorithm = algorithm_config(load_experiment(EXPERIMENT, settings)).build_algo()
    moves = train_s = 0.0
    exploited = 1.0
    while exploited > 0.0 and moves < CAP_MOVES:
        start_s = time.perf_counter()
        figures = flatten(algorithm.train())
        train_s += time.perf_counter() - start_s - figures[EVAL_S]
        moves, exploited = figures[MOVES], figures[NASH_CONV_GREEDY]
    algorithm.stop()
    return Arrival(moves, train_s, exploited == 0.0)
