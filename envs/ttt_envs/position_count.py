"""How many positions a game has, counted without making them.

A game that is too large to enumerate can then be refused at once. Only boards without gravity are
counted: there, stones without a line are a position whatever their order, because no part of them
has a line either.
Shapes: `S` sets of squares.
"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import has_line
from ttt_envs.game import Game

__all__ = ["MAX_COUNTED_SQUARES", "position_counts"]

MAX_COUNTED_SQUARES = 16
"""Up to here all sets of squares are looked at, 65,536 of them; more than that are bounded."""

Counts = npt.NDArray[np.int64]


def position_counts(game: Game) -> tuple[int, ...] | None:
    """Return the number of positions after each ply; None where nothing is known of it.

    Up to `MAX_COUNTED_SQUARES` squares the numbers are exact, beyond they are lower bounds.
    """
    if game.gravity or game.table is not None:
        return None
    if game.num_squares <= MAX_COUNTED_SQUARES:
        return _exact_counts(game)
    return tuple(_least_count(game, ply) for ply in range(game.num_squares + 1))


def _exact_counts(game: Game) -> tuple[int, ...]:
    """Count pairs of sets: both without a line, or one in which the last stone made the line."""
    squares = range(game.num_squares)
    sets = np.arange(1 << game.num_squares, dtype=np.uint64)
    sizes = np.bitwise_count(sets)
    free = ~has_line(game, sets)
    # Without one of its stones such a set has no line, so that stone was the last one.
    just_won = np.zeros_like(free)
    for square in squares:
        just_won |= free[sets & ~np.uint64(1 << square)] & ~free
    beside = {size: _free_subsets(free & (sizes == size)) for size in range(len(squares) // 2 + 1)}
    counts = []
    for ply in range(len(squares) + 1):
        # The player who has just moved has one stone more than the other one, or as many.
        moved = (sizes == (ply + 1) // 2) & (free | just_won)
        # A set's complement is as far from the end as the set is from the start.
        counts.append(int(beside[ply // 2][::-1][moved].sum()))
    return tuple(counts)


def _free_subsets(chosen: npt.NDArray[np.bool_]) -> Counts:
    """`[S]` int64, how many of the chosen sets each set contains, summed square by square."""
    found = chosen.astype(np.int64)
    step = 1
    while step < len(found):
        pairs = found.reshape(-1, 2, step)
        pairs[:, 1] += pairs[:, 0]
        step *= 2
    return found


def _least_count(game: Game, ply: int) -> int:
    """Return a number of positions without a line: all arrangements, less those per line."""
    squares, as_x, as_o = game.num_squares, (ply + 1) // 2, ply // 2
    arrangements = comb(squares, as_x) * comb(squares - as_x, as_o)
    lines = sum(starts.bit_count() for _, starts in game.lines)
    with_line = sum(
        _choose(squares - game.connect, own - game.connect) * comb(squares - own, other)
        for own, other in ((as_x, as_o), (as_o, as_x))
    )
    return max(0, arrangements - lines * with_line)


def _choose(squares: int, stones: int) -> int:
    return comb(squares, stones) if stones >= 0 else 0
