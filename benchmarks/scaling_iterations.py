"""Whole PPO iterations in many settings, phase by phase: what `scaling_model` is fitted to.

All algorithms stand in one Ray and train in turn, again and again; those that do not train are
idle. One factor is changed at a time around `CENTRE`, and a few corners are added, so that the
factors can be told apart without measuring all combinations.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.rows import interleaved
from benchmarks.scaling_setting import GAMES, Setting, Timing
from ttt_rllib.metrics import (
    EVAL_S,
    LEARN_S,
    MOVES,
    MOVES_PER_GAME,
    RUNNER_CPU_S,
    SAMPLE_S,
    SYNC_S,
    flatten,
)

__all__ = [
    "BESIDE",
    "CENTRE",
    "CPUS",
    "LARGEST",
    "QUICK_LARGEST",
    "QUICK_SETTINGS",
    "SAMPLING",
    "SETTINGS",
    "build",
    "config",
    "quiet_timing",
    "timings",
]

CENTRE = Setting("tic_tac_toe")
"""The defaults of an experiment, with two env runners as in `experiments/ppo.yaml`."""
CONNECT_FOUR = Setting("connect_four", (256, 256), batch_size=8192)
"""`experiments/connect_four_ppo.yaml`."""
LARGEST = replace(CONNECT_FOUR, num_env_runners=16, num_boards=128, batch_size=16_384)
"""Never fitted: the model is checked on it."""
BESIDE = (
    replace(CENTRE, sample_beside_learning=True),
    replace(CONNECT_FOUR, sample_beside_learning=True),
)
"""Never fitted, either: they have no rates of their own."""
SAMPLING = replace(CENTRE, num_env_runners=4)
"""Its env runners are measured without learning, too."""
SETTINGS = (
    CENTRE,
    *(replace(CENTRE, num_env_runners=number) for number in (0, 1)),
    SAMPLING,
    *(replace(CENTRE, num_boards=boards) for boards in (64, 2048)),
    *(replace(CENTRE, hidden_sizes=(units, units)) for units in (32, 256)),
    replace(CENTRE, minibatch_size=256),
    replace(CENTRE, batch_size=16_384),
    replace(CENTRE, game="4x4x4"),
    replace(CENTRE, game="connect_four", num_boards=256),
    CONNECT_FOUR,
    # Corners, where several factors differ at once.
    replace(CENTRE, num_env_runners=8, num_boards=64),
    replace(CENTRE, game="4x4x4", num_env_runners=4, num_boards=128, hidden_sizes=(256, 256)),
    Setting("connect_four", (64, 64), 1, 128, batch_size=8192, minibatch_size=512),
    replace(CENTRE, game="connect_four", num_env_runners=0, num_boards=128),
)
QUICK_SETTINGS = (CENTRE, replace(CENTRE, num_env_runners=1, num_boards=64))
QUICK_LARGEST = replace(CENTRE, game="connect_four", num_boards=64)

CPUS = 0.01
"""Reserved for each actor; Ray counts, but does not limit."""
VISIT_S = 0.6
"""How long an algorithm trains before it is the next one's turn."""
LEAST_ITERATIONS = 5
UNCOUNTED = 2
"""At first, caches are cold, and env runners answer what they were asked before the pause, with the
CPU time that their idle threads have used since."""
LR = 1e-4
"""Small, so that the length of the games stays what it is."""


def build(setting: Setting, *, seed: int = 0) -> Any:
    """Return the algorithm of a setting, which never evaluates its agent."""
    return config(setting, seed=seed).build_algo()


def config(setting: Setting, *, seed: int = 0) -> Any:
    """Return RLlib's config of a setting."""
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig

    made = SelfPlayPPOConfig().self_play(
        game=GAMES[setting.game],
        exact_evaluation_interval=0,
        sample_beside_learning=setting.sample_beside_learning,
    )
    made.training(
        train_batch_size_per_learner=setting.batch_size,
        minibatch_size=setting.minibatch_size,
        num_epochs=setting.num_epochs,
        lr=LR,
        entropy_coeff=0.01,
        grad_clip=0.5,
    )
    made.env_runners(
        num_env_runners=setting.num_env_runners,
        num_envs_per_env_runner=setting.num_boards,
        num_cpus_per_env_runner=CPUS,
    )
    made.learners(num_learners=setting.num_learners, num_cpus_per_learner=CPUS)
    made.rl_module(model_config={"hidden_sizes": setting.hidden_sizes, "activation": "relu"})
    made.debugging(seed=seed, log_level="ERROR")
    return made


def timings(algorithms: dict[Setting, Any], rounds: int) -> dict[Setting, list[list[Timing]]]:
    """Let all train in turn; the first round only warms up.

    Returns:
        The iterations of each, by round.
    """
    visits = {setting: _Visit(algorithm) for setting, algorithm in algorithms.items()}
    found = interleaved(visits, rounds + 1)
    return {setting: each[1:] for setting, each in found.items()}


def quiet_timing(iterations: Sequence[Timing]) -> Timing:
    """Return the median of each attribute over the faster half of the iterations.

    Neighbours on the machine only ever make an iteration slower.
    """
    ordered = sorted(iterations, key=lambda each: each.wall_s)
    quiet = ordered[: math.ceil(len(ordered) / 2)]
    names = vars(quiet[0])
    return Timing(**{n: statistics.median(getattr(each, n) for each in quiet) for n in names})


class _Visit:
    """Trains an algorithm for a second and times its iterations."""

    def __init__(self, algorithm: Any) -> None:
        self._algorithm = algorithm
        self._moves = 0.0

    def __call__(self) -> list[Timing]:
        iterations: list[Timing] = []
        end_s = time.perf_counter() + VISIT_S
        while len(iterations) < LEAST_ITERATIONS or time.perf_counter() < end_s:
            iterations.append(self._iteration())
        # They have been asked for the next moves already: the next algorithm gets a quiet machine.
        self._algorithm.env_runner_group.foreach_env_runner("ping", local_env_runner=False)
        return iterations[UNCOUNTED:]

    def _iteration(self) -> Timing:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        figures = flatten(self._algorithm.train())
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        moves, self._moves = figures[MOVES] - self._moves, figures[MOVES]
        phases = {name: figures[name] for name in (SAMPLE_S, LEARN_S, SYNC_S)}
        return Timing(
            moves=moves,
            moves_per_game=figures[MOVES_PER_GAME],
            sample_s=phases[SAMPLE_S],
            learn_s=phases[LEARN_S],
            sync_s=phases[SYNC_S],
            rest_s=wall_s - sum(phases.values()) - figures[EVAL_S],
            runner_cpu_s=figures.get(RUNNER_CPU_S, 0.0),
            driver_cpu_s=cpu_s,
        )
