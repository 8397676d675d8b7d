"""Dots and Boxes, 2 x 2 boxes: draw a line; who closes a box owns it and moves again.

The first player wins; OpenSpiel's rules of the same game give that value too.
"""

import numpy as np
import numpy.typing as npt

from ttt_envs import DRAW, ONGOING

# Lines 0 to 5 lie, two in a row; lines 6 to 11 stand, three in a row.
BOXES = np.array([[0, 2, 6, 7], [1, 3, 7, 8], [2, 4, 9, 10], [3, 5, 10, 11]])
LINES = 12

States = npt.NDArray[np.int64]


class DotsAndBoxes:
    """A state is the player to move, the boxes that player 0 is ahead, and the lines drawn."""

    title = "Dots and Boxes 2 x 2"
    move_names = tuple(f"{kind} {number}" for kind in ("lying", "standing") for number in range(6))

    def start(self) -> States:
        """Return the bare dots, player 0 to move."""
        return np.zeros(2 + LINES, np.int64)

    def legal(self, states: States) -> npt.NDArray[np.bool_]:
        """Draw any line that is missing."""
        return states[:, 2:] == 0

    def step(self, states: States, actions: npt.NDArray[np.int64]) -> States:
        """Draw the line; the other player is to move unless a box was closed."""
        before = states[:, 2:][:, BOXES].all(axis=2).sum(axis=1)
        states[np.arange(len(states)), 2 + actions] = 1
        closed = states[:, 2:][:, BOXES].all(axis=2).sum(axis=1) - before
        states[:, 1] += closed * (1 - 2 * states[:, 0])
        states[:, 0] = np.where(closed > 0, states[:, 0], 1 - states[:, 0])
        return states

    def winner(self, states: States) -> States:
        """Who owns more boxes when all lines are drawn."""
        ahead = states[:, 1]
        result = np.where(ahead > 0, 0, np.where(ahead < 0, 1, DRAW))
        return np.where(states[:, 2:].all(axis=1), result, ONGOING)

    def observe(self, states: States) -> npt.NDArray[np.int8]:
        """Show the lines, how many each box has, and the lead of the player to move."""
        lead = states[:, [1]] * (1 - 2 * states[:, [0]])
        has_lines = states[:, 2:][:, BOXES].sum(axis=2)[:, :, None] == np.arange(5)
        return np.hstack([states[:, 2:], has_lines.reshape(-1, 20), lead]).astype(np.int8)

    def draw(self, state: States) -> str:
        """Draw the dots and lines."""
        lying = [["--" if line else "  " for line in row] for row in state[2:8].reshape(3, 2)]
        standing = [["|" if line else " " for line in row] for row in state[8:].reshape(2, 3)]
        rows = [f"+{'+'.join(row)}+" for row in lying]
        below = zip(standing, rows[1:], strict=True)
        return "\n".join([rows[0], *(f"{'  '.join(upper)}\n{row}" for upper, row in below)])
