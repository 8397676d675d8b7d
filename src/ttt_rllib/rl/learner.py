"""RLlib's Learner with a minibatch loop of our own, for columns that are NumPy arrays.

RLlib's loop spends most of its time on bookkeeping for every minibatch (slicing SampleBatches,
building distributions, checking gradients twice, logging). This one keeps the Learner's
contract - LearnerGroup, DDP, optimizers, schedules, checkpoints, metrics - and does the
bookkeeping once per update. The losses are in `ppo_learner`, `dqn_learner` and `td_learner`, with
their derivatives, so that our own networks need no autograd.
Shapes: `B` moves of a minibatch, `M` moves of a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.core import ALL_MODULES
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import (
    NUM_MODULE_STEPS_TRAINED,
    NUM_MODULE_STEPS_TRAINED_LIFETIME,
    WEIGHTS_SEQ_NO,
)
from torch import Tensor

from ttt_rllib.rl.eager_torch import EagerAdam
from ttt_rllib.rl.hosts import LearnerBase
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.process_usage import ProcessUsage

__all__ = ["ColumnsLearner", "Tensors"]

Tensors = dict[str, Tensor]

OBSERVATIONS = {Columns.OBS, Columns.NEXT_OBS}


class ColumnsLearner(LearnerBase):
    """Mixed into an RLlib TorchLearner: `update` on the columns of `BoardEnvRunner`.

    `update` takes `batch` or `training_data` with one `MultiAgentBatch`; every learner of
    a group must be given the same number of moves. A subclass gives `FIGURES`, the names
    of what `loss_parts` returns, `loss_parts` and `backward`.
    """

    FIGURES: tuple[str, ...]

    def loss_parts(self, minibatch: Tensors) -> tuple[Tensor, ...]:
        """Return scalars named by `FIGURES`, the first of which is minimised."""
        raise NotImplementedError

    def backward(self, minibatch: Tensors, network: MLPGradients) -> tuple[Tensor, ...]:
        """Set the gradients of the first of the scalars named by `FIGURES`; return all of them.

        Args:
            minibatch: Columns of `B` moves.
            network: The one network.
        """
        raise NotImplementedError

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Register Adam."""
        params = self.get_parameters(self.module[module_id])
        optimizer = EagerAdam(params, eps=1e-7)
        self.register_optimizer(
            module_id=module_id, optimizer=optimizer, params=params, lr_or_lr_schedule=config.lr
        )

    def update(
        self,
        batch: MultiAgentBatch | None = None,
        training_data: TrainingData | None = None,
        *,
        timesteps: dict[str, Any] | None = None,
        num_epochs: int = 1,
        minibatch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Pass `num_epochs` times over the moves, each time in a new random order.

        Args:
            batch: The moves of this learner.
            training_data: The same, as the LearnerGroup hands it over.
            timesteps: RLlib's counts, for the schedules.
            num_epochs: Passes over the moves.
            minibatch_size: The approximate number of moves per gradient step; the moves are
                cut into equal parts of about this size, so that none is left out.
            **kwargs: Further arguments of RLlib's `update`, which are ignored.

        Returns:
            Metrics of this update, as `MetricsLogger.reduce` returns them.
        """
        self.before_gradient_based_update(timesteps=timesteps or {})
        if training_data is not None:
            training_data.solve_refs()
            batch = training_data.batch
        if batch is None:
            raise TypeError(f"{type(self).__name__}.update takes one MultiAgentBatch of columns")
        # RLlib's `update`, which this one replaces, counts here; its checkpoints, the messages
        # to the env runners and our own random numbers depend on this count.
        self._weights_seq_no += 1
        columns = self._tensors(batch)
        num_moves = len(columns[Columns.OBS])
        parts = max(1, round(num_moves / (minibatch_size or num_moves)))
        rng = np.random.default_rng([int(self.config.seed or 0), self._weights_seq_no])
        optimizer = self.get_optimizer(MODULE_ID)
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        figures: list[Tensor] = []
        for _ in range(num_epochs):
            order = torch.from_numpy(rng.permutation(num_moves)).to(self.device)
            # Each column is shuffled once per epoch, as a whole; the minibatches are views of it.
            shuffled = {
                name: column.index_select(0, order).tensor_split(parts)
                for name, column in columns.items()
            }
            for part in range(parts):
                minibatch = {name: views[part] for name, views in shuffled.items()}
                figures.append(self._gradient_step(minibatch, optimizer, weights))
        _check_finite(weights)
        self._log_update(torch.stack(figures).mean(dim=0), num_moves * num_epochs)
        self.after_gradient_based_update(timesteps=timesteps or {})
        return self.metrics.reduce()

    def _tensors(self, batch: MultiAgentBatch) -> Tensors:
        tensors = {
            key: torch.from_numpy(np.ascontiguousarray(value)).to(self.device)
            for key, value in batch.policy_batches[MODULE_ID].items()
        }
        for key in OBSERVATIONS & tensors.keys():
            # Converted here once, instead of in every minibatch of every epoch.
            tensors[key] = tensors[key].float()
        return tensors

    def _gradient_step(
        self, minibatch: Tensors, optimizer: torch.optim.Optimizer, weights: list[Tensor]
    ) -> Tensor:
        if self._network is None:
            parts = self.loss_parts(minibatch)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(parts[0])
            if self.config.grad_clip is not None:
                torch.nn.utils.clip_grad_norm_(weights, self.config.grad_clip)
        else:
            with torch.no_grad():
                parts = self.backward(minibatch, self._network)
                if self.config.grad_clip is not None:
                    self._network.clip_(self.config.grad_clip)
        optimizer.step()
        return torch.stack(parts).detach()

    def build(self) -> None:
        """Build everything, as RLlib does."""
        super().build()  # type: ignore[safe-super]  # RLlib's
        self._usage = ProcessUsage()
        module = self.module[MODULE_ID]
        # A network that is not ours needs autograd, and so does DDP, which wraps the module.
        self._network = module.gradients() if type(module) is self.config.MODULE else None

    def _log_update(self, means: Tensor, passes: int) -> None:
        if self.config.num_learners:
            self._usage.log(self.metrics, ALL_MODULES)
        for name, figure in zip(self.FIGURES, means.tolist(), strict=True):
            self.metrics.log_value((MODULE_ID, name), figure, window=1)
        seq_no: int = self._weights_seq_no
        self.metrics.log_value((MODULE_ID, WEIGHTS_SEQ_NO), seq_no, window=1)
        for module_id in (MODULE_ID, ALL_MODULES):
            self.metrics.log_value((module_id, NUM_MODULE_STEPS_TRAINED), passes, reduce="sum")
            self.metrics.log_value(
                (module_id, NUM_MODULE_STEPS_TRAINED_LIFETIME), passes, reduce="lifetime_sum"
            )


def _check_finite(weights: list[Tensor]) -> None:
    """Refuse diverged weights before they reach an env runner.

    Raises:
        FloatingPointError: If a weight is infinite or not a number.
    """
    if not all(bool(torch.isfinite(weight).all()) for weight in weights):
        raise FloatingPointError(
            "training diverged: a weight is not finite; lower training.lr or training.grad_clip"
        )
