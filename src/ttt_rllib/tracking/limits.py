"""When a run stops, in words: what ends it early, its limits, and the time until one is reached."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ttt_rllib.config.stopping import Stop
from ttt_rllib.metrics import ITERATION, MOVES, TRAIN_S

__all__ = ["format_duration", "max_remaining_s", "stop_sentence", "time_left"]

ITERATIONS_BEFORE_ESTIMATE = 3
SECONDS_IN_WORDS = 100
MINUTES_IN_WORDS = 100
WHOLE_UNITS = ((3600, "h"), (60, "min"))


def stop_sentence(stop: Stop) -> str:
    """Return what ends a trial, for example "stops when unexploitable; limit 5 min"."""
    reasons = []
    if evals := stop.consecutive_unexploitable_evals:
        reasons.append("when unexploitable" + f" {evals} times in a row" * (evals > 1))
    if (share := stop.optimal_move_rate) is not None:
        moves = "every move is" if share == 1.0 else f"{100 * share:.4g}% of moves are"
        reasons.append(f"when {moves} optimal")
    limits = _limits(stop)
    if not reasons:
        return f"stops after {limits}"
    return f"stops {' or '.join(reasons)}; " + (f"limit {limits}" if limits else "no limit")


def time_left(row: Mapping[str, float], stop: Stop) -> str | None:
    """Return about how long a trial goes on, in words; None where nobody can know.

    A trial that stops when the agent is good enough ends long before its limits, as a rule.

    Args:
        row: The metrics of an iteration.
        stop: The limits.
    """
    if stop.consecutive_unexploitable_evals or stop.optimal_move_rate is not None:
        return None
    if row[ITERATION] < ITERATIONS_BEFORE_ESTIMATE:
        return None
    return f"about {format_duration(max_remaining_s(row, stop))} left"


def max_remaining_s(row: Mapping[str, float], stop: Stop) -> float:
    """Return the seconds of training until a limit of moves, time or iterations is reached.

    Args:
        row: The metrics of an iteration.
        stop: The limits. The trial may become unexploitable earlier; the result is infinite if
            none of the three limits is set.
    """
    train_s = row[TRAIN_S]
    shares = [
        row[name] / limit
        for name, limit in (
            (MOVES, stop.moves),
            (TRAIN_S, stop.train_s),
            (ITERATION, stop.iterations),
        )
        if limit is not None
    ]
    share = max(shares, default=0.0)
    return max(0.0, train_s / share - train_s) if share else math.inf


def format_duration(seconds: float) -> str:
    """Return a duration in the unit that people would choose."""
    if not math.isfinite(seconds):
        return "for ever"
    if seconds < SECONDS_IN_WORDS:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < MINUTES_IN_WORDS else f"{minutes / 60:.1f} h"


def _limits(stop: Stop) -> str:
    """Return the limits as a list of words; "" without any."""
    words = []
    if stop.iterations is not None:
        words.append(f"{stop.iterations:,} iteration{'s' * (stop.iterations > 1)}")
    if stop.moves is not None:
        words.append(f"{stop.moves:,} move{'s' * (stop.moves > 1)}")
    if stop.train_s is not None:
        words.append(_exact_duration(stop.train_s))
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _exact_duration(seconds: float) -> str:
    """Return a duration without rounding it: a limit is what was asked for."""
    size, unit = next((one for one in WHOLE_UNITS if seconds % one[0] == 0), (1, "s"))
    return f"{seconds / size:,.10g} {unit}"
