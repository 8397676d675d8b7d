"""TD(lambda) on columns: the error of the values against their targets.

Shapes: `B` positions of a minibatch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.learner import VF_LOSS_KEY
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.evaluation.postprocessing import Postprocessing
from torch import Tensor

from ttt_rllib.rl.learner import ColumnsLearner, Tensors
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.rl.td_error_loss import td_error_derivative, td_error_loss
from ttt_rllib.sampling.env_runner import MODULE_ID

__all__ = ["TD_ERROR_KEY", "SelfPlayTDLearner", "TDLoss", "td_loss", "td_loss_gradient"]

TD_ERROR_KEY = "td_error_mean"


class TDLoss(NamedTuple):
    """The loss and the figure reported with it, scalars.

    Attributes:
        total: The loss that is minimised, the mean over the minibatch.
        td_error: Mean absolute error.
    """

    total: Tensor
    td_error: Tensor


def td_loss(values: Tensor, targets: Tensor, *, loss: str) -> TDLoss:
    """Return the loss of values against lambda returns, which are constants.

    The semi-gradient of Sutton and Barto, "Reinforcement Learning: An Introduction", 2nd edition,
    eq. 12.4, over minibatches.

    Args:
        values: `[B]` the network's.
        targets: `[B]`, see `ttt_rllib.sampling.lambda_returns`.
        loss: "huber" or "mse".
    """
    return TDLoss(td_error_loss(values, targets, loss), (values - targets).abs().mean())


def td_loss_gradient(values: Tensor, targets: Tensor, *, loss: str) -> tuple[TDLoss, Tensor]:
    """Return `td_loss` and its derivative by the values `[B]`.

    Args:
        values: As for `td_loss`.
        targets: As for `td_loss`.
        loss: As for `td_loss`.
    """
    return td_loss(values, targets, loss=loss), td_error_derivative(values, targets, loss)


class SelfPlayTDLearner(ColumnsLearner, TorchLearner):
    """TD learner for the columns of `BoardEnvRunner`."""

    FIGURES = (VF_LOSS_KEY, TD_ERROR_KEY)

    def loss_parts(self, minibatch: Tensors) -> tuple[Tensor, ...]:
        """Return the TD loss and the figure reported with it."""
        # Under DDP this is the wrapped module, whose backward pass averages the gradients.
        out = self.module[MODULE_ID].forward_train(minibatch)
        targets = minibatch[Postprocessing.VALUE_TARGETS]
        return td_loss(out[Columns.VF_PREDS], targets, loss=self.config.td_error_loss_fn)

    def backward(self, minibatch: Tensors, network: MLPGradients) -> tuple[Tensor, ...]:
        """Set the gradients of the TD loss; return it and the figure reported with it."""
        num_actions = self.module[MODULE_ID].num_actions
        (values,) = network.forward(minibatch[Columns.OBS][:, :-num_actions])
        loss, gradient = td_loss_gradient(
            values.squeeze(1),
            minibatch[Postprocessing.VALUE_TARGETS],
            loss=self.config.td_error_loss_fn,
        )
        network.backward((gradient.unsqueeze(1),))
        return loss

    def compute_loss_for_module(self, **kwargs: Any) -> Tensor:
        """Refuse: RLlib demands the method, but `update` of `ColumnsLearner` never calls it.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("td learns from columns, by `loss_parts` or `backward`")
