"""The rules of a small game as a table: one row for every position.

A position is then the number of its row, and a move is looked up. Whose move it is alternates with
every ply, as on a board; `table_game` says how other games are brought into this form.
Shapes: `P` positions, `A` actions, `W` numbers that describe a position, `N` queries.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["NO_CHILD", "RulesTable"]

NO_CHILD = -1
"""Instead of the row of the position after an action."""


@dataclass(frozen=True, eq=False)
class RulesTable:
    """All positions, each after every position from which it can be reached; row 0 is the start.

    Attributes:
        children: `[P, A]` int32, row of the position after an action; `NO_CHILD` where it is
            illegal, or the game is over.
        lost: `[P]` bool, the game is over and the player to move has lost it.
        planes: `[P, W]` int8, what the player to move sees.
        ply: `[P]` uint8, the greatest number of plies after which a game can come here; it is even
            where the first player is to move.
    """

    children: npt.NDArray[np.int32]
    lost: npt.NDArray[np.bool_]
    planes: npt.NDArray[np.int8]
    ply: npt.NDArray[np.uint8]

    @cached_property
    def legal_bits(self) -> npt.NDArray[np.uint64]:
        """`[P]` bitboards whose bit `a` is set where action `a` is legal; 0 once a game is over."""
        weights = np.uint64(1) << np.arange(self.children.shape[1], dtype=np.uint64)
        return np.where(self.children != NO_CHILD, weights, np.uint64(0)).sum(
            axis=1, dtype=np.uint64
        )

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First row of every ply, and `P` at the end."""
        plies = np.arange(int(self.ply[-1]) + 1)
        return (*np.searchsorted(self.ply, plies).tolist(), len(self.ply))

    @cached_property
    def sha256(self) -> str:
        """Digest of the rules and of what is seen."""
        digest = hashlib.sha256()
        for array in (self.children, self.lost, self.planes, self.ply):
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{array.shape}".encode())
            digest.update(np.ascontiguousarray(little).tobytes())
        return digest.hexdigest()
