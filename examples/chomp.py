"""Chomp on 3 x 4 pieces of chocolate: eat one with all below and right of it; the last is poisoned.

The first player wins on every board of more than one piece: were eating the bottom right piece no
win, the answer to it would have been one (D. Gale, A Curious Nim-Type Game, 1974).
"""

import numpy as np
import numpy.typing as npt

from ttt_envs import ONGOING

ROWS, COLS = 3, 4
ROW, COL = np.divmod(np.arange(ROWS * COLS), COLS)
EATEN = (ROW[:, None] <= ROW) & (COL[:, None] <= COL)
"""For each piece, those that are eaten with it."""

States = npt.NDArray[np.int64]


class Chomp:
    """A state is the player to move and, for each piece, whether it is there."""

    title = f"Chomp {ROWS} x {COLS}"
    move_names = tuple(
        f"row {row + 1}, column {col + 1}" for row, col in zip(ROW, COL, strict=True)
    )

    def start(self) -> States:
        """Return the whole bar, player 0 to move."""
        return np.array([0] + [1] * ROWS * COLS)

    def legal(self, states: States) -> npt.NDArray[np.bool_]:
        """Eat any piece that is there, the poisoned one too."""
        return states[:, 1:] == 1

    def step(self, states: States, actions: npt.NDArray[np.int64]) -> States:
        """Eat; the other player is to move."""
        left = states[:, 1:] * ~EATEN[actions]
        return np.concatenate([1 - states[:, :1], left], axis=1)

    def winner(self, states: States) -> States:
        """Who has just eaten the poisoned piece, the top left one, has lost."""
        return np.where(states[:, 1] == 1, ONGOING, states[:, 0])

    def observe(self, states: States) -> npt.NDArray[np.int8]:
        """Show the pieces that are there."""
        return states[:, 1:].astype(np.int8)

    def draw(self, state: States) -> str:
        """Draw the bar, the poisoned piece as a P."""
        pieces = np.where(state[1:] == 1, "#", ".")
        pieces[0] = "P" if state[1] else "."
        return "\n".join(" ".join(row) for row in pieces.reshape(ROWS, COLS))
