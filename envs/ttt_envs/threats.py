"""What one more stone would complete, without playing it.

Shapes: `N` boards.
"""

from __future__ import annotations

import numpy as np

from ttt_envs.boards import Bits, Boards
from ttt_envs.game import Game

__all__ = ["line_completing_squares", "threat_actions", "winning_actions"]


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


def line_completing_squares(game: Game, stones: Bits) -> Bits:
    """`[N]` bitboards of the squares with which `stones` would hold a line.

    Squares that are taken, or that nobody can reach yet, are not left out.

    Args:
        game: The rules.
        stones: `[N]` uint64 bitboards of one player without a line.
    """
    squares = np.zeros_like(stones)
    for distance, starts in game.lines:
        shifted = [stones >> np.uint64(place * distance) for place in range(game.connect)]
        for missing in range(game.connect):
            rest = np.full_like(stones, starts)
            for place, stone in enumerate(shifted):
                if place != missing:
                    rest &= stone
            squares |= rest << np.uint64(missing * distance)
    return squares


def _actions(boards: Boards, squares: Bits) -> Bits:
    """Return the actions whose stone would come to lie on one of the squares."""
    game = boards.game
    occupied = boards.mover | boards.opponent
    squares = squares & ~occupied
    if not game.gravity:
        return squares
    bottom_row = game.action_bits << ((game.rows - 1) * game.cols)
    landing = squares & (occupied >> np.uint64(game.cols) | np.uint64(bottom_row))
    actions = np.zeros_like(landing)
    for row in range(game.rows):
        actions |= landing >> np.uint64(row * game.cols)
    return actions & np.uint64(game.action_bits)
