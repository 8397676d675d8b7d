"""Numbers that tell the positions of a game apart: one 64-bit key for each position.

Keys sort and merge positions quickly, and tell the position: no two have the same key.
Shapes: `N` boards, `D` distinct ones among them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, Mask
from ttt_envs.game import MAX_SQUARES, Game

__all__ = ["boards_of_keys", "distinct", "has_keys", "position_keys"]

HALF = 32
"""Boards of at most this many squares have their two bitboards side by side in the key."""


def has_keys(game: Game) -> bool:
    """Return whether the positions of a game have keys.

    They do on boards of at most 32 squares, and with gravity on all to which a further row can be
    added: a column is then told by the mover's stones and the square above the topmost stone.
    """
    return game.num_squares <= HALF or (game.gravity and (game.rows + 1) * game.cols <= MAX_SQUARES)


def position_keys(boards: Boards) -> Bits:
    """`[N]` uint64 keys; two positions are equal where their keys are.

    Args:
        boards: `[N]` positions of a game that has keys.
    """
    game = boards.game
    if game.num_squares <= HALF:
        return boards.mover | (boards.opponent << np.uint64(HALF))
    cols = np.uint64(game.cols)
    # One more row at the top, so that a full column has a square above its topmost stone too.
    occupied = (boards.mover | boards.opponent) << cols
    above = (occupied >> cols | _bottom_row(game)) & ~occupied
    return boards.mover << cols | above


def boards_of_keys(game: Game, keys: Bits) -> Boards:
    """Return the `[N]` positions that have these keys.

    Args:
        game: A game that has keys.
        keys: `[N]` uint64.
    """
    if game.num_squares <= HALF:
        half = np.uint64(HALF)
        return Boards(game, keys & np.uint64((1 << HALF) - 1), keys >> half)
    cols = np.uint64(game.cols)
    filled = keys
    rows = 1
    while rows <= game.rows:
        filled = filled | filled << np.uint64(rows * game.cols)
        rows *= 2
    # What lies below the topmost bit of each column is occupied.
    occupied = filled << cols & np.uint64((1 << (game.num_squares + game.cols)) - 1)
    mover = (keys & occupied) >> cols
    return Boards(game, mover, (occupied >> cols) & ~mover)


def distinct(boards: Boards) -> tuple[Boards, npt.NDArray[np.intp]]:
    """Return the `[D]` distinct positions among `[N]`, sorted, and `[N]` which each of them is.

    Args:
        boards: `[N]` positions of any game.
    """
    if has_keys(boards.game):
        keys = position_keys(boards)
        order = keys.argsort()
        is_new = _differs(keys[order])
    else:
        order = np.lexsort((boards.opponent, boards.mover))
        is_new = _differs(boards.mover[order]) | _differs(boards.opponent[order])
    rows = np.empty(len(boards), np.intp)
    rows[order] = is_new.cumsum() - 1
    return boards[order[is_new]], rows


def _differs(ordered: Bits) -> Mask:
    """`[N]` bool, the entries that are not equal to the one before."""
    differs = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return differs


def _bottom_row(game: Game) -> np.uint64:
    """Return the bottom row of the board with one more row."""
    return np.uint64(game.action_bits << game.num_squares)
