"""An agent that looks some plies ahead, and trusts its network only at the horizon.

numpy only. Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.agents.policies import AgentPolicy, NetworkPolicy, Weights, decide_close
from ttt_rllib.agents.search import move_values
from ttt_rllib.exact.tables import Table

__all__ = ["MAX_PLIES", "BundledPolicy", "LookaheadPolicy", "knowledge"]

MAX_PLIES = 6
"""Each further ply of Connect Four takes four times as long."""


@dataclass(frozen=True)
class LookaheadPolicy:
    """Searches `plies` plies and plays the best move, the lowest number on a tie.

    Games that end within these plies count as they end: wins before every estimate, the earliest
    first, and losses after, the latest first; a draw is 0. All others have the value that the
    network gives to the position at the horizon. It is deterministic on every processor: as with
    `NetworkPolicy`, moves that are close are compared in float64.

    Attributes:
        policy: Estimates the positions at the horizon.
        plies: Plies to look ahead, 1 to 6.

    Raises:
        ValueError: If the number of plies is none of these.
    """

    policy: NetworkPolicy
    plies: int

    def __post_init__(self) -> None:
        if type(self.plies) is not int or not 1 <= self.plies <= MAX_PLIES:
            raise ValueError(f"plies is {self.plies}; an agent looks 1 to {MAX_PLIES} plies ahead")

    @property
    def game(self) -> Game:
        """The rules."""
        return self.policy.game

    @property
    def weights(self) -> Weights:
        """Those of the network."""
        return self.policy.weights

    @property
    def activation(self) -> str:
        """That of the network."""
        return self.policy.activation

    @property
    def inputs(self) -> Inputs:
        """What the network sees; it chooses no moves here."""
        return self.policy.inputs

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`: 1 for one move of each row."""
        best = self.greedy_actions(boards)[:, None]
        return (np.arange(self.game.num_actions) == best).astype(np.float64)

    def greedy_actions(self, boards: Boards) -> npt.NDArray[np.intp]:
        """Return the moves `[B]` with the greatest value, the lowest number of equals."""
        values = self.move_values(boards)
        decide_close(values, lambda close: self.move_values(boards[close], np.float64))
        return values.argmax(axis=1)

    def values(self, boards: Boards) -> npt.NDArray[np.float64]:
        """Return the estimates `[B]` of the value, +1 = the mover wins, cut to [-1, 1]."""
        return self.move_values(boards).max(axis=1).clip(-1.0, 1.0)

    def move_values(self, boards: Boards, dtype: Any = np.float32) -> npt.NDArray[np.float64]:
        """Return the values `[B, A]` of the moves, as `ttt_rllib.agents.search.move_values`.

        Args:
            boards: `[B]` positions in which the game is not over.
            dtype: Of the network's arithmetic.
        """
        return move_values(boards, self.plies, partial(self.policy.values, dtype=dtype))


BundledPolicy = AgentPolicy | LookaheadPolicy | OwnNetworkPolicy
"""An agent that can be saved: one or two networks, one that is asked at a horizon, a user's own."""


def knowledge(policy: BundledPolicy) -> str:
    """Return what an agent knows or does that it has not learnt, for people; "" for nothing."""
    words = [policy.inputs.described]
    if isinstance(policy, LookaheadPolicy):
        words.append(f"looks {policy.plies} {'ply' if policy.plies == 1 else 'plies'} ahead")
    return ", ".join(filter(None, words))
