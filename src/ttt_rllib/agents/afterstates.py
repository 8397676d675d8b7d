"""Players that value what follows their moves: a network for values, and one ply of the rules.

An afterstate is the position that a move leads to (Sutton and Barto, "Reinforcement Learning: An
Introduction", 2nd edition, section 6.8); TD-Gammon plays by such values (Tesauro, "Temporal
Difference Learning and TD-Gammon", 1995). Here it is seen by the player that is to move in it, the
opponent, so its value counts negatively. numpy only.
Shapes: `n` positions, `A` actions, `m` positions that follow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards, Mask
from ttt_envs.game import Game
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs, ValuesOf, has_choice
from ttt_rllib.agents.mlp import MLP
from ttt_rllib.agents.policies import NetworkPolicy, Weights, decide_close
from ttt_rllib.exact.tables import Table

__all__ = ["AfterstatePolicy", "action_values", "network_policy"]

Floats = npt.NDArray[np.floating[Any]]

MAX_FORCED_MOVES = 4
"""Forced moves that are played before the network is asked; longer sequences are rare."""

ROWS = 2048
"""Positions at a time: what follows them then takes a few megabytes at most."""


def action_values(
    boards: Boards,
    allowed: Mask,
    inputs: Inputs,
    values_of: ValuesOf,
    dtype: Any = np.float32,
) -> Floats:
    """Return the values of moves, `[n, A]`, +1 = the mover wins; -inf where not allowed.

    A move that wins is worth 1 and one that ends the game in a draw 0, whatever the network says;
    any other is worth the negative value of the position that it leads to. Where only one move is
    allowed there, it is played before the network is asked, up to four times: such positions are
    the tactical ones, about which an estimate is least worth (a quiescence search, Shannon,
    "Programming a Computer for Playing Chess", 1950, section 4).

    Args:
        boards: `[n]` positions in which the game is not over.
        allowed: `[n, A]` bool, which moves to value.
        inputs: What the network sees.
        values_of: The network, which sees a position from one side.
        dtype: Of the values.
    """
    values_of = inputs.as_asked(values_of, boards.game)
    rows, actions = np.nonzero(allowed)
    values = np.full(allowed.shape, -np.inf, dtype)
    values[rows, actions] = _values_of_moves(boards[rows], actions, inputs, values_of, dtype)
    return values


def _values_of_moves(
    boards: Boards,
    actions: npt.NDArray[np.intp],
    inputs: Inputs,
    values_of: ValuesOf,
    dtype: Any,
) -> Floats:
    """Return the values `[m]` of one move in each of the `m` positions."""
    found = np.zeros(len(boards), dtype)
    rows, sign = np.arange(len(boards)), 1
    for forced_moves in range(MAX_FORCED_MOVES + 1):
        boards, won, done = boards.step(actions)
        found[rows[won]] = sign
        rows, boards, sign = rows[~done], boards[~done], -sign
        if forced_moves == MAX_FORCED_MOVES:
            found[rows] = sign * values_of(inputs.planes(boards))
            break
        planes, allowed = inputs.planes_of_choices(boards)
        is_quiet = has_choice(allowed)
        if len(planes):
            found[rows[is_quiet]] = sign * values_of(planes)
        rows, boards = rows[~is_quiet], boards[~is_quiet]
        if not len(rows):
            break
        actions = allowed[~is_quiet].argmax(axis=1)
    return found


@dataclass(frozen=True)
class AfterstatePolicy(NetworkPolicy):
    """A network with a value head alone, which plays the move with the greatest value.

    Of equal values, the move with the lowest number is played; as for every `NetworkPolicy`, those
    that are close are compared in float64.
    """

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`: 1 for the greedy move of each row."""
        greedy = self.greedy_actions(boards)[:, None]
        return (np.arange(self.game.num_actions) == greedy).astype(np.float64)

    def logits(self, boards: Boards) -> Floats:
        """Return the values of the moves `[B, A]`, -inf for those that may not be chosen."""
        return self._action_values(boards, self.inputs.allowed_mask(boards), np.float32)

    def values(self, boards: Boards, dtype: Any = np.float32) -> Floats:
        """Return the values `[B]` of the best moves, +1 = the mover wins; see `NetworkPolicy`."""
        return self._action_values(boards, self.inputs.allowed_mask(boards), dtype).max(axis=1)

    def _choices(self, boards: Boards) -> npt.NDArray[np.float64]:
        allowed = self.inputs.allowed_mask(boards)
        values = np.where(allowed, 0.0, -np.inf)
        # The tactical rule often leaves only one move, which needs no value.
        rows = np.flatnonzero(allowed.sum(axis=1) > 1)
        values[rows] = self._action_values(boards[rows], allowed[rows], np.float32)
        decide_close(
            values, lambda close: self._action_values(boards[close], allowed[close], np.float64)
        )
        return values

    def _action_values(self, boards: Boards, allowed: Mask, dtype: Any) -> Floats:
        mlp = MLP(self.weights, self.activation, dtype)
        values = np.empty(allowed.shape, dtype)
        for start in range(0, len(boards), ROWS):
            rows = slice(start, start + ROWS)
            values[rows] = action_values(
                boards[rows], allowed[rows], self.inputs, lambda planes: mlp(planes)[:, 0], dtype
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

    Raises:
        ValueError: If values are to be averaged of a network that chooses moves.
    """
    policy = NetworkPolicy(game, weights, activation, inputs)
    if policy.head != "value":
        if inputs.symmetry_average:
            raise ValueError(
                f"inputs has symmetry_average, which is for a value head; the weights have a "
                f"{policy.head} head"
            )
        return policy
    return AfterstatePolicy(game, weights, activation, inputs)
