"""The networks on flat observations, in NumPy: `BoardActorCritic` and `BoardQNetwork`.

Shapes: `n` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ttt_rllib.agents.mlp import MLP
from ttt_rllib.sampling.rollout import Evaluation

__all__ = ["ILLEGAL_LOGIT", "NumpyNetwork"]

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
            observations: `[n, 2 * squares + A]`, see `flat_observations`.
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
