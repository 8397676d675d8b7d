"""A network that is no MLP, as an RLlib user writes it: it reads the board as an image."""

from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import nn


class TheirNet(TorchRLModule, ValueFunctionAPI):
    """Two planes, a convolution, and a head for 9 moves; it masks illegal ones itself."""

    def setup(self) -> None:
        """Build the layers."""
        self.convolution = nn.Conv2d(2, 8, 3, padding=1)
        self.head = nn.Linear(72, 10)

    def _forward(self, batch: Any, **kwargs: Any) -> Any:
        logits, _ = self.evaluate(batch)
        return {Columns.ACTION_DIST_INPUTS: logits}

    def compute_values(self, batch: Any, embeddings: Any = None) -> Any:
        """Return the estimates of the value."""
        return self.evaluate(batch)[1]

    def evaluate(self, batch: Any) -> Any:
        """Return logits and values of flat observations: the stones, then the mask."""
        flat = batch[Columns.OBS]
        image = flat[:, :18].float().reshape(-1, 3, 3, 2).permute(0, 3, 1, 2)
        outputs = self.head(torch.relu(self.convolution(image)).flatten(1))
        logits = torch.where(flat[:, 18:].bool(), outputs[:, :9], torch.tensor(-1e9))
        return logits, outputs[:, 9]
