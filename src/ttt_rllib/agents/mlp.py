"""The networks' arithmetic in NumPy: a multilayer perceptron with one head or two.

A process that only plays needs no torch, which takes seconds to import and hundreds of megabytes.
Shapes: `n` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["ACTIVATIONS", "MLP", "Head", "head_of"]

Head = Literal["policy", "q", "value"]
"""By which of its heads a network chooses its moves: "value" by the values of what follows them."""

ROWS = 512
"""Positions at a time: the hidden layers' outputs then stay in a core's cache."""

Array = npt.NDArray[np.floating[Any]]

ACTIVATIONS: dict[str, Callable[[Array], Any]] = {
    # NumPy is twice as slow with a number as with an array.
    "relu": lambda hidden: np.maximum(hidden, np.zeros(hidden.shape[-1], np.float32), out=hidden),
    "tanh": lambda hidden: np.tanh(hidden, out=hidden),
}
"""They overwrite their argument."""


class MLP:
    """Layers laid out for products with many positions.

    Args:
        weights: `trunk.<i>.weight|bias` and `policy.weight|bias` with `value.weight|bias`, or
            `q.weight|bias`, or `value.weight|bias` alone; weights `[out, in]`. Others are ignored.
        activation: "relu" or "tanh".
        dtype: Of the arithmetic and the outputs.
    """

    def __init__(
        self, weights: Mapping[str, npt.ArrayLike], activation: str, dtype: Any = np.float32
    ) -> None:
        self._dtype = dtype
        self._activate = ACTIVATIONS[activation]
        self._trunk: list[tuple[Array, Array]] = []
        while (name := f"trunk.{len(self._trunk)}") and f"{name}.weight" in weights:
            self._trunk.append(_layer(weights, name, dtype))
        self.head = head_of(weights)
        # One product for both heads.
        heads = ("policy", "value") if self.head == "policy" else (self.head,)
        parts = [_layer(weights, head, dtype) for head in heads]
        self._heads = tuple(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))

    @property
    def layers(self) -> list[tuple[Array, Array]]:
        """Weights `[in, out]` and bias `[out]` of each layer; the last one has all heads."""
        weight, bias = self._heads
        return [*self._trunk, (weight, bias)]

    @property
    def num_actions(self) -> int:
        """The number `A` of actions, of a network that has outputs for them."""
        return len(self._heads[1]) - (self.head == "policy")

    def __call__(self, planes: npt.NDArray[np.int8]) -> Array:
        """Return the heads' outputs.

        They are `[n, A]` Q-values, or `[n, A + 1]` logits and, in the last column, values, or
        `[n, 1]` values.

        Args:
            planes: `[n, width]`, see `Inputs.planes`.
        """
        weight, bias = self._heads
        outputs = np.empty((len(planes), len(bias)), self._dtype)
        for start in range(0, len(planes), ROWS):
            rows = slice(start, start + ROWS)
            np.matmul(self._hidden(planes[rows]), weight, out=outputs[rows])
        outputs += bias
        return outputs

    def _hidden(self, planes: npt.NDArray[np.int8]) -> Array:
        hidden = planes.astype(self._dtype)
        for weight, bias in self._trunk:
            hidden = hidden @ weight
            hidden += bias
            hidden = self._activate(hidden)
        return hidden


def head_of(weights: Mapping[str, Any]) -> Head:
    """Return by which of its heads a network chooses its moves."""
    if "q.weight" in weights:
        return "q"
    return "policy" if "policy.weight" in weights else "value"


def _layer(weights: Mapping[str, Any], name: str, dtype: Any) -> tuple[Array, Array]:
    """Return the weights `[in, out]` and the bias `[out]` of a layer."""
    weight = np.asarray(weights[f"{name}.weight"], dtype)
    return np.ascontiguousarray(weight.T), np.asarray(weights[f"{name}.bias"], dtype)
