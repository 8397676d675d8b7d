"""The value network: an MLP that values positions, and moves by the positions that they lead to.

The weights have the names of `ttt_rllib.agents.afterstates.AfterstatePolicy`, which computes the
same function without torch.
Shapes: `B` positions, `A` actions, `m` positions that follow them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor, nn

from ttt_rllib.rl.actor_critic import (
    ACTIVATIONS,
    build_trunk,
    load_initial_weights,
    run_trunk,
)
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.sampling.network import afterstate_evaluation

__all__ = ["BoardValueNetwork"]


class BoardValueNetwork(TorchRLModule, ValueFunctionAPI):
    """Value network over flat observations `[B, width + A]`.

    `model_config` is the same as for `BoardActorCritic`, and holds the `game` and the `inputs` too:
    the rules say what follows a move.
    """

    def setup(self) -> None:
        """Build the layers from the spaces and `model_config`."""
        self.num_actions = int(self.action_space.n)
        inputs = self.observation_space.shape[0] - self.num_actions
        self.trunk, width = build_trunk(inputs, self.model_config["hidden_sizes"])
        self.value = nn.Linear(width, 1)
        self.activation = ACTIVATIONS[self.model_config["activation"]]
        load_initial_weights(self)

    def evaluate(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values of the moves `[B, A]`, and the greatest of each row `[B]`.

        They are constants to a loss. A move that is not allowed has value -inf.

        Args:
            observations: `[B, width + A]` int8 on the CPU.
        """
        values = afterstate_evaluation(
            observations.to(torch.int8).numpy(),
            self.model_config["game"],
            self.model_config["inputs"],
            self._values_of,
        )
        return torch.from_numpy(values.logits), torch.from_numpy(values.values)

    def gradients(self) -> MLPGradients:
        """Return what computes values `[B, 1]`, and learns."""
        return MLPGradients(self.trunk, (self.value,), self.model_config["activation"])

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Return the network's values `[B]` of the positions themselves, +1 = the mover wins."""
        return self._values(batch[Columns.OBS][:, : -self.num_actions])

    def _forward(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        values, best = self.evaluate(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: values, Columns.VF_PREDS: best}

    def _forward_train(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        return {Columns.VF_PREDS: self.compute_values(batch)}

    def _values(self, planes: Tensor) -> Tensor:
        hidden = run_trunk(self.trunk, planes.float(), self.activation)
        values: Tensor = self.value(hidden).squeeze(-1)
        return values

    @torch.no_grad()
    def _values_of(self, planes: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
        values: npt.NDArray[np.float32] = self._values(torch.from_numpy(planes)).numpy()
        return values
