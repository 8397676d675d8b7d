"""Players that value what follows their moves: a network for values, and one ply of the rules.

An afterstate is the position that a move leads to (Sutton and Barto, "Reinforcement Learning: An
Introduction", 2nd edition, section 6.8); TD-Gammon plays by such values (Tesauro, "Temporal
Difference Learning and TD-Gammon", 1995). Here it is seen by the player that is to move in it, the
opponent, so its value counts negatively. numpy only.
Shapes: `n` positions, `A` actions, `m` positions that follow them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards, Mask
from ttt_envs.game import Game
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs, Planes
from ttt_rllib.agents.mlp import MLP
from ttt_rllib.agents.policies import NetworkPolicy, Weights
from ttt_rllib.exact.tables import Table

__all__ = ["TIE", "AfterstatePolicy", "action_values", "network_policy"]

Floats = npt.NDArray[np.float32]

TIE = np.float32(1e-6)
"""Values closer than this to the greatest one are equal to it: another processor or another batch
rounds differently, and must not choose another move."""

ROWS = 2048
"""Positions at a time: what follows them then takes a few megabytes at most."""


def action_values(
    boards: Boards, allowed: Mask, inputs: Inputs, values_of: Callable[[Planes], Floats]
) -> Floats:
    """Return the values of moves, `[n, A]` float32, +1 = the mover wins; -inf where not allowed.

    A move that wins is worth 1 and one that ends the game in a draw 0, whatever the network says;
    any other is worth the negative value of the position that it leads to.

    Args:
        boards: `[n]` positions in which the game is not over.
        allowed: `[n, A]` bool, which moves to value.
        inputs: What the network sees.
        values_of: The network: from planes `[m, width]` to values `[m]` for the mover.
    """
    rows, actions = np.nonzero(allowed)
    after, won, done = boards[rows].step(actions)
    found = won.astype(np.float32)
    is_open = ~done
    found[is_open] = -values_of(inputs.planes(after[is_open]))
    values = np.full(allowed.shape, -np.inf, np.float32)
    values[rows, actions] = found
    greatest = values.max(axis=1, keepdims=True)
    return np.where(values >= greatest - TIE, greatest, values)


@dataclass(frozen=True)
class AfterstatePolicy(NetworkPolicy):
    """A network with a value head alone, which plays the move with the greatest value.

    Of values within `TIE` of the greatest, the move with the lowest number is played.
    """

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`: 1 for the greedy move of each row."""
        allowed = self.inputs.allowed_mask(boards)
        greedy = allowed.argmax(axis=1)
        # Where only one move may be chosen, as the tactical rule often has it, none is valued.
        has_choice = allowed.sum(axis=1) > 1
        values = self._action_values(boards[has_choice], allowed[has_choice])
        greedy[has_choice] = values.argmax(axis=1)
        return (np.arange(self.game.num_actions) == greedy[:, None]).astype(np.float64)

    def logits(self, boards: Boards) -> Floats:
        """Return the values of the moves `[B, A]`, -inf for those that may not be chosen."""
        return self._action_values(boards, self.inputs.allowed_mask(boards))

    def values(self, boards: Boards) -> Floats:
        """Return the values `[B]` of the best moves, +1 = the mover wins."""
        return self.logits(boards).max(axis=1)

    def _action_values(self, boards: Boards, allowed: Mask) -> Floats:
        mlp = MLP(self.weights, self.activation)
        values = np.empty(allowed.shape, np.float32)
        for start in range(0, len(boards), ROWS):
            rows = slice(start, start + ROWS)
            values[rows] = action_values(
                boards[rows], allowed[rows], self.inputs, lambda planes: mlp(planes)[:, 0]
            )
        return values


def network_policy(
    game: Game, weights: Weights, activation: str, inputs: Inputs = PLAIN_INPUTS
) -> NetworkPolicy:
    """Return the player with these weights; its kind follows from their names.

    Args:
        game: The rules.
        weights: As for `MLP`.
        activation: "relu" or "tanh".
        inputs: What the network sees, and the moves among which it chooses.
    """
    policy = NetworkPolicy(game, weights, activation, inputs)
    if policy.head != "value":
        return policy
    return AfterstatePolicy(game, weights, activation, inputs)
