"""The networks on flat observations, in NumPy: those of the modules in `ttt_rllib.rl`.

Shapes: `n` positions, `A` actions, `width` inputs of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.afterstates import action_values
from ttt_rllib.agents.inputs import Inputs, Planes
from ttt_rllib.agents.mlp import ACTIVATIONS, MLP
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.sampling.rollout import Evaluation

__all__ = [
    "ILLEGAL_LOGIT",
    "AfterstateNetwork",
    "AfterstateStack",
    "NetworkStack",
    "NumpyNetwork",
    "afterstate_evaluation",
]

ILLEGAL_LOGIT = -1e9
"""Odds of exp(-1e9) are exactly 0 in float32; -inf would make 0 * -inf = nan in the entropy."""


class NumpyNetwork:
    """An MLP with a policy and a value head, or with a Q head.

    Args:
        weights: As for `MLP`.
        activation: "relu" or "tanh".
    """

    def __init__(self, weights: Mapping[str, npt.ArrayLike], activation: str) -> None:
        self._mlp = MLP(weights, activation)

    def evaluate(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        """Return masked logits or Q-values `[n, A]` and values `[n]`.

        Args:
            observations: `[n, width + A]`, see `flat_observations`.
        """
        num_actions = self._mlp.num_actions
        outputs = self._mlp(observations[:, :-num_actions])
        illegal = observations[:, -num_actions:] == 0
        logits = outputs[:, :num_actions]
        if self._mlp.head == "q":
            logits[illegal] = -np.inf
            return Evaluation(logits, logits.max(axis=1))
        logits += illegal * np.float32(ILLEGAL_LOGIT)
        return Evaluation(logits, outputs[:, -1])


def afterstate_evaluation(
    observations: npt.NDArray[np.int8],
    game: Game,
    inputs: Inputs,
    values_of: Callable[[Planes], npt.NDArray[np.float32]],
) -> Evaluation:
    """Return the values of the moves and, of each position, the greatest.

    An observation shows the whole position, so what follows it need not be passed along.

    Args:
        observations: `[n, width + A]`, see `flat_observations`.
        game: The rules.
        inputs: What the network sees.
        values_of: The network, which sees a position from one side.
    """
    boards = Boards.of_stones(game, observations[:, : 2 * game.num_squares])
    allowed = observations[:, -game.num_actions :].view(np.bool_)
    values = action_values(boards, allowed, inputs, values_of)
    return Evaluation(values, values.max(axis=1))


class AfterstateNetwork:
    """An MLP with a value head alone, which values moves by what follows them.

    Args:
        weights: As for `MLP`.
        activation: "relu" or "tanh".
        game: The rules.
        inputs: What it sees.
    """

    def __init__(
        self, weights: Mapping[str, npt.ArrayLike], activation: str, game: Game, inputs: Inputs
    ) -> None:
        self._mlp = MLP(weights, activation)
        self._game, self._inputs = game, inputs

    def evaluate(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        """Return the values of the moves `[n, A]`, -inf where not allowed, and the greatest `[n]`.

        Args:
            observations: `[n, width + A]`, see `flat_observations`.
        """
        return afterstate_evaluation(observations, self._game, self._inputs, self._values)

    def _values(self, planes: Planes) -> npt.NDArray[np.float32]:
        return self._mlp(planes)[:, 0]


class AfterstateStack:
    """Several networks that value moves by what follows them, called like a `NetworkStack`.

    Args:
        policies: The `K` networks, which share their game and inputs.
    """

    def __init__(self, policies: Sequence[NetworkPolicy]) -> None:
        self._num_actions = policies[0].game.num_actions
        self._networks = [
            AfterstateNetwork(one.weights, one.activation, one.game, one.inputs) for one in policies
        ]

    def __call__(
        self, observations: npt.NDArray[np.int8], bounds: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return the values of the moves `[n, A]`; as for `NetworkStack`."""
        values = np.empty((len(observations), self._num_actions), np.float32)
        for network, start, stop in zip(self._networks, bounds[:-1], bounds[1:], strict=True):
            if stop > start:
                values[start:stop] = network.evaluate(observations[start:stop]).logits
        return values


class NetworkStack:
    """Several networks of the same shape, evaluated together: a product for all is cheaper.

    Args:
        policies: The `K` networks, which share their shape, activation and inputs.
    """

    def __init__(self, policies: Sequence[NetworkPolicy]) -> None:
        networks = [MLP(policy.weights, policy.activation) for policy in policies]
        self._activate = ACTIVATIONS[policies[0].activation]
        self._num_actions = networks[0].num_actions
        self._illegal = -np.inf if networks[0].head == "q" else ILLEGAL_LOGIT
        # The value is of no interest.
        layers = zip(*(network.layers for network in networks), strict=True)
        self._layers = [
            (np.stack([one[0] for one in layer]), np.stack([one[1] for one in layer])[:, None])
            for layer in layers
        ]

    def __call__(
        self, observations: npt.NDArray[np.int8], bounds: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return masked logits or Q-values `[n, A]`.

        Args:
            observations: `[n, width + A]`, those of the first network first.
            bounds: `[K + 1]` first row of each network, and `n`.
        """
        counts = np.diff(bounds)
        members = np.repeat(np.arange(len(counts)), counts)
        places = np.arange(len(observations)) - bounds[:-1][members]
        planes = observations[:, : -self._num_actions]
        hidden = np.zeros((len(counts), counts.max(), planes.shape[1]), np.float32)
        hidden[members, places] = planes
        for weight, bias in self._layers[:-1]:
            hidden = hidden @ weight
            hidden += bias
            hidden = self._activate(hidden)
        weight, bias = self._layers[-1]
        logits = (hidden @ weight + bias)[members, places, : self._num_actions]
        allowed = observations[:, -self._num_actions :].view(np.bool_)
        logits[~allowed] = self._illegal
        return logits
