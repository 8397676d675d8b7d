"""The RLModule around a user's network: it masks illegal moves, and nothing else.

It learns by autograd, and env runners of such a run load torch to ask it.
Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor

from ttt_rllib.agents.own_network import (
    CLASS,
    OwnNetwork,
    OwnNetworkPolicy,
    board_planes,
    build_network,
    torch_answers,
)
from ttt_rllib.config.own_code import make_findable, source_of, source_sha256
from ttt_rllib.sampling.network import ILLEGAL_LOGIT

__all__ = ["OwnActorCritic"]


class OwnActorCritic(TorchRLModule, ValueFunctionAPI):
    """A user's network over flat observations `[B, 2 S + A]`.

    `model_config` holds `class` (`module:Net`), `kwargs`, the `game`, and `code`, the folder with
    a run's copy of the module, or None.
    """

    def setup(self) -> None:
        """Build the user's network, from the run's copy of its module if there is one."""
        config = self.model_config
        if config.get("code"):
            make_findable(Path(config["code"]), first=True)
        self.num_actions = int(self.action_space.n)
        self.game = config["game"]
        self.network = build_network(config["class"], config.get("kwargs") or {}, self.game)

    def train(self, mode: bool = True) -> OwnActorCritic:
        """Stay in the mode for evaluation.

        With dropout or statistics of a batch, a position would have other probabilities while it
        is learnt from than when it was played, and than the agent that is proved.
        """
        super().train(False)
        return self

    def evaluate(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return masked logits `[B, A]` and values `[B]` of observations of any dtype."""
        stones, legal = observations[:, : -self.num_actions], observations[:, -self.num_actions :]
        logits, values = self.network(board_planes(stones.float(), self.game))
        return logits + (1.0 - legal.float()) * ILLEGAL_LOGIT, values

    def policy(self) -> OwnNetworkPolicy:
        """Return the agent with the weights of this moment; its answers are this module's."""
        config = self.model_config
        source = source_of(CLASS, config["class"])
        sha256 = source_sha256(source) if source is not None else ""
        network = OwnNetwork(config["class"], dict(config.get("kwargs") or {}), sha256)
        weights = {
            name: np.array(tensor.numpy(), np.float32)
            for name, tensor in self.network.state_dict().items()
        }
        answers = torch_answers(self.network, self.game)
        return OwnNetworkPolicy(self.game, network, weights, answers)

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Return the value estimates `[B]` of a batch, +1 = the mover wins."""
        return self.evaluate(batch[Columns.OBS])[1]

    def _forward(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        logits, values = self.evaluate(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: logits, Columns.VF_PREDS: values}
