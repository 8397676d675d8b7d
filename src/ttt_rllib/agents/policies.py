"""Policies map positions to move probabilities; this is all that playing needs of an agent.

They know nothing of training and need numpy only. Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards, Mask
from ttt_envs.game import Game
from ttt_envs.positions import Positions
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.mlp import ACTIVATIONS, MLP, Head, head_of
from ttt_rllib.exact.scores import sharpest_moves
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import Table, uniform
from ttt_rllib.exact.walks import Seat

__all__ = [
    "AgentPolicy",
    "GreedyPolicy",
    "NetworkPolicy",
    "PerfectPolicy",
    "Policy",
    "RandomPolicy",
    "SeatPolicies",
    "decide_close",
    "policy_table",
]

CLOSE = 1e-3
"""Logits this close, relative to their magnitude, are compared in float64; float32 is off by about
1e-6."""

EQUAL = 1e-9
"""Logits this close are equal; float64 is off by about 1e-14."""

Weights = dict[str, npt.NDArray[np.float32]]


def decide_close(
    values: npt.NDArray[np.float64],
    exact: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.floating[Any]]],
) -> None:
    """Let float64 decide in rows whose best values are close, and make equal ones equal.

    float32's rounding differs from processor to processor, and with the number of rows.

    Args:
        values: `[B, A]` from float32 arithmetic, -inf where a move may not be chosen; changed.
        exact: From rows `[m]` to their values `[m, A]` from float64 arithmetic.
    """
    best = values.max(axis=1, keepdims=True)
    is_close = values >= best - CLOSE * np.maximum(1.0, np.abs(best))
    rows = np.flatnonzero(is_close.sum(axis=1) > 1)
    if not len(rows):
        return
    found = exact(rows)
    best = found.max(axis=1, keepdims=True)
    values[rows] = np.where(found >= best - EQUAL, best, found)


class Policy(Protocol):
    """A player of one game."""

    @property
    def game(self) -> Game:
        """The rules it plays by."""

    def __call__(self, boards: Boards) -> Table:
        """Return move probabilities `[B, A]` float64, 0 where illegal; rows sum to 1.

        Args:
            boards: `[B]` positions in which the game is not over.
        """


@dataclass(frozen=True)
class RandomPolicy:
    """Plays every legal move with equal probability."""

    game: Game

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`."""
        return uniform(boards.legal_mask())


