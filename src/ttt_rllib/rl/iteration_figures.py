"""The figures of an iteration that need no evaluation: play, learning and usage.

They are read from RLlib's metrics, where env runners and learners log, and returned under the
names of `ttt_rllib.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from ray.rllib.utils.metrics import (
    ALL_MODULES,
    ENV_RUNNER_RESULTS,
    LEARNER_RESULTS,
    NUM_ENV_STEPS_SAMPLED,
    NUM_EPISODES,
)

from ttt_rllib.metrics import (
    CPU_S,
    DRAW_RATE,
    LEARNER_CPU_S,
    LEARNER_MEMORY_MB,
    MEMORY_MB,
    MOVES_PER_GAME,
    O_WIN_RATE,
    RETURN_MEAN,
    RUNNER_CPU_S,
    RUNNER_MEMORY_MB,
    X_WIN_RATE,
)
from ttt_rllib.rl.env_runner import DRAWS, O_WINS, RETURNS, X_WINS
from ttt_rllib.rl.hosts import AlgorithmHost
from ttt_rllib.sampling.process_usage import CPU_S_KEY, MEMORY_MB_KEY, ProcessUsage

__all__ = ["learner_figures", "play_figures", "usage_figures"]


def play_figures(algorithm: AlgorithmHost, totals: Mapping[str, Any] | None) -> dict[str, float]:
    """Return what the games of this iteration came to, as rates and means over the games.

    Args:
        algorithm: Whose env runners have played.
        totals: As in `ExactEvaluationMixin.record_iteration`.
    """

    def total(key: str) -> float | None:
        if totals is not None:
            return totals.get(key)
        return float(algorithm.metrics.peek((ENV_RUNNER_RESULTS, key)))

    games = total(NUM_EPISODES)
    if not games:
        return {}
    counts = {
        X_WIN_RATE: X_WINS,
        DRAW_RATE: DRAWS,
        O_WIN_RATE: O_WINS,
        MOVES_PER_GAME: NUM_ENV_STEPS_SAMPLED,
    }
    if not algorithm.config.env_config.get("is_zero_sum", True):
        # Nobody wins a game that both may win.
        del counts[X_WIN_RATE], counts[O_WIN_RATE]
    figures = {}
    for name, key in counts.items():
        count = total(key)
        if count is not None:
            figures[name] = count / games
    returns = (totals or {}).get(RETURNS, {})
    return {**figures, **{f"{RETURN_MEAN}{agent}": one / games for agent, one in returns.items()}}


def usage_figures(algorithm: AlgorithmHost, usage: ProcessUsage) -> dict[str, float]:
    """Return the usage of this process, and what its actors have logged of theirs."""
    figures = {CPU_S: usage.cpu_s(), MEMORY_MB: usage.memory_mb()}
    places = {
        RUNNER_CPU_S: (ENV_RUNNER_RESULTS, CPU_S_KEY),
        RUNNER_MEMORY_MB: (ENV_RUNNER_RESULTS, MEMORY_MB_KEY),
        LEARNER_CPU_S: (LEARNER_RESULTS, ALL_MODULES, CPU_S_KEY),
        LEARNER_MEMORY_MB: (LEARNER_RESULTS, ALL_MODULES, MEMORY_MB_KEY),
    }
    for metric, place in places.items():
        figure = float(algorithm.metrics.peek(place, default=math.nan))
        if not math.isnan(figure):
            figures[metric] = figure
    return figures


def learner_figures(
    algorithm: AlgorithmHost, results: dict[str, Any], keys: Mapping[str, str]
) -> dict[str, float]:
    """Return the figures of the learner, averaged over the modules if there are several.

    Args:
        algorithm: Whose modules have learned.
        results: RLlib's results of the iteration.
        keys: What each of our metrics is called in them.
    """
    modules = results.get(LEARNER_RESULTS, {})
    learned = [
        modules[module_id] for module_id in algorithm.config.policies if module_id in modules
    ]
    figures = {}
    for name, key in keys.items():
        values = [float(one[key]) for one in learned if key in one]
        if values:
            figures[name] = fmean(values)
    return figures
