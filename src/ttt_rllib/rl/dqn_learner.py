"""Double DQN on columns, for zero-sum games.

Shapes: `B` moves of a minibatch, `A` actions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from ray.rllib.algorithms.dqn.dqn_learner import (
    QF_LOSS_KEY,
    QF_MEAN_KEY,
    QF_NEXT_PREDS,
    QF_PREDS,
    QF_TARGET_NEXT_PREDS,
    TD_ERROR_MEAN_KEY,
)
from ray.rllib.algorithms.dqn.torch.dqn_torch_learner import DQNTorchLearner
from ray.rllib.core.columns import Columns
from torch import Tensor

from ttt_rllib.rl.learner import ColumnsLearner, Tensors
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.rl.td_error_loss import td_error_derivative, td_error_loss
from ttt_rllib.sampling.env_runner import MODULE_ID

__all__ = ["DQNLoss", "SelfPlayDQNLearner", "dqn_loss", "dqn_loss_gradient"]

LAST_TARGET_UPDATE = "last_target_update"


class DQNLoss(NamedTuple):
    """The loss of double DQN and the figures reported with it, all scalars.

    Attributes:
        total: The loss that is minimised, the mean over the minibatch.
        q_mean: Mean value of the moves made.
        td_error: Mean absolute temporal-difference error.
    """

    total: Tensor
    q_mean: Tensor
    td_error: Tensor


def dqn_loss(out: Tensors, batch: Tensors, *, gamma: float, double_q: bool, loss: str) -> DQNLoss:
    """Return the loss of double Q-learning, each position seen by its mover.

    van Hasselt, Guez and Silver, "Deep Reinforcement Learning with Double Q-learning",
    2016, eq. 4. Deviation: where the successor is the opponent's position, an odd number of plies
    later, its value counts negatively, `r - gamma max_a Q(s', a)`, as in minimax-Q (Littman,
    "Markov games as a framework for multi-agent reinforcement learning", 1994) with alternating
    moves.

    Args:
        out: `[B, A]` Q-values of the positions (`qf_preds`), of the successors
            (`qf_next_preds`) and of the successors by the target network
            (`qf_target_next_preds`), -inf where illegal.
        batch: Columns of `B` moves: actions, rewards, terminateds, n_step (plies between the move
            and its successor).
        gamma: Discount per ply.
        double_q: Whether the online network chooses the successor's move.
        loss: "huber" or "mse".
    """
    q, targets = _q_and_targets(out, batch, gamma=gamma, double_q=double_q)
    return _dqn_loss(q, targets, loss)


def dqn_loss_gradient(
    out: Tensors, batch: Tensors, *, gamma: float, double_q: bool, loss: str
) -> tuple[DQNLoss, Tensor]:
    """Return `dqn_loss` and its derivative by the Q-values of the positions `[B, A]`.

    Args:
        out: As for `dqn_loss`.
        batch: As for `dqn_loss`.
        gamma: As for `dqn_loss`.
        double_q: As for `dqn_loss`.
        loss: As for `dqn_loss`.
    """
    q, targets = _q_and_targets(out, batch, gamma=gamma, double_q=double_q)
    by_move = td_error_derivative(q, targets, loss)
    gradient = torch.zeros_like(out[QF_PREDS])
    gradient.scatter_(1, batch[Columns.ACTIONS].unsqueeze(1), by_move.unsqueeze(1))
    return _dqn_loss(q, targets, loss), gradient


def _q_and_targets(
    out: Tensors, batch: Tensors, *, gamma: float, double_q: bool
) -> tuple[Tensor, Tensor]:
    """Return the values `[B]` of the moves made, and what they should be."""
    target = out[QF_TARGET_NEXT_PREDS]
    chooser = out[QF_NEXT_PREDS] if double_q else target
    best = target.gather(1, chooser.argmax(dim=1, keepdim=True)).squeeze(1)
    # After the end no move is legal, and the best of none is -inf.
    value = torch.where(batch[Columns.TERMINATEDS], torch.zeros_like(best), best)
    # After one ply the opponent is to move, after two the mover itself.
    discount = (-gamma) ** batch["n_step"].float()
    wanted = (batch[Columns.REWARDS] + discount * value).detach()
    return out[QF_PREDS].gather(1, batch[Columns.ACTIONS].unsqueeze(1)).squeeze(1), wanted


def _dqn_loss(q: Tensor, targets: Tensor, loss: str) -> DQNLoss:
    return DQNLoss(td_error_loss(q, targets, loss), q.mean(), (q - targets).abs().mean())


class SelfPlayDQNLearner(ColumnsLearner, DQNTorchLearner):
    """DQN learner for the columns of `BoardEnvRunner`."""

    FIGURES = (QF_LOSS_KEY, QF_MEAN_KEY, TD_ERROR_MEAN_KEY)

    def loss_parts(self, minibatch: Tensors) -> tuple[Tensor, ...]:
        """Return the DQN loss and the figures reported with it."""
        # Under DDP this is the wrapped module, whose backward pass averages the gradients.
        out = self.module[MODULE_ID].forward_train(minibatch)
        return dqn_loss(out, minibatch, **self._settings())

    def backward(self, minibatch: Tensors, network: MLPGradients) -> tuple[Tensor, ...]:
        """Set the gradients of the DQN loss; return it and the figures reported with it."""
        module = self.module[MODULE_ID]
        (q_values,) = network.forward(minibatch[Columns.OBS][:, : -module.num_actions])
        # Not masked, as the moves made were legal.
        out = {QF_PREDS: q_values, **module.successor_values(minibatch)}
        loss, gradient = dqn_loss_gradient(out, minibatch, **self._settings())
        network.backward((gradient,))
        return loss

    def _settings(self) -> dict[str, Any]:
        return {
            "gamma": self.config.gamma,
            "double_q": self.config.double_q,
            "loss": self.config.td_error_loss_fn,
        }

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return RLlib's state, and when the target network was last updated, which RLlib omits."""
        state: dict[str, Any] = super().get_state(*args, **kwargs)
        return {**state, LAST_TARGET_UPDATE: dict(self.last_update_ts_by_mid)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`."""
        super().set_state(state)
        self.last_update_ts_by_mid.update(state.get(LAST_TARGET_UPDATE, {}))
