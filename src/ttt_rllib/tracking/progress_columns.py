"""The columns of a run's progress: what each kind of game has to say, and what matters most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ttt_rllib.metrics import (
    DRAW_RATE,
    ITERATION,
    MOVES,
    MOVES_PER_GAME,
    MOVES_PER_S,
    NASH_CONV,
    NASH_CONV_GREEDY,
    O_WIN_RATE,
    OPTIMAL_MOVE_RATE,
    OPTIMAL_RATE_DECISIVE,
    RETURN_MEAN,
    SCORE_VS_ALPHA_BETA,
    SCORE_VS_ONE_PLY,
    SCORE_VS_RANDOM,
    SCORE_VS_RANDOM_O,
    SCORE_VS_RANDOM_X,
    TRAIN_S,
    X_WIN_RATE,
)

__all__ = ["ProgressColumn", "is_measured", "progress_columns"]

UNEXPLOITABLE = "0.000"
AT_BEST = "at best"
LONG_S = 100.0
"""Seconds from which on tenths are left out."""


def _score(figure: float) -> str:
    return f"{figure:.3f}"


def _count(figure: float) -> str:
    return f"{figure:,.0f}"


def _share(figure: float) -> str:
    return f"{figure:.2%}"


def _seconds(figure: float) -> str:
    return f"{figure:.1f}s" if figure < LONG_S else f"{figure:.0f}s"


@dataclass(frozen=True)
class ProgressColumn:
    """A column: what it shows, and when it is left out.

    Attributes:
        heading: Its name, in one line or more.
        metric: What it shows.
        form: Makes text of the metric.
        width: Least width in characters.
        rank: How soon it is left out where there is no room; 0 = never.
        best: The best possible figure, where it is known; in the column of moves, the name of the
            row of those figures.
    """

    heading: str
    metric: str
    form: Callable[[float], str]
    width: int
    rank: int
    best: str = ""


FIRST = (
    ProgressColumn("iter", ITERATION, "{:.0f}".format, 5, 2),
    ProgressColumn("moves", MOVES, _count, 9, 0, AT_BEST),
    ProgressColumn("moves/s", MOVES_PER_S, _count, 8, 6),
)
GREEDY = ProgressColumn("greedy", NASH_CONV_GREEDY, _score, 7, 1, UNEXPLOITABLE)
EXACT = (
    GREEDY,
    ProgressColumn("NashConv", NASH_CONV, _score, 9, 3, UNEXPLOITABLE),
    ProgressColumn("optimal", OPTIMAL_MOVE_RATE, _share, 8, 5, "100.00%"),
    ProgressColumn("rand X", SCORE_VS_RANDOM_X, _score, 7, 7),
    ProgressColumn("rand O", SCORE_VS_RANDOM_O, _score, 7, 7),
)
SAMPLED = (
    replace(GREEDY, best=""),
    ProgressColumn("decisive", OPTIMAL_RATE_DECISIVE, _share, 8, 3),
    ProgressColumn("vs random", SCORE_VS_RANDOM, _score, 9, 7),
    ProgressColumn("one-ply", SCORE_VS_ONE_PLY, _score, 7, 7),
    ProgressColumn("alpha-beta", SCORE_VS_ALPHA_BETA, _score, 10, 5),
)
WINS = (
    ProgressColumn("X wins", X_WIN_RATE, _share, 7, 7),
    ProgressColumn("draws", DRAW_RATE, _share, 7, 7),
    ProgressColumn("O wins", O_WIN_RATE, _share, 7, 7),
)
LENGTH = ProgressColumn("plies", MOVES_PER_GAME, "{:.1f}".format, 6, 8)
TIME = ProgressColumn("time", TRAIN_S, _seconds, 6, 4)


def progress_columns(
    ceilings: tuple[float, float] | None, known: Iterable[str]
) -> tuple[ProgressColumn, ...]:
    """Return the columns in their order, without those that have nothing to say so far.

    Until something says how good the agent is, they say how its games end: the returns of
    the agents of a PettingZoo environment, or who wins.

    Args:
        ceilings: Best possible scores against random as X and as O; None where the game is not
            solved.
        known: The metrics that an iteration has had so far.
    """
    known = dict.fromkeys(known)  # in their order
    if ceilings is None:
        measured: tuple[ProgressColumn, ...] = SAMPLED
    else:
        best = dict(zip((SCORE_VS_RANDOM_X, SCORE_VS_RANDOM_O), map(_score, ceilings), strict=True))
        measured = tuple(replace(one, best=best.get(one.metric, one.best)) for one in EXACT)
    shown = [one for one in measured if one.metric in known]
    if not shown:
        agents = [name.removeprefix(RETURN_MEAN) for name in known if name.startswith(RETURN_MEAN)]
        shown = [*(_returns_of(agents) if agents else WINS), LENGTH]
    return tuple(one for one in (*FIRST, *shown, TIME) if one.metric in known)


def is_measured(known: Iterable[str]) -> bool:
    """Return whether metrics say how good the agent is, which not every iteration measures."""
    return any(one.metric in known for one in (*EXACT, *SAMPLED))


def _returns_of(agents: Iterable[str]) -> Iterator[ProgressColumn]:
    for agent in agents:
        yield ProgressColumn(f"return\n{agent}", f"{RETURN_MEAN}{agent}", _score, 8, 1)
