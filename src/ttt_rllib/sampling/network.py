"""The networks' arithmetic on flat observations, in NumPy: `BoardActorCritic` and `BoardQNetwork`.

A process that only plays needs no torch, which takes seconds to import and hundreds of megabytes.
Shapes: `n` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_rllib.agents.policies import ACTIVATIONS
from ttt_rllib.sampling.rollout import Evaluation

__all__ = ["ILLEGAL_LOGIT", "NumpyNetwork"]

ILLEGAL_LOGIT = -1e9
"""Odds of exp(-1e9) are exactly 0 in float32; -inf would make 0 * -inf = nan in the entropy."""

ROWS = 512
"""Positions at a time: the hidden layers' outputs then stay in a core's cache."""

Array = npt.NDArray[np.float32]


class NumpyNetwork:
    """An MLP with a policy and a value head, or with a Q head.

    Args:
        weights: By the names of `NetworkPolicy.weights`; others are ignored.
        activation: "relu" or "tanh".
    """

    def __init__(self, weights: Mapping[str, npt.ArrayLike], activation: str) -> None:
        layers: list[tuple[Array, Array]] = []
        while f"trunk.{len(layers)}.weight" in weights:
            layers.append(_layer(weights, f"trunk.{len(layers)}"))
        self._trunk = layers
        self._activation = activation
        self._has_q_head = "q.weight" in weights
        heads = ("q",) if self._has_q_head else ("policy", "value")
        # One product for both heads: the last output is then the value.
        parts = [_layer(weights, head) for head in heads]
        self._heads = tuple(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))

    def evaluate(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        """Return masked logits or Q-values `[n, A]` and values `[n]`.

        Args:
            observations: `[n, 2 * squares + A]`, see `flat_observations`.
        """
        num_actions = self._heads[1].shape[-1] - (not self._has_q_head)
        outputs = np.empty((len(observations), self._heads[1].shape[-1]), np.float32)
        for start in range(0, len(observations), ROWS):
            rows = slice(start, start + ROWS)
            self._forward(observations[rows, :-num_actions], outputs[rows])
        illegal = observations[:, -num_actions:] == 0
        logits = outputs[:, :num_actions]
        if self._has_q_head:
            logits[illegal] = -np.inf
            return Evaluation(logits, logits.max(axis=1))
        logits += illegal * np.float32(ILLEGAL_LOGIT)
        return Evaluation(logits, outputs[:, -1])

    def _forward(self, stones: npt.NDArray[np.int8], outputs: Array) -> None:
        hidden = stones.astype(np.float32)
        for weight, bias in self._trunk:
            hidden = hidden @ weight
            hidden += bias
            hidden = _activate(self._activation, hidden)
        weight, bias = self._heads
        np.matmul(hidden, weight, out=outputs)
        outputs += bias


def _activate(name: str, hidden: Array) -> Array:
    if name == "relu":
        return np.maximum(hidden, 0.0, out=hidden)
    result: Array = ACTIVATIONS[name](hidden)
    return result


def _layer(weights: Mapping[str, Any], name: str) -> tuple[Array, Array]:
    """Return the weights `[in, out]` and the bias `[out]` of a layer."""
    weight = np.asarray(weights[f"{name}.weight"], np.float32)
    return np.ascontiguousarray(weight.T), np.asarray(weights[f"{name}.bias"], np.float32)