@dataclass(frozen=True)
class PerfectPolicy:
    """Keeps the game value, and sets traps: it hopes for an opponent that plays at random.

    Of the moves that keep the value it plays those that score best against uniformly random play,
    with equal probability.
    """

    game: Game

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`.

        Raises:
            KeyError: If a position cannot occur in the game.
            TooManyPositionsError: If the game is too large to solve.
        """
        moves = _perfect_moves(self.game)[solve_or_raise(self.game).positions.find(boards)]
        return moves / moves.sum(axis=1, keepdims=True)


@lru_cache(maxsize=8)
def _perfect_moves(game: Game) -> Mask:
    solved = solve_or_raise(game)
    return sharpest_moves(solved.positions, solved.solution, solved.uniform)


@dataclass(frozen=True)
class NetworkPolicy:
    """A multilayer perceptron with a policy head and a value head, or with a Q head, in numpy.

    With a Q head it plays the move that has the greatest value, the first one of equals.

    Attributes:
        game: The rules.
        weights: As for `MLP`, float32.
        activation: "relu" or "tanh".
        inputs: What the network sees, and the moves among which it chooses.

    Raises:
        ValueError: If the activation is neither.
    """

    game: Game
    weights: Weights
    activation: str
    inputs: Inputs = PLAIN_INPUTS

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {self.activation!r}; known are {', '.join(ACTIVATIONS)}"
            )

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`: the softmax of the logits, or the greedy move.

        They are 0 also for legal moves that the tactical rule forbids, where the agent obeys it.
        """
        if self.has_q_head:
            greedy = self.greedy_actions(boards)[:, None]
            return (np.arange(self.game.num_actions) == greedy).astype(np.float64)
        logits = self._choices(boards)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def greedy_actions(self, boards: Boards) -> npt.NDArray[np.intp]:
        """Return the moves `[B]` with the greatest logit, the lowest number of equals.

        Logits are equal where they differ by less than 1e-9 in float64 arithmetic, so that no
        processor's rounding changes a move.
        """
        return self._choices(boards).argmax(axis=1)

    def _choices(self, boards: Boards) -> npt.NDArray[np.float64]:
        """`[B, A]` logits, -inf where the move may not be chosen; the best are equal or apart."""
        planes, allowed = self.inputs.planes_and_mask(boards)
        logits = self._outputs(planes)[:, : self.game.num_actions].astype(np.float64)
        logits[~allowed] = -np.inf

        def exact(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
            outputs = MLP(self.weights, self.activation, np.float64)(planes[rows])
            return np.where(allowed[rows], outputs[:, : self.game.num_actions], -np.inf)

        decide_close(logits, exact)
        return logits

    def logits(self, boards: Boards) -> npt.NDArray[np.float32]:
        """Return the logits of the moves, or their Q values, `[B, A]`, of illegal moves too."""
        return self._outputs(self.inputs.planes(boards))[:, : self.game.num_actions]

    def values(self, boards: Boards, dtype: Any = np.float32) -> npt.NDArray[np.floating[Any]]:
        """Return the estimates `[B]` of the value, +1 = the mover wins.

        Args:
            boards: `[B]` positions in which the game is not over.
            dtype: Of the arithmetic and the estimates.
        """
        planes, allowed = self.inputs.planes_and_mask(boards)
        outputs = MLP(self.weights, self.activation, dtype)(planes)
        if self.has_q_head:
            return np.where(allowed, outputs, -np.inf).max(axis=1)
        return outputs[:, -1]

    @property
    def head(self) -> Head:
        """By which of its heads the network chooses its moves."""
        return head_of(self.weights)

    @property
    def has_q_head(self) -> bool:
        """Whether the network was trained by Q-learning."""
        return self.head == "q"

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Units of the hidden layers."""
        biases = [f"trunk.{layer}.bias" for layer in range(len(self.weights))]
        return tuple(len(self.weights[name]) for name in biases if name in self.weights)

    def _outputs(self, planes: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
        # Built for every call, which takes microseconds: the caller may have changed an array.
        return MLP(self.weights, self.activation)(planes)


@dataclass(frozen=True)
class GreedyPolicy:
    """Plays the most probable move of another policy, the lowest number on a tie.

    Attributes:
        policy: The other one.
    """

    policy: Policy

    @property
    def game(self) -> Game:
        """The rules."""
        return self.policy.game

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`: 1 for one move of each row."""
        best = np.where(boards.legal_mask(), self.policy(boards), -1.0).argmax(axis=1)
        return (np.arange(self.game.num_actions) == best[:, None]).astype(np.float64)


@dataclass(frozen=True)
class SeatPolicies:
    """Two networks, one per seat: X is on move after an even number of plies.

    Attributes:
        x: Plays the first, third, ... ply.
        o: Plays the others.

    Raises:
        ValueError: If they play different games or have different activations, or if one has
            inputs beyond the stones: no training gives them to the network of a seat.
    """

    x: NetworkPolicy
    o: NetworkPolicy

    def __post_init__(self) -> None:
        if (self.x.game, self.x.activation) != (self.o.game, self.o.activation):
            raise ValueError(f"X plays {self.x.game} and O {self.o.game}; seats share game and net")
        if self.x.inputs.names or self.o.inputs.names:
            names = ", ".join(self.x.inputs.names or self.o.inputs.names)
            raise ValueError(f"inputs has {names}; networks of separate seats have no such inputs")

    @property
    def game(self) -> Game:
        """The rules."""
        return self.x.game

    @property
    def activation(self) -> str:
        """The activation of both networks."""
        return self.x.activation

    @property
    def inputs(self) -> Inputs:
        """What both networks see: the stones only."""
        return self.x.inputs

    @property
    def has_q_head(self) -> bool:
        """Whether both networks were trained by Q-learning."""
        return self.x.has_q_head and self.o.has_q_head

    @property
    def weights(self) -> Weights:
        """The weights of both networks: X's names begin with "x.", O's with "o."."""
        return {
            f"{seat}.{name}": array
            for seat, policy in (("x", self.x), ("o", self.o))
            for name, array in policy.weights.items()
        }

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`, each row from the network on move."""
        return np.where((boards.ply % 2 == 0)[:, None], self.x(boards), self.o(boards))

    def logits(self, boards: Boards) -> npt.NDArray[np.float32]:
        """Return the logits or Q values `[B, A]` of the network on move, of illegal moves too."""
        x_moves = (boards.ply % 2 == 0)[:, None]
        return np.where(x_moves, self.x.logits(boards), self.o.logits(boards))

    def values(self, boards: Boards, dtype: Any = np.float32) -> npt.NDArray[np.floating[Any]]:
        """Return the value estimates `[B]` of the network on move, as `NetworkPolicy` does."""
        x_moves = boards.ply % 2 == 0
        return np.where(x_moves, self.x.values(boards, dtype), self.o.values(boards, dtype))


AgentPolicy = NetworkPolicy | SeatPolicies
"""A trained agent, which has weights."""


def policy_table(positions: Positions, policy: Policy, seat: Seat | None = None) -> Table:
    """Evaluate a policy in every decision position of its game.

    Args:
        positions: All positions of the game.
        policy: The player.
        seat: The only seat that it plays; None = both. It is not asked about the other one.

    Returns:
        `[P, A]` float64 move probabilities; terminal rows, and those of a seat that it does not
        play, are 0.
    """
    table = np.zeros(positions.legal.shape)
    rows = positions.decisions
    if seat is not None:
        rows = rows[positions.x_to_move[rows] == (seat == "x")]
    # On the board with one square O never moves.
    if len(rows):
        table[rows] = policy(positions.boards[rows])
    return table
