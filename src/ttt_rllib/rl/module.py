"""The network: an MLP with a policy and a value head, masked by the observation's tail.

Works for every board: sizes come from the spaces. The weights' names are those of
`ttt_rllib.policies.NetworkPolicy`, which computes the same without torch.
Shapes: `B` positions, `A` actions, `H` units of the last hidden layer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor, nn

__all__ = ["ILLEGAL_LOGIT", "MODULE_ID", "BoardActorCritic"]

MODULE_ID = "main"
"""The one policy that plays both seats."""

ILLEGAL_LOGIT = -1e9
"""Odds of exp(-1e9) are exactly 0 in float32; -inf would make 0 * -inf = nan in the entropy."""

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class BoardActorCritic(TorchRLModule, ValueFunctionAPI):
    """Masked actor-critic over flat observations `[B, 2 * squares + A]`.

    `model_config` holds `hiddens` (units of the hidden layers) and `activation` ("relu"
    or "tanh").
    """

    def setup(self) -> None:
        """Build the layers from the spaces and `model_config`."""
        self.num_actions = int(self.action_space.n)
        sizes = [self.observation_space.shape[0] - self.num_actions, *self.model_config["hiddens"]]
        self.trunk = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)
        )
        self.policy = nn.Linear(sizes[-1], self.num_actions)
        self.value = nn.Linear(sizes[-1], 1)
        self.activation = ACTIVATIONS[self.model_config["activation"]]

    def _forward(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        logits, values = self.evaluate(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: logits, Columns.VF_PREDS: values}

    def evaluate(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return masked logits `[B, A]` and values `[B]` of float32 observations."""
        hidden, legal = observations[:, : -self.num_actions], observations[:, -self.num_actions :]
        for layer in self.trunk:
            hidden = self.activation(layer(hidden))
        logits = self.policy(hidden) + (1.0 - legal) * ILLEGAL_LOGIT
        return logits, self.value(hidden).squeeze(-1)

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Return the value estimates `[B]` of a batch, +1 = the mover wins."""
        return self.evaluate(batch[Columns.OBS])[1]
