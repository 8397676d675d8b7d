"""What more processes bring: whole iterations, learners, trials, and time to a fixed strength.

The rows carry what `benchmarks.scaling_page` needs to fit the model again and to write
`docs/scaling.md`; nothing of the page is measured elsewhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from benchmarks.rows import Row, Target, interleaved, ratios
from benchmarks.scaling_iterations import (
    BESIDE,
    LARGEST,
    QUICK_LARGEST,
    QUICK_SETTINGS,
    SAMPLING,
    SETTINGS,
    build,
    quiet_timing,
    timings,
)
from benchmarks.scaling_learners import learning
from benchmarks.scaling_model import Model, fit
from benchmarks.scaling_setting import Setting, Timing
from benchmarks.scaling_strength import CAP_MOVES, Arrival, strength
from benchmarks.scaling_trials import TRIAL, trials

__all__ = ["ERROR", "error_row", "scaling"]

ITERATION_ROUNDS, ROUNDS = 5, 4
SEEDS = 3
SAMPLED_MOVES = 200_000
SAMPLERS = (1, 2, 4)
ERROR = "error of the model's moves per second on the largest setting, which was not fitted"


def scaling(quick: bool) -> list[Row]:
    """Measure everything; in a hurry three settings, without learners, trials and strength."""
    from ttt_rllib.cluster.connection import connect, disconnect
    from ttt_rllib.cluster.machine import available_cpus

    connect(None)  # before anything imports ray
    import torch

    torch.set_num_threads(1)  # as Ray does in an actor of one CPU, such as a trial
    try:
        if quick:
            return _iterations(QUICK_SETTINGS, (QUICK_LARGEST,), 1, available_cpus())
        return [
            *_iterations(SETTINGS, (*BESIDE, LARGEST), ITERATION_ROUNDS, available_cpus()),
            *_learning(),
            *_trials(),
            *_strength(),
        ]
    finally:
        disconnect()


def _iterations(
    fitted: Sequence[Setting], unseen: Sequence[Setting], rounds: int, cores: int
) -> list[Row]:
    """Measure whole iterations; the last of the unseen is what the model is checked on."""
    algorithms = {setting: build(setting) for setting in (*fitted, *unseen)}
    found = timings(algorithms, rounds)
    # While the algorithm is there.
    sampling = _sampling(algorithms[SAMPLING]) if SAMPLING in algorithms else []
    for algorithm in algorithms.values():
        algorithm.stop()
    rows = []
    for setting, each in found.items():
        visits = [quiet_timing(visit) for visit in each]
        detail = {
            "kind": "iteration",
            "setting": asdict(setting),
            "timing": asdict(_quiet(each)),
            "fitted": setting in fitted,
        }
        rates = [visit.moves_per_s for visit in visits]
        rows.append(Row("scaling", setting.name, "moves per wall second", rates, detail=detail))
        rates = [visit.moves_per_cpu_s for visit in visits]
        rows.append(Row("scaling", setting.name, "moves per CPU second", rates))
    model = fit({setting: _quiet(found[setting]) for setting in fitted}, cores)
    return [*rows, *sampling, error_row(model, unseen[-1], found[unseen[-1]], cores)]


def error_row(
    model: Model, largest: Setting, visits: Sequence[Sequence[Timing]], cores: int
) -> Row:
    """Return how far the model is off, round by round, where it has seen nothing."""
    length = _quiet(visits).moves_per_game
    predicted = model.predict(largest, length, cores).moves_per_s
    errors = [abs(predicted / quiet_timing(visit).moves_per_s - 1.0) for visit in visits]
    return Row("scaling", ERROR, "share", errors, Target(at_most=0.15), largest.name)


def _quiet(visits: Sequence[Sequence[Timing]]) -> Timing:
    return quiet_timing(list(chain.from_iterable(visits)))


def _sampling(algorithm: Any) -> list[Row]:
    """Sample on some of an algorithm's env runners, without learning."""
    contestants = {number: _sampling_rate(algorithm, number) for number in SAMPLERS}
    for measure in contestants.values():
        measure()
    figures = interleaved(contestants, ROUNDS)
    what = f"sampling {SAMPLED_MOVES:,} moves"
    rows = [
        Row("scaling", f"{what}, {_count(number)}", "moves per wall second", each)
        for number, each in figures.items()
    ]
    for number in SAMPLERS[1:]:
        speed_up = ratios(figures[number], figures[1])
        label = f"{what}, {_count(number)} against 1"
        target = Target(at_least=1.7) if number == 2 else None
        rows.append(Row("scaling", label, "x", speed_up, target))
    return rows


def _count(number: int) -> str:
    return f"{number} env runner{'s' * (number > 1)}"


def _sampling_rate(algorithm: Any, number: int) -> Callable[[], float]:
    share, chosen = math.ceil(SAMPLED_MOVES / number), list(range(1, number + 1))

    def measure() -> float:
        start_s = time.perf_counter()
        answers = algorithm.env_runner_group.foreach_env_runner(
            "sample_games",
            kwargs={"num_moves": share, "epsilon": 0.0},
            remote_worker_ids=chosen,
            local_env_runner=False,
        )
        moves = sum(sampled.games.num_moves for sampled in answers)
        return float(moves) / (time.perf_counter() - start_s)

    return measure


def _learning() -> list[Row]:
    rows = []
    for setting, seconds in learning(ROUNDS).items():
        number = f"{setting.num_learners} learner{'s' * (setting.num_learners > 1)}"
        layers = " x ".join(map(str, setting.hidden_sizes))
        what = (
            f"learning, {number}, {setting.moves:,} moves, minibatch {setting.minibatch_size:,}, "
            f"network {layers}"
        )
        rates = [setting.num_epochs * setting.moves / each for each in seconds]
        detail = {"kind": "learning", "setting": asdict(setting)}
        rows.append(Row("scaling", what, "passes per wall second", rates, detail=detail))
    return rows


def _trials() -> list[Row]:
    return [
        Row(
            "scaling",
            f"{number} trial{'s' * (number > 1)} at once, {TRIAL.name}",
            "moves per wall second",
            rates,
            detail={"kind": "trials", "setting": asdict(TRIAL), "trials": number},
        )
        for number, rates in trials(ROUNDS).items()
    ]


def _strength() -> list[Row]:
    rows = []
    for runners, arrivals in strength(SEEDS).items():
        there = sum(arrival.is_unexploitable for arrival in arrivals)
        note = f"{there} of {len(arrivals)} seeds unexploitable within {CAP_MOVES:,} moves"
        for name, unit, figures in _columns(arrivals):
            what = f"ppo.yaml to unexploitable, {runners.name}, {name}"
            detail = {"kind": "strength", "runners": runners.name, "column": name}
            rows.append(Row("scaling", what, unit, figures, None, note, detail))
    return rows


def _columns(arrivals: Sequence[Arrival]) -> list[tuple[str, str, list[float]]]:
    return [
        ("moves", "moves", [each.moves for each in arrivals]),
        ("training", "s", [each.train_s for each in arrivals]),
    ]
