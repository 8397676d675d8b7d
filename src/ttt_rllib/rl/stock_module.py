"""The masked Q-network with exploration, which RLlib's own env runner leaves to its modules.

Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor

from ttt_rllib.rl.q_network import BoardQNetwork

__all__ = ["StockQNetwork"]


class StockQNetwork(BoardQNetwork):
    """A `BoardQNetwork` that chooses its moves: epsilon-greedy, among the legal ones only.

    RLlib's default module treats a legal move whose value is exactly 0 as illegal, so
    here a move is legal if its value is above -inf. `model_config` also holds `epsilon`, a
    share or a schedule.
    """

    def setup(self) -> None:
        """Build the layers and the schedule."""
        super().setup()
        self.epsilon_schedule = Scheduler(
            fixed_value_or_schedule=self.model_config["epsilon"], framework=self.framework
        )

    def _forward_inference(self, batch: dict[str, Tensor], **kwargs: Any) -> dict[str, Tensor]:
        q_values, _ = self.evaluate(batch[Columns.OBS])
        return {Columns.ACTIONS: q_values.argmax(dim=1)}

    def _forward_exploration(
        self, batch: dict[str, Tensor], t: int = 0, **kwargs: Any
    ) -> dict[str, Tensor]:
        q_values, _ = self.evaluate(batch[Columns.OBS])
        legal = (q_values > -torch.inf).float()
        anything = torch.multinomial(legal, num_samples=1).squeeze(1)
        self.epsilon_schedule.update(t)
        epsilon = self.epsilon_schedule.get_current_value()
        explores = torch.rand(len(q_values), device=q_values.device) < epsilon
        return {Columns.ACTIONS: torch.where(explores, anything, q_values.argmax(dim=1))}
