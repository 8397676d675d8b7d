"""The loss of values against their targets, which DQN and TD minimise, and its derivative.

Shapes: `B` values of a minibatch.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["td_error_derivative", "td_error_loss"]

LOSSES = {"huber": torch.nn.functional.smooth_l1_loss, "mse": torch.nn.functional.mse_loss}
"""By the words of RLlib's `td_error_loss_fn`."""


def td_error_loss(values: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Return the mean loss, a scalar.

    Args:
        values: `[B]`.
        targets: `[B]`, constants.
        loss: "huber" or "mse".
    """
    return LOSSES[loss](values, targets)


def td_error_derivative(values: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Return the derivative of `td_error_loss` by the values, `[B]`.

    That of the Huber loss is the error, cut to [-1, 1]; that of the square is twice the error.

    Args:
        values: As for `td_error_loss`.
        targets: As for `td_error_loss`.
        loss: As for `td_error_loss`.
    """
    errors = values - targets
    by_row = errors.clamp(-1.0, 1.0) if loss == "huber" else 2.0 * errors
    return by_row / len(values)
