"""The game-theoretic value of every position, by backward induction.

Shapes: `P` positions, `A` actions.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Mask
from ttt_envs.positions import Positions

__all__ = ["Solution", "action_values", "solve", "terminal_values"]


@dataclass(frozen=True)
class Solution:
    """What perfect play achieves.

    Attributes:
        values: `[P]` int8 in {-1, 0, +1}, +1 = the mover wins.
        optimal: `[P, A]` bool, the moves that keep the value; all False in a terminal row.
    """

    values: npt.NDArray[np.int8]
    optimal: Mask

    @property
    def game_value(self) -> int:
        """Value of the empty board for the first player, in {-1, 0, +1}."""
        return int(self.values[0])


def solve(positions: Positions) -> Solution:
    """Solve the game.

    Args:
        positions: All positions of the game.
    """
    values = terminal_values(positions)
    optimal = np.zeros_like(positions.legal)
    for rows in reversed(list(positions.plies())):
        moves = action_values(positions, values, rows)
        playing = ~positions.terminal[rows]
        values[rows] = np.where(playing, moves.max(axis=1), values[rows])
        optimal[rows] = positions.legal[rows] & (moves == values[rows, None])
    return Solution(values.astype(np.int8), optimal)


def terminal_values(positions: Positions) -> npt.NDArray[np.float64]:
    """`[P]`: -1 where the mover has lost, 0 where the game is drawn or not over."""
    return np.where(positions.lost, -1.0, 0.0)


def action_values(
    positions: Positions, values: npt.NDArray[np.float64], rows: slice
) -> npt.NDArray[np.float64]:
    """`[n, A]` value of each move for its mover, -inf where illegal.

    Args:
        positions: The table.
        values: `[P]` values seen by the mover; those of the next ply must be final.
        rows: The `n` rows of one ply.
    """
    return np.where(positions.legal[rows], -values[positions.children[rows]], -np.inf)
