"""Policies as tables over all positions.

Shapes: `P` positions, `A` actions.
"""

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Mask
from ttt_envs.positions import Positions

__all__ = ["Table", "check_table", "greedy_table", "uniform", "uniform_table"]

Table = npt.NDArray[np.float64]

TOLERANCE = 1e-5
"""How far the sum of a row may be from 1: more than float32 probabilities are off."""


def check_table(positions: Positions, table: Table) -> None:
    """Refuse a table that is no policy of the game: its figures would mean nothing.

    Args:
        positions: All positions of the game.
        table: `[P, A]` what is to be move probabilities.

    Raises:
        ValueError: If the shape is another one, a probability is negative, not finite or of an
            illegal move, or the probabilities of a decision position do not sum to 1.
    """
    if np.shape(table) != positions.legal.shape:
        raise ValueError(
            f"a policy of this game has the shape {positions.legal.shape}, positions by actions; "
            f"this one has {np.shape(table)}"
        )
    # A comparison with NaN is false.
    is_wrong = ~(table >= 0.0) | (~positions.legal & (table != 0.0))
    sums = np.where(is_wrong, 0.0, table).sum(axis=1)
    bad = is_wrong.any(axis=1)
    bad[positions.decisions] |= np.abs(sums[positions.decisions] - 1.0) > TOLERANCE
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"row {row} of the policy is {np.asarray(table)[row].tolist()}; the probabilities of "
            "legal moves sum to 1, and all others are 0"
        )


def uniform_table(positions: Positions) -> Table:
    """`[P, A]`: every legal move with the same probability."""
    return uniform(positions.legal)


def uniform(legal: Mask) -> Table:
    """Return the uniformly random policy.

    Args:
        legal: `[n, A]` the moves that are legal.

    Returns:
        `[n, A]`: every legal move with the same probability; 0 in a row without one.
    """
    return legal / np.maximum(legal.sum(axis=1, keepdims=True), 1)


def greedy_table(positions: Positions, table: Table) -> Table:
    """`[P, A]` in {0, 1}: the most probable move of `table`, the lowest number on a tie."""
    best = np.where(positions.legal, table, -1.0).argmax(axis=1)
    greedy = np.zeros_like(table)
    greedy[positions.decisions, best[positions.decisions]] = 1.0
    return greedy
