"""An ONNX graph that is being built, node by node; onnx is imported only when needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Graph"]


@dataclass
class Graph:
    """The nodes and constants so far; every method returns the name of what it adds."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node.

        Args:
            operator: Its operator, such as "Gemm".
            inputs: The names of its inputs.
            output: The name of its output, and its own.
            **attributes: Those of the operator.
        """
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Add a constant; its type is that of the value."""
        from onnx import numpy_helper

        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name
