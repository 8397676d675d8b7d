"""Nim with heaps of 1, 3 and 5 sticks: take any number from one heap; who takes the last one wins.

The player to move can win exactly where the nim-sum, the exclusive or of the heaps, is not 0
(C. L. Bouton, Nim, A Game with a Complete Mathematical Theory, 1901).
"""

import numpy as np
import numpy.typing as npt

from ttt_envs import ONGOING

HEAPS = (1, 3, 5)
MOVES = [(heap, count) for heap, size in enumerate(HEAPS) for count in range(1, size + 1)]
HEAP, COUNT = np.array(MOVES).T

States = npt.NDArray[np.int64]


class Nim:
    """A state is the player to move and the sticks of each heap."""

    title = "Nim"
    move_names = tuple(f"{count} of heap {heap + 1}" for heap, count in MOVES)

    def start(self) -> States:
        """Return the full heaps, player 0 to move."""
        return np.array([0, *HEAPS])

    def legal(self, states: States) -> npt.NDArray[np.bool_]:
        """A heap must have so many sticks."""
        return states[:, 1 + HEAP] >= COUNT

    def step(self, states: States, actions: npt.NDArray[np.int64]) -> States:
        """Take the sticks; the other player is to move."""
        states[np.arange(len(states)), 1 + HEAP[actions]] -= COUNT[actions]
        states[:, 0] = 1 - states[:, 0]
        return states

    def winner(self, states: States) -> States:
        """The player who is not to move has taken the last stick."""
        return np.where(states[:, 1:].any(axis=1), ONGOING, 1 - states[:, 0])

    def observe(self, states: States) -> npt.NDArray[np.int8]:
        """Show each heap as a row of sticks."""
        sticks = [states[:, [1 + heap]] > np.arange(size) for heap, size in enumerate(HEAPS)]
        return np.concatenate(sticks, axis=1).astype(np.int8)

    def draw(self, state: States) -> str:
        """Draw a line for each heap."""
        return "\n".join(f"heap {heap + 1}: {'|' * state[1 + heap]}" for heap in range(len(HEAPS)))
