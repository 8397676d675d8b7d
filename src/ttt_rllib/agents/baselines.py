"""Fixed opponents that measure an agent whose game is too large to solve.

They know the rules and nothing else: they have no table and do not learn. numpy only.
Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ttt_envs.boards import Boards, Mask, unpack_mask
from ttt_envs.game import Game
from ttt_envs.threats import threat_actions, winning_actions
from ttt_rllib.agents.search import move_values
from ttt_rllib.exact.tables import Table

__all__ = ["AlphaBetaPolicy", "OnePlyPolicy"]


@dataclass(frozen=True)
class OnePlyPolicy:
    """Looks one ply ahead for either player.

    It wins at once if it can; otherwise it takes a square on which the opponent would win
    next, if there is one; otherwise it plays any legal move. Equal choices have equal
    probability. Under gravity it does not see that its stone may lift the opponent's next
    stone to a winning square.
    """

    game: Game

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`."""
        wins, threats = winning_actions(boards), threat_actions(boards)
        moves = np.where(threats != 0, threats, boards.legal_bits())
        return _uniform(unpack_mask(np.where(wins != 0, wins, moves), self.game.num_actions))


@dataclass(frozen=True)
class AlphaBetaPolicy:
    """Searches `depth` plies and plays each of its best moves with equal probability.

    The value of a position is the negamax value of the game cut off after `depth` plies:
    it is 0 at the horizon, and it prefers an earlier win and a later loss; see
    `ttt_rllib.agents.search`.

    Attributes:
        game: The rules.
        depth: Plies to look ahead, 1 or more; 1 sees its own wins only, 2 also parries.

    Raises:
        ValueError: If the depth is below 1.
    """

    game: Game
    depth: int

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth is {self.depth}; it is 1 or more plies")

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`."""
        values = move_values(boards, self.depth)
        return _uniform(values == values.max(axis=1, keepdims=True))


def _uniform(chosen: Mask) -> Table:
    return chosen / chosen.sum(axis=1, keepdims=True)
