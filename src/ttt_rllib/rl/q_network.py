"""The Q-network: an MLP whose outputs are the values of the moves, masked where illegal.

It works for every board, on our fast path and with RLlib's own DQN. The weights have the names
of `ttt_rllib.agents.policies.NetworkPolicy`. Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.dqn.dqn_learner import QF_NEXT_PREDS, QF_PREDS, QF_TARGET_NEXT_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.utils import make_target_network
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, QNetAPI, TargetNetworkAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor, nn

from ttt_rllib.rl.actor_critic import (
    ACTIVATIONS,
    build_trunk,
    load_initial_weights,
    run_trunk,
)
from ttt_rllib.rl.mlp_gradients import MLPGradients

__all__ = ["BoardQNetwork"]


class BoardQNetwork(TorchRLModule, InferenceOnlyAPI, TargetNetworkAPI, QNetAPI):
    """Masked Q-network over flat observations `[B, width + A]`.

    `model_config` is the same as for `BoardActorCritic`. An illegal
    move has value -inf, so it is never the greatest one.
    """

    def setup(self) -> None:
        """Build the layers from the spaces and `model_config`."""
        self.num_actions = int(self.action_space.n)
        inputs = self.observation_space.shape[0] - self.num_actions
        self.trunk, width = build_trunk(inputs, self.model_config["hidden_sizes"])
        self.q = nn.Linear(width, self.num_actions)
        self.activation = ACTIVATIONS[self.model_config["activation"]]
        load_initial_weights(self)

    def evaluate(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return masked Q-values `[B, A]` and the greatest of each row `[B]`."""
        q_values = self._q_values(observations, self.trunk, self.q)
        return q_values, q_values.amax(dim=1)

    def gradients(self) -> MLPGradients:
        """Return what computes Q-values `[B, A]`, not yet masked, and learns."""
        return MLPGradients(self.trunk, (self.q,), self.model_config["activation"])

    def compute_q_values(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the masked Q-values `[B, A]` of `obs` under RLlib's key."""
        return {QF_PREDS: self._q_values(batch[Columns.OBS], self.trunk, self.q)}

    def make_target_networks(self) -> None:
        """Copy the network; the copy is not trained."""
        self.target = make_target_network(nn.ModuleList([self.trunk, self.q]))

    def get_target_network_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Return each part of the network with the part of the target network that follows it."""
        trunk, q = self.target
        return [(self.trunk, trunk), (self.q, q)]

    def get_non_inference_attributes(self) -> list[str]:
        """Return the parts that env runners do not need."""
        return ["target"]

    def forward_target(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the target network's masked Q-values `[B, A]` of `obs`."""
        return {QF_PREDS: self._q_values(batch[Columns.OBS], *self.target)}

    def _forward(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        q_values, _ = self.evaluate(batch[Columns.OBS])
        return {QF_PREDS: q_values, Columns.ACTION_DIST_INPUTS: q_values}

    def _forward_train(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        q_values = self._q_values(batch[Columns.OBS], self.trunk, self.q)
        return {QF_PREDS: q_values, **self.successor_values(batch)}

    @torch.no_grad()
    def successor_values(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the masked Q-values `[B, A]` of `new_obs`, by both networks.

        The target is a constant to the loss; its choice of moves needs no gradient either.
        """
        successors = batch[Columns.NEXT_OBS]
        return {
            QF_NEXT_PREDS: self._q_values(successors, self.trunk, self.q),
            QF_TARGET_NEXT_PREDS: self._q_values(successors, *self.target),
        }

    def _q_values(self, observations: Tensor, trunk: nn.ModuleList, q: nn.Linear) -> Tensor:
        stones = observations[:, : -self.num_actions].float()
        legal = observations[:, -self.num_actions :] > 0
        hidden = run_trunk(trunk, stones, self.activation)
        return q(hidden).masked_fill(~legal, -torch.inf)
