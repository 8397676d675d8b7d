"""When a run first measured what it proved in the end: in moves and in seconds of training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ttt_rllib.metrics import MOVES, TRAIN_S
from ttt_rllib.runs.record import RunRecord

__all__ = ["Milestone", "first_evaluation", "held_from"]


@dataclass(frozen=True)
class Milestone:
    """A moment of a training.

    Attributes:
        moves: Plies that were trained on until then.
        train_s: Seconds of training until then; None where nobody noted them.
    """

    moves: int
    train_s: float | None


def first_evaluation(record: RunRecord, metric: str, figure: float) -> Milestone | None:
    """Return the first evaluation in which a metric had a figure.

    Where only the final evaluation found it, that is the end of the training.

    Args:
        record: A run whose agent has the figure.
        metric: The metric's name.
        figure: What it must be, exactly.

    Returns:
        The moment; None where the run's files do not say.
    """
    found = np.flatnonzero(record.curves[metric] == figure)
    return _milestone(record, int(found[0]) if len(found) else None)


def held_from(record: RunRecord, metric: str, figure: float) -> Milestone | None:
    """Return the evaluation from which on a metric had a figure in all of them.

    Args:
        record: A run whose agent has the figure.
        metric: The metric's name.
        figure: What it must be, exactly.

    Returns:
        The moment, that of the end where the last evaluation was still without it; None where the
        run's files do not say.
    """
    figures = record.curves[metric]
    measured = np.flatnonzero(np.isfinite(figures))
    others = np.flatnonzero(figures[measured] != figure)
    since = measured[others[-1] + 1 :] if len(others) else measured
    return _milestone(record, int(since[0]) if len(since) else None)


def _milestone(record: RunRecord, row: int | None) -> Milestone | None:
    """Return a row of the curves as a moment; None = the end of the training."""
    if row is not None:
        moves, train_s = (float(record.curves[name][row]) for name in (MOVES, TRAIN_S))
    else:
        moves, train_s = (record.metrics.get(name, np.nan) for name in (MOVES, TRAIN_S))
    if np.isnan(moves):
        return None
    return Milestone(int(moves), None if np.isnan(train_s) else train_s)
