"""An agent that looks some plies ahead, and trusts its network only at the horizon.

numpy only. Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.search import move_values
from ttt_rllib.exact.tables import Table

__all__ = ["MAX_PLIES", "LookaheadPolicy", "Valued"]

MAX_PLIES = 6
"""Each further ply of Connect Four takes four times as long."""


class Valued(Protocol):
    """What estimates positions of one game, such as a network."""

    @property
    def game(self) -> Game:
        """The rules."""

    def values(self, boards: Boards) -> npt.NDArray[np.float32]:
        """Return the estimates `[B]` of the value, +1 = the mover wins.

        Args:
            boards: `[B]` positions in which the game is not over.
        """


@dataclass(frozen=True)
class LookaheadPolicy:
    """Searches `plies` plies and plays the best move, the lowest number on a tie.

    Games that end within these plies count as they end: wins before every estimate, the earliest
    first, and losses after, the latest first; a draw is 0. All others have the value that the
    network gives to the position at the horizon. It is deterministic, up to the last digits of the
    network's arithmetic, which depend on how many positions are estimated together.

    Attributes:
        policy: Estimates the positions at the horizon.
        plies: Plies to look ahead, 1 to 6.

    Raises:
        ValueError: If the number of plies is none of these.
    """

    policy: Valued
    plies: int

    def __post_init__(self) -> None:
        if not 1 <= self.plies <= MAX_PLIES:
            raise ValueError(f"plies is {self.plies}; an agent looks 1 to {MAX_PLIES} plies ahead")

    @property
    def game(self) -> Game:
        """The rules."""
        return self.policy.game

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`: 1 for one move of each row."""
        best = self.move_values(boards).argmax(axis=1)
        return (np.arange(self.game.num_actions) == best[:, None]).astype(np.float64)

    def move_values(self, boards: Boards) -> npt.NDArray[np.float32]:
        """Return the values `[B, A]` of the moves, as `ttt_rllib.agents.search.move_values`.

        Args:
            boards: `[B]` positions in which the game is not over.
        """
        return move_values(boards, self.plies, self.policy.values)
