"""How many more plies a game lasts under best play.

Best play means the fastest win and the slowest loss. A draw of these games always fills the
board, so the players cannot choose its length.
Shapes: `P` positions, `A` actions.
"""

import numpy as np
import numpy.typing as npt

from ttt_envs.positions import Positions
from ttt_rllib.exact.solver import Solution

__all__ = ["plies_to_end"]

NEVER = 100
"""More plies than any game has."""


def plies_to_end(positions: Positions, solution: Solution) -> npt.NDArray[np.int8]:
    """`[P]` plies until the game is over when both sides play best, 0 where it is over.

    Args:
        positions: All positions of the game.
        solution: Their values.
    """
    plies = np.zeros(len(positions), np.int8)
    for rows in reversed(list(positions.plies())):
        replies = plies[positions.children[rows]]
        optimal = solution.optimal[rows]
        fastest = np.where(optimal, replies, NEVER).min(axis=1)
        slowest = np.where(optimal, replies, -1).max(axis=1)
        best = 1 + np.where(solution.values[rows] > 0, fastest, slowest)
        plies[rows] = np.where(positions.terminal[rows], 0, best)
    return plies
