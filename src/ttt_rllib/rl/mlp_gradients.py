"""The forward and the backward pass of a small MLP without autograd.

For networks of this size autograd's bookkeeping takes about as long as the arithmetic. The
derivatives are those of Rumelhart, Hinton and Williams, "Learning representations by
back-propagating errors", 1986; `tests/rl/test_mlp_gradients.py` compares them with autograd's.
Shapes: `B` rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["MLPGradients"]


class MLPGradients:
    """Computes the outputs of an MLP and, from the gradients at the outputs, those of its weights.

    The weights' `grad` are parts of `flat`, so that a norm or a scale is one operation.

    Args:
        trunk: The hidden layers, `nn.Linear`.
        heads: The layers that all read the last hidden layer.
        activation: "relu" or "tanh".
    """

    def __init__(
        self, trunk: Iterable[nn.Module], heads: Iterable[nn.Module], activation: str
    ) -> None:
        self._trunk, self._heads = _linear(trunk), _linear(heads)
        self._is_relu = activation == "relu"
        layers = (*self._trunk, *self._heads)
        weights = [weight for layer in layers for weight in (layer.weight, layer.bias)]
        sizes = [weight.numel() for weight in weights]
        self.flat = torch.zeros(sum(sizes), device=weights[0].device)
        for weight, part in zip(weights, torch.split(self.flat, sizes), strict=True):
            weight.grad = part.view_as(weight)
        self._hidden: list[Tensor] = []

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the outputs `[B, n]` of every head, with the rows of a column side by side.

        Operations along the few outputs of a row are several times faster in that order.

        Args:
            inputs: `[B, inputs]` float32.
        """
        self._hidden = [inputs]
        for layer in self._trunk:
            hidden = torch.addmm(layer.bias, self._hidden[-1], layer.weight.t())
            self._hidden.append(hidden.relu_() if self._is_relu else hidden.tanh_())
        transposed = self._hidden[-1].t()
        return [
            torch.addmm(head.bias.unsqueeze(1), head.weight, transposed).t() for head in self._heads
        ]

    def backward(self, gradients: Sequence[Tensor]) -> None:
        """Set the gradients of all weights.

        Args:
            gradients: For every head, `[B, n]` derivatives of the loss by the outputs of the last
                `forward`.
        """
        below = self._hidden.pop()
        downwards = None
        for head, gradient in zip(self._heads, gradients, strict=True):
            _set_gradients(head, gradient, below)
            part = gradient @ head.weight
            downwards = part if downwards is None else downwards.add_(part)
        assert downwards is not None  # noqa: S101 - there is a head
        for layer in reversed(self._trunk):
            downwards = self._through_activation(downwards, below)
            below = self._hidden.pop()
            _set_gradients(layer, downwards, below)
            if self._hidden:
                downwards = downwards @ layer.weight

    def _through_activation(self, gradient: Tensor, outputs: Tensor) -> Tensor:
        # What autograd calls, four times as fast as a product with a mask.
        if self._is_relu:
            return torch.ops.aten.threshold_backward(gradient, outputs, 0)
        return torch.ops.aten.tanh_backward(gradient, outputs)

    def clip_(self, max_norm: float) -> None:
        """Scale all gradients down to this norm, as `torch.nn.utils.clip_grad_norm_` does."""
        norm = torch.linalg.vector_norm(self.flat)
        self.flat.mul_((max_norm / (norm + 1e-6)).clamp_(max=1.0))


def _linear(layers: Iterable[nn.Module]) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]


def _set_gradients(layer: nn.Linear, gradient: Tensor, inputs: Tensor) -> None:
    weight, bias = layer.weight.grad, layer.bias.grad
    torch.mm(gradient.t(), inputs, out=weight)
    torch.sum(gradient, dim=0, out=bias)
