"""RLlib's Learner with a minibatch loop of our own, for columns that are NumPy arrays.

RLlib's loop spends most of its time on bookkeeping a minibatch (slicing SampleBatches,
building distributions, checking gradients twice, logging). This one keeps the Learner's
contract - LearnerGroup, DDP, optimizers, schedules, checkpoints, metrics - and does the
bookkeeping once an update. The losses are in `ppo_learner` and `dqn_learner`.
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

from ttt_rllib.rl.actor_critic import MODULE_ID
from ttt_rllib.rl.process_usage import ProcessUsage

__all__ = ["ColumnsLearner", "Tensors"]

Tensors = dict[str, Tensor]

OBSERVATIONS = {Columns.OBS, Columns.NEXT_OBS}


class ColumnsLearner:
    """Mixed into an RLlib TorchLearner: `update` on the columns of `BoardEnvRunner`.

    `update` takes `batch` or `training_data` with one `MultiAgentBatch`; every learner of
    a group must be given the same number of moves. A subclass gives `FIGURES`, the names
    of what `loss_parts` returns, and `loss_parts`.
    """

    FIGURES: tuple[str, ...]

    config: Any
    metrics: Any

    def loss_parts(self, minibatch: Tensors) -> tuple[Tensor, ...]:
        """Return scalars named by `FIGURES`, the first of which is minimised."""
        raise NotImplementedError

    def configure_optimizers_for_module(self: Any, module_id: str, config: Any = None) -> None:
        """Register Adam in its fused form, one kernel for all parameters."""
        params = self.get_parameters(self._module[module_id])
        optimizer = torch.optim.Adam(params, eps=1e-7, fused=True)
        self.register_optimizer(
            module_id=module_id, optimizer=optimizer, params=params, lr_or_lr_schedule=config.lr
        )

    def update(
        self: Any,
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
            minibatch_size: About how many moves a gradient step sees; the moves are cut
                into equal parts of about this size, so that none is left out.
            **kwargs: Further arguments of RLlib's `update`, without effect here.

        Returns:
            Metrics of this update, as `MetricsLogger.reduce` returns them.
        """
        self._check_is_built()
        self.before_gradient_based_update(timesteps=timesteps or {})
        if training_data is not None:
            training_data.solve_refs()
            batch = training_data.batch
        if batch is None:
            raise TypeError(f"{type(self).__name__}.update takes one MultiAgentBatch of columns")
        self._weights_seq_no += 1
        columns = self._tensors(batch)
        num_moves = len(columns[Columns.ACTIONS])
        parts = max(1, round(num_moves / (minibatch_size or num_moves)))
        rng = np.random.default_rng([int(self.config.seed or 0), self._weights_seq_no])
        figures: list[Tensor] = []
        for _ in range(num_epochs):
            order = torch.from_numpy(rng.permutation(num_moves)).to(self._device)
            # Shuffled as a whole, a column is gathered once an epoch; minibatches are views.
            shuffled = {name: column[order].tensor_split(parts) for name, column in columns.items()}
            figures.extend(
                self._gradient_step({name: views[part] for name, views in shuffled.items()})
                for part in range(parts)
            )
        self._check_finite()
        self._log_update(torch.stack(figures).mean(dim=0), num_moves * num_epochs)
        self.after_gradient_based_update(timesteps=timesteps or {})
        return self.metrics.reduce()

    def _tensors(self: Any, batch: MultiAgentBatch) -> Tensors:
        tensors = {
            key: torch.from_numpy(np.ascontiguousarray(value)).to(self._device)
            for key, value in batch.policy_batches[MODULE_ID].items()
        }
        for key in OBSERVATIONS & tensors.keys():
            # Once for all minibatches of all epochs.
            tensors[key] = tensors[key].float()
        return tensors

    def _gradient_step(self: Any, minibatch: Tensors) -> Tensor:
        parts = self.loss_parts(minibatch)
        for optimizer in self._optimizer_parameters:
            optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(parts[0])
        if self.config.grad_clip is not None:
            torch.nn.utils.clip_grad_norm_(self._params.values(), self.config.grad_clip)
        for optimizer in self._optimizer_parameters:
            optimizer.step()
        return torch.stack(parts).detach()

    def _check_finite(self: Any) -> None:
        """Refuse diverged weights before they reach an env runner.

        Raises:
            FloatingPointError: If a weight is infinite or not a number.
        """
        if not all(bool(torch.isfinite(weight).all()) for weight in self._params.values()):
            raise FloatingPointError(
                "training diverged: a weight is not finite; lower training.lr or training.grad_clip"
            )

    def build(self: Any) -> None:
        """Build everything, as RLlib does."""
        super().build()  # type: ignore[misc]  # RLlib's Learner
        self._usage = ProcessUsage()

    def _log_update(self: Any, means: Tensor, passes: int) -> None:
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
