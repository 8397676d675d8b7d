"""A player that is a table of its move probabilities, whatever they were computed by.

It needs neither the code nor the libraries of the agent that it was made from. numpy only.
Shapes: `B` boards, `P` positions of the game, `A` actions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.policies import Policy, policy_table
from ttt_rllib.errors import InputError
from ttt_rllib.exact.solved_game import solve_or_raise, solved_game
from ttt_rllib.exact.tables import Table

__all__ = ["MAX_TABLE_POSITIONS", "TablePolicy", "tabulated"]

MAX_TABLE_POSITIONS = 500_000
"""Positions of the largest game of which a table is made; with 16 actions it takes 64 MB."""


@dataclass(frozen=True, eq=False, repr=False)
class TablePolicy:
    """Looks its move probabilities up.

    Attributes:
        game: The rules; the game can be solved.
        table: `[P, A]` float64 probabilities, in the order of the game's `Positions`.
    """

    game: Game
    table: Table

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`.

        Raises:
            KeyError: If a position cannot occur in the game.
        """
        found: Table = self.table[solve_or_raise(self.game).positions.find(boards)]
        return found

    @cached_property
    def sha256(self) -> str:
        """Hash of the probabilities."""
        return hashlib.sha256(np.ascontiguousarray(self.table, "<f8").tobytes()).hexdigest()

    def __repr__(self) -> str:
        # What tells players apart is a hash of this; see `bundle.policy_sha256`.
        return f"TablePolicy(game={self.game!r}, sha256={self.sha256!r})"


def tabulated(policy: Policy, name: str) -> TablePolicy:
    """Return what a player does in every position, as a player.

    Args:
        policy: The player.
        name: What people call it, for messages.

    Raises:
        InputError: If its game has too many positions.
    """
    solved = solved_game(policy.game)
    if solved is None or len(solved.positions) > MAX_TABLE_POSITIONS:
        raise InputError(
            f"{name}: plays from a table of all positions, of which a game may have "
            f"{MAX_TABLE_POSITIONS:,}, and {policy.game.title} has more; leave it out, or name a "
            "run, checkpoint or bundle of one of our networks"
        )
    table = policy_table(solved.positions, policy)
    # Those of a network in float32 sum to almost 1.
    sums = table.sum(axis=1, keepdims=True)
    return TablePolicy(policy.game, np.divide(table, sums, out=table, where=sums > 0.0))
