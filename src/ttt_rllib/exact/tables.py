"""Policies as tables over all positions.

Shapes: `P` positions, `A` actions.
"""

import numpy as np
import numpy.typing as npt

from ttt_envs.positions import Positions

__all__ = ["Table", "greedy_table", "uniform_table"]

Table = npt.NDArray[np.float64]


def uniform_table(positions: Positions) -> Table:
    """`[P, A]`: every legal move with the same probability."""
    count = positions.legal.sum(axis=1, keepdims=True)
    return positions.legal / np.maximum(count, 1)


def greedy_table(positions: Positions, table: Table) -> Table:
    """`[P, A]` in {0, 1}: the most probable move of `table`, the lowest number on a tie."""
    best = np.where(positions.legal, table, -1.0).argmax(axis=1)
    greedy = np.zeros_like(table)
    greedy[positions.decisions, best[positions.decisions]] = 1.0
    return greedy
