"""PPO on columns: RLlib's PPO loss without the parts that are not used here.

Shapes: `B` moves of a minibatch, `A` actions.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from ray.rllib.algorithms.ppo.ppo import LEARNER_RESULTS_KL_KEY
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.learner import ENTROPY_KEY, POLICY_LOSS_KEY, VF_LOSS_KEY
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch import Tensor

from ttt_rllib.rl.learner import ColumnsLearner, Tensors
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.sampling.columns import EXPLORED
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.network import ILLEGAL_LOGIT

__all__ = ["PPOLoss", "SelfPlayPPOLearner", "ppo_loss", "ppo_loss_gradients"]


LOG2_E = math.log2(math.e)


class PPOLoss(NamedTuple):
    """The parts of the PPO loss, scalars.

    Attributes:
        total: The loss that is minimised.
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
    """Return RLlib's PPO loss without its KL term, on masked logits.

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, eq. 7 and 9, with
    RLlib's clipping of the squared value error.

    Args:
        logits: `[B, A]` very negative where illegal.
        values: `[B]` value estimates.
        batch: Columns of `B` moves: actions, action_logp, advantages, value_targets,
            explored. The games after a random move say nothing about the value of the
            policy, so its value error does not count.
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
    value = (errors.square().clamp(max=vf_clip_param) * ~batch[EXPLORED]).mean()
    entropy = -(log_probs.exp() * log_probs).sum(dim=1).mean()
    total = policy + vf_loss_coeff * value - entropy_coeff * entropy
    return PPOLoss(total, policy, value, entropy, -log_ratio.mean())


def ppo_loss_gradients(
    logits: Tensor,
    values: Tensor,
    batch: Tensors,
    *,
    clip_param: float,
    vf_loss_coeff: float,
    vf_clip_param: float,
    entropy_coeff: float | Tensor,
) -> tuple[PPOLoss, Tensor, Tensor]:
    """Return `ppo_loss` and its derivatives by the logits `[B, A]` and by the values `[B]`.

    With probabilities p, entropy H and ratio r, of the move a that was made: the surrogate
    A r changes by A r ([j = a] - p_j), where clipping does not make it a constant, and H by
    -p_j (log p_j + H).

    Args:
        logits: As for `ppo_loss`.
        values: As for `ppo_loss`.
        batch: As for `ppo_loss`.
        clip_param: As for `ppo_loss`.
        vf_loss_coeff: As for `ppo_loss`.
        vf_clip_param: As for `ppo_loss`.
        entropy_coeff: As for `ppo_loss`.
    """
    rows = len(logits)
    actions = batch[Columns.ACTIONS].unsqueeze(1)
    # Not `log_softmax`, which first copies logits whose columns lie side by side.
    log_probs = logits - logits.amax(dim=1, keepdim=True)
    # `exp` takes thirty times as long where it underflows, at illegal moves, and `exp2` does not.
    probs = (log_probs * LOG2_E).exp2_()
    normalisers = probs.sum(dim=1, keepdim=True)
    log_probs -= normalisers.log()
    probs /= normalisers
    log_ratio = log_probs.gather(1, actions).squeeze(1) - batch[Columns.ACTION_LOGP]
    ratio = log_ratio.exp()
    advantages = batch[Postprocessing.ADVANTAGES]
    unclipped = advantages * ratio
    clipped = advantages * ratio.clamp(1.0 - clip_param, 1.0 + clip_param)
    policy = -torch.min(unclipped, clipped).mean()
    errors = values - batch[Postprocessing.VALUE_TARGETS]
    squares, counts = errors.square(), ~batch[EXPLORED]
    value = (squares.clamp(max=vf_clip_param) * counts).mean()
    minus_entropies = (probs * log_probs).sum(dim=1, keepdim=True)
    entropy = -minus_entropies.mean()
    total = policy + vf_loss_coeff * value - entropy_coeff * entropy

    by_move = (unclipped * (unclipped <= clipped)).unsqueeze(1).div_(-rows)
    by_logits = log_probs.sub_(minus_entropies).mul_(entropy_coeff / rows).sub_(by_move).mul_(probs)
    by_logits.scatter_add_(1, actions, by_move)
    by_values = errors.mul_(counts & (squares <= vf_clip_param)).mul_(2.0 * vf_loss_coeff / rows)
    return PPOLoss(total, policy, value, entropy, -log_ratio.mean()), by_logits, by_values


class SelfPlayPPOLearner(ColumnsLearner, PPOTorchLearner):
    """PPO learner for the columns of `BoardEnvRunner`."""

    FIGURES = (
        PPOTorchLearner.TOTAL_LOSS_KEY,
        POLICY_LOSS_KEY,
        VF_LOSS_KEY,
        ENTROPY_KEY,
        LEARNER_RESULTS_KL_KEY,
    )

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Set the schedules to the number of moves so far.

        RLlib sets the entropy coefficient after an update only, so a resumed learner
        would begin with that of move 0.
        """
        super().before_gradient_based_update(timesteps=timesteps)  # type: ignore[safe-super]  # RLlib's
        entropy = self.entropy_coeff_schedulers_per_module[MODULE_ID]
        entropy.update(timestep=timesteps.get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0))

    def loss_parts(self, minibatch: Tensors) -> tuple[Tensor, ...]:
        """Return the parts of the PPO loss."""
        # Under DDP this is the wrapped module, whose backward pass averages the gradients.
        out = self.module[MODULE_ID].forward_train(minibatch)
        return ppo_loss(
            out[Columns.ACTION_DIST_INPUTS],
            out[Columns.VF_PREDS],
            minibatch,
            **self._coefficients(),
        )

    def backward(self, minibatch: Tensors, network: MLPGradients) -> tuple[Tensor, ...]:
        """Set the gradients of the PPO loss; return its parts."""
        num_actions = self.module[MODULE_ID].num_actions
        observations = minibatch[Columns.OBS]
        logits, values = network.forward(observations[:, :-num_actions])
        logits += (1.0 - observations[:, -num_actions:]) * ILLEGAL_LOGIT
        loss, by_logits, by_values = ppo_loss_gradients(
            logits, values.squeeze(1), minibatch, **self._coefficients()
        )
        network.backward((by_logits, by_values.unsqueeze(1)))
        return loss

    def _coefficients(self) -> dict[str, Any]:
        entropy = self.entropy_coeff_schedulers_per_module[MODULE_ID]
        return {
            "clip_param": self.config.clip_param,
            "vf_loss_coeff": self.config.vf_loss_coeff,
            "vf_clip_param": self.config.vf_clip_param,
            "entropy_coeff": entropy.get_current_value(),
        }
