"""PPO on columns: RLlib's Learner with a minibatch loop of our own.

RLlib's loop spends most of its time on bookkeeping a minibatch (slicing SampleBatches,
building distributions, checking gradients twice, logging). This one keeps the Learner's
contract - LearnerGroup, DDP, optimizers, schedules, checkpoints, metrics - and RLlib's PPO
loss, and does the bookkeeping once an update.
Shapes: `B` moves of a minibatch, `M` moves of a batch, `A` actions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from ray.rllib.algorithms.ppo.ppo import LEARNER_RESULTS_KL_KEY
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core import ALL_MODULES
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.learner import ENTROPY_KEY, POLICY_LOSS_KEY, VF_LOSS_KEY
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import (
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_MODULE_STEPS_TRAINED,
    NUM_MODULE_STEPS_TRAINED_LIFETIME,
    WEIGHTS_SEQ_NO,
)
from torch import Tensor

from ttt_rllib.rl.module import MODULE_ID

__all__ = ["PPOLoss", "SelfPlayPPOLearner", "ppo_loss"]

Tensors = dict[str, Tensor]


class PPOLoss(NamedTuple):
    """The parts of the PPO loss, scalars.

    Attributes:
        total: What is minimised.
        policy: Minus the clipped surrogate objective.
        value: Mean of the clipped squared value error.
        entropy: Mean entropy of the policy in nats.
        kl: Mean of old minus new log-probability, an estimate of KL(old, new) in nats.
    """

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor
    kl: Tensor


def ppo_loss(
    logits: Tensor,
    values: Tensor,
    batch: Tensors,
    *,
    clip_param: float,
    vf_loss_coeff: float,
    vf_clip_param: float,
    entropy_coeff: float | Tensor,
) -> PPOLoss:
    """RLlib's PPO loss without its KL term, on masked logits.

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, eq. 7 and 9, with
    RLlib's clipping of the squared value error.

    Args:
        logits: `[B, A]` hugely negative where illegal.
        values: `[B]` value estimates.
        batch: Columns of `B` moves: actions, action_logp, advantages, value_targets.
        clip_param: Greatest deviation of the probability ratio from 1.
        vf_loss_coeff: Weight of the value loss.
        vf_clip_param: Greatest squared value error that counts.
        entropy_coeff: Weight of the entropy bonus.
    """
    log_probs = logits.log_softmax(dim=1)
    logp = log_probs.gather(1, batch[Columns.ACTIONS].unsqueeze(1)).squeeze(1)
    log_ratio = logp - batch[Columns.ACTION_LOGP]
    ratio = log_ratio.exp()
    advantages = batch[Postprocessing.ADVANTAGES]
    surrogate = torch.min(
        advantages * ratio, advantages * ratio.clamp(1.0 - clip_param, 1.0 + clip_param)
    )
    policy = -surrogate.mean()
    errors = values - batch[Postprocessing.VALUE_TARGETS]
    value = errors.square().clamp(max=vf_clip_param).mean()
    entropy = -(log_probs.exp() * log_probs).sum(dim=1).mean()
    total = policy + vf_loss_coeff * value - entropy_coeff * entropy
    return PPOLoss(total, policy, value, entropy, -log_ratio.mean())


class SelfPlayPPOLearner(PPOTorchLearner):
    """PPO learner for the columns of `BoardEnvRunner`.

    `update` takes `batch` or `training_data` with one `MultiAgentBatch`; every learner of
    a group must be given the same number of moves.
    """

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Register Adam in its fused form, one kernel for all parameters."""
        params = self.get_parameters(self._module[module_id])
        optimizer = torch.optim.Adam(params, eps=1e-7, fused=True)
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
            raise TypeError("SelfPlayPPOLearner.update takes one MultiAgentBatch of columns")
        self._weights_seq_no += 1
        # RLlib sets the coefficient after an update only, so a resumed learner would begin
        # with that of move 0.
        entropy = self.entropy_coeff_schedulers_per_module[MODULE_ID]
        entropy.update(timestep=(timesteps or {}).get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0))
        columns = self._tensors(batch)
        num_moves = len(columns[Columns.ACTIONS])
        parts = max(1, round(num_moves / (minibatch_size or num_moves)))
        losses: list[Tensor] = []
        rng = np.random.default_rng([int(self.config.seed or 0), self._weights_seq_no])
        for _ in range(num_epochs):
            order = torch.from_numpy(rng.permutation(num_moves)).to(self._device)
            losses.extend(
                self._gradient_step({key: column[rows] for key, column in columns.items()})
                for rows in order.tensor_split(parts)
            )
        self._check_finite()
        self._log_update(torch.stack(losses).mean(dim=0), num_moves * num_epochs)
        self.after_gradient_based_update(timesteps=timesteps or {})
        return self.metrics.reduce()

    def _tensors(self, batch: MultiAgentBatch) -> Tensors:
        columns = batch.policy_batches[MODULE_ID]
        tensors = {
            key: torch.from_numpy(np.ascontiguousarray(value)).to(self._device)
            for key, value in columns.items()
        }
        tensors[Columns.OBS] = tensors[Columns.OBS].float()
        return tensors

    def _gradient_step(self, minibatch: Tensors) -> Tensor:
        config = self.config
        # Under DDP this is the wrapped module, whose backward pass averages the gradients.
        out = self.module[MODULE_ID].forward_train(minibatch)
        loss = ppo_loss(
            out[Columns.ACTION_DIST_INPUTS],
            out[Columns.VF_PREDS],
            minibatch,
            clip_param=config.clip_param,
            vf_loss_coeff=config.vf_loss_coeff,
            vf_clip_param=config.vf_clip_param,
            entropy_coeff=self.entropy_coeff_schedulers_per_module[MODULE_ID].get_current_value(),
        )
        for optimizer in self._optimizer_parameters:
            optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss.total)
        if config.grad_clip is not None:
            torch.nn.utils.clip_grad_norm_(self._params.values(), config.grad_clip)
        for optimizer in self._optimizer_parameters:
            optimizer.step()
        return torch.stack(loss).detach()

    def _check_finite(self) -> None:
        """Refuse diverged weights before they reach an env runner.

        Raises:
            FloatingPointError: If a weight is infinite or not a number.
        """
        if not all(bool(torch.isfinite(weight).all()) for weight in self._params.values()):
            raise FloatingPointError(
                "training diverged: a weight is not finite; lower training.lr or training.grad_clip"
            )

    def _log_update(self, means: Tensor, passes: int) -> None:
        total, policy, value, entropy, kl = means.tolist()
        for key, figure in {
            self.TOTAL_LOSS_KEY: total,
            POLICY_LOSS_KEY: policy,
            VF_LOSS_KEY: value,
            ENTROPY_KEY: entropy,
            LEARNER_RESULTS_KL_KEY: kl,
            WEIGHTS_SEQ_NO: self._weights_seq_no,
        }.items():
            self.metrics.log_value((MODULE_ID, key), figure, window=1)
        for module_id in (MODULE_ID, ALL_MODULES):
            self.metrics.log_value((module_id, NUM_MODULE_STEPS_TRAINED), passes, reduce="sum")
            self.metrics.log_value(
                (module_id, NUM_MODULE_STEPS_TRAINED_LIFETIME), passes, reduce="lifetime_sum"
            )
