"""The networks on flat observations, in NumPy: `BoardActorCritic` and `BoardQNetwork`.

Shapes: `n` positions, `A` actions, `width` inputs of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ttt_rllib.agents.mlp import ACTIVATIONS, MLP
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.sampling.rollout import Evaluation

__all__ = ["ILLEGAL_LOGIT", "NetworkStack", "NumpyNetwork"]

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
        if self._mlp.has_q_head:
            logits[illegal] = -np.inf
            return Evaluation(logits, logits.max(axis=1))
        logits += illegal * np.float32(ILLEGAL_LOGIT)
        return Evaluation(logits, outputs[:, -1])


class NetworkStack:
    """Several networks of the same shape, evaluated together: a product for all is cheaper.

    Args:
        policies: The `K` networks, which share their shape, activation and inputs.
    """

    def __init__(self, policies: Sequence[NetworkPolicy]) -> None:
        networks = [MLP(policy.weights, policy.activation) for policy in policies]
        self._activate = ACTIVATIONS[policies[0].activation]
        self._num_actions = networks[0].num_actions
        self._illegal = -np.inf if networks[0].has_q_head else ILLEGAL_LOGIT
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
