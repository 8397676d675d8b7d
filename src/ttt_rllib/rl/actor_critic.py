"""The network: an MLP with a policy and a value head, masked by the end of the observation.

It works for every board, because its sizes come from the spaces. The weights have the names of
`ttt_rllib.agents.policies.NetworkPolicy`, which computes the same function without torch.
Shapes: `B` positions, `A` actions, `H` units of the last hidden layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor, nn

from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.sampling.network import ILLEGAL_LOGIT

__all__ = [
    "ACTIVATIONS",
    "BoardActorCritic",
    "build_trunk",
    "load_initial_weights",
    "run_trunk",
]

Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {"relu": torch.relu, "tanh": torch.tanh}


class BoardActorCritic(TorchRLModule, ValueFunctionAPI):
    """Masked actor-critic over flat observations `[B, width + A]`.

    `model_config` holds `hidden_sizes` (units of the hidden layers), `activation` ("relu" or
    "tanh") and, to start from those of an earlier agent, `initial_weights`.
    """

    def setup(self) -> None:
        """Build the layers from the spaces and `model_config`."""
        self.num_actions = int(self.action_space.n)
        inputs = self.observation_space.shape[0] - self.num_actions
        self.trunk, width = build_trunk(inputs, self.model_config["hidden_sizes"])
        self.policy = nn.Linear(width, self.num_actions)
        self.value = nn.Linear(width, 1)
        self.activation = ACTIVATIONS[self.model_config["activation"]]
        load_initial_weights(self)

    def _forward(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        logits, values = self.evaluate(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: logits, Columns.VF_PREDS: values}

    def evaluate(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return masked logits `[B, A]` and values `[B]` of observations of any dtype."""
        hidden, legal = observations[:, : -self.num_actions], observations[:, -self.num_actions :]
        hidden = run_trunk(self.trunk, hidden.float(), self.activation)
        logits = self.policy(hidden) + (1.0 - legal.float()) * ILLEGAL_LOGIT
        return logits, self.value(hidden).squeeze(-1)

    def gradients(self) -> MLPGradients:
        """Return what computes logits `[B, A]`, not yet masked, and values `[B, 1]`, and learns."""
        heads = (self.policy, self.value)
        return MLPGradients(self.trunk, heads, self.model_config["activation"])

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Return the value estimates `[B]` of a batch, +1 = the mover wins."""
        return self.evaluate(batch[Columns.OBS])[1]


def load_initial_weights(module: TorchRLModule) -> None:
    """Overwrite random weights by those that the model's config gives, if it does."""
    weights = module.model_config.get("initial_weights")
    if weights is not None:
        module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})


def build_trunk(inputs: int, hidden_sizes: Sequence[int]) -> tuple[nn.ModuleList, int]:
    """Return the hidden layers and the width of the last one."""
    sizes = [inputs, *hidden_sizes]
    return nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes)), sizes[-1]


def run_trunk(trunk: nn.ModuleList, hidden: Tensor, activation: Activation) -> Tensor:
    """Pass `[B, inputs]` float32 through the hidden layers."""
    for layer in trunk:
        hidden = activation(layer(hidden))
    return hidden
