"""Finds the squares that would complete a line, without playing on them.

Shapes: `N` boards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ttt_envs.boards import Bits, Boards
from ttt_envs.game import Game

__all__ = [
    "line_completing_squares",
    "line_extending_squares",
    "safe_actions",
    "tactical_actions",
    "threat_actions",
    "winning_actions",
]

ONE = np.uint64(1)
NOTHING = np.uint64(0)


def winning_actions(boards: Boards) -> Bits:
    """`[N]` uint64 whose bit `a` is set where action `a` is legal and wins at once.

    Args:
        boards: `[N]` positions in which the game is not over.
    """
    return _actions(boards, line_completing_squares(boards.game, boards.mover))


def threat_actions(boards: Boards) -> Bits:
    """`[N]` uint64: the actions with which the opponent would win, were it to move.

    Args:
        boards: `[N]` positions in which the game is not over.
    """
    return _actions(boards, line_completing_squares(boards.game, boards.opponent))


def tactical_actions(boards: Boards, completing: tuple[Bits, Bits] | None = None) -> Bits:
    """`[N]` uint64: the legal actions that the tactical rule leaves.

    They are those that win at once if there are any; else those after which the opponent cannot
    win at once if there are any; else all.

    Args:
        boards: `[N]` positions in which the game is not over.
        completing: `line_completing_squares` of the mover and of the opponent, where they are
            known already.
    """
    own, others = completing or (
        line_completing_squares(boards.game, boards.mover),
        line_completing_squares(boards.game, boards.opponent),
    )
    wins, safe = _actions(boards, own), _safe_actions(boards, others)
    return np.where(wins != 0, wins, np.where(safe != 0, safe, boards.legal_bits()))


def safe_actions(boards: Boards) -> Bits:
    """`[N]` uint64: the legal actions after which the opponent cannot win at once.

    Args:
        boards: `[N]` positions in which the game is not over.
    """
    return _safe_actions(boards, line_completing_squares(boards.game, boards.opponent))


def line_completing_squares(game: Game, stones: Bits) -> Bits:
    """Bitboards of the squares with which `stones` would hold a line, in the shape of `stones`.

    Squares that are taken, or that no stone can reach yet, are included.

    Args:
        game: The rules.
        stones: uint64 bitboards, each of one player without a line.
    """
    squares = np.zeros_like(stones)
    for distance, starts in game.lines:
        shifted = [stones >> np.uint64(place * distance) for place in range(game.connect)]
        # Of every line that lacks one stone: those before it, and those after it.
        after: list[Any] = [np.uint64(starts)]
        for stone in shifted[:0:-1]:
            after.append(stone & after[-1])
        squares |= after.pop()
        before = shifted[0]
        for missing in range(1, game.connect):
            squares |= (before & after.pop()) << np.uint64(missing * distance)
            before = before & shifted[missing]
    return squares


def line_extending_squares(game: Game, stones: Bits, others: Bits) -> Bits:
    """Bitboards of the empty squares of lines on which two stones are missing, as `stones`.

    On such a line nobody else has a stone: another one of `stones` makes a threat of it.

    Args:
        game: The rules.
        stones: uint64 bitboards, each of one player.
        others: Those of the other player, in the same shape.
    """
    # All directions at once: on a few hundred boards the number of numpy's calls takes the time.
    shape = (-1, *(1,) * stones.ndim)
    distances = np.array([distance for distance, _ in game.lines], np.uint64).reshape(shape)
    # The lines, by their first squares, that so far lack no stone, one and two.
    none: Bits = np.array([starts for _, starts in game.lines], np.uint64).reshape(shape)
    one: Bits = np.zeros_like(none)
    two: Bits = np.zeros_like(none)
    taken: Bits = np.zeros_like(none)
    for place in range(game.connect):
        shifts = np.uint64(place) * distances
        own = stones >> shifts
        missing: Bits = ~own
        two = two & own | one & missing
        one = one & own | none & missing
        none = none & own
        taken = taken | others >> shifts
    lines = two & ~taken
    squares = lines
    for place in range(1, game.connect):
        squares = squares | lines << np.uint64(place) * distances
    return np.asarray(np.bitwise_or.reduce(squares, axis=0) & ~(stones | others))


def _safe_actions(boards: Boards, fatal: Bits) -> Bits:
    """Return the safe actions; the opponent would win on the squares that are `fatal`."""
    game = boards.game
    landing = _landing(boards)
    safe = _columns(game, landing)
    threats = _columns(game, landing & fatal)
    only_one = threats & (threats - ONE) == 0
    # Only a stone on the threatened square itself averts the threat.
    safe = np.where(threats == 0, safe, np.where(only_one, threats, NOTHING))
    if game.gravity:
        # A stone lifts the opponent's next one to the square above.
        safe &= ~_columns(game, landing & fatal << np.uint64(game.cols))
    return safe


def _actions(boards: Boards, squares: Bits) -> Bits:
    """Return the legal actions whose stone lands on one of the squares."""
    return _columns(boards.game, _landing(boards) & squares)


def _landing(boards: Boards) -> Bits:
    """Return the squares on which a stone can land."""
    game = boards.game
    occupied = boards.mover | boards.opponent
    if not game.gravity:
        return ~occupied & np.uint64(game.action_bits)
    bottom_row = np.uint64(game.action_bits << (game.num_squares - game.cols))
    return ~occupied & (occupied >> np.uint64(game.cols) | bottom_row)


def _columns(game: Game, squares: Bits) -> Bits:
    """Return the actions that name these squares."""
    if not game.gravity:
        return squares
    rows = game.rows
    while rows > 1:
        # Onto each other, the lower half of the rows that are left and the upper one.
        rows -= rows // 2
        squares = squares | squares >> np.uint64(rows * game.cols)
    return squares & np.uint64(game.action_bits)
