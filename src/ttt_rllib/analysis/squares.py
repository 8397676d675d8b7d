"""The squares of a game record: who owns them, and where stones land.

Shapes: a board alone is a batch `[1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ttt_envs.boards import Boards
from ttt_rllib.analysis.game_record import GameRecord

__all__ = ["Owner", "landing_squares", "last_square", "owners"]

Owner = Literal["X", "O", ""]
"""The player whose stone lies on a square; "" = it is empty."""


def owners(record: GameRecord) -> list[Owner]:
    """Return who owns each square, row-major; nothing where the rules are a table."""
    if record.game.table is not None:
        return []
    x_stones, o_stones = record.stones
    squares: list[Owner] = []
    for square in range(record.game.num_squares):
        is_x, is_o = x_stones >> square & 1, o_stones >> square & 1
        squares.append("X" if is_x else "O" if is_o else "")
    return squares


def last_square(record: GameRecord) -> int | None:
    """Return where the last stone lies; None on the empty board, and where there is no board."""
    if not record.moves or record.game.table is not None:
        return None
    return _new_squares(record.boards[-2], record.boards[-1])[0]


def landing_squares(record: GameRecord, actions: Sequence[int]) -> list[int]:
    """Return the square on which the stone of each of these legal actions would land.

    Where the rules are a table there are no squares, and it is the action itself.
    """
    if record.game.table is not None:
        return list(actions)
    boards = record.board[np.zeros(len(actions), np.intp)]
    return _new_squares(boards, boards.step(np.array(actions, np.intp)).boards)


def _new_squares(before: Boards, after: Boards) -> list[int]:
    new = (before.mover | before.opponent) ^ (after.mover | after.opponent)
    return [int(bit).bit_length() - 1 for bit in new]
