"""DQN's replay buffer: a ring of NumPy columns, drawn from uniformly.

It knows neither RLlib nor torch. Shapes: `n` moves, `C` capacity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ReplayBuffer"]

Columns = dict[str, npt.NDArray[Any]]


class ReplayBuffer:
    """The newest `capacity` moves.

    Args:
        capacity: Moves kept, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._columns: Columns = {}
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, columns: Columns) -> None:
        """Add `n` moves; the oldest are overwritten.

        Args:
            columns: Arrays `[n, ...]`, the same names, shapes and dtypes at every call.
        """
        newest = {name: values[-self.capacity :] for name, values in columns.items()}
        moves = len(next(iter(newest.values())))
        rows = (self._next + np.arange(moves)) % self.capacity
        for name, values in newest.items():
            if name not in self._columns:
                shape = (self.capacity, *values.shape[1:])
                self._columns[name] = np.zeros(shape, values.dtype)
            self._columns[name][rows] = values
        self._next = (self._next + moves) % self.capacity
        self._size = min(self.capacity, self._size + moves)

    def sample(self, moves: int, rng: np.random.Generator) -> Columns:
        """Draw moves uniformly, with replacement.

        Args:
            moves: The number of moves.
            rng: The source of randomness.

        Raises:
            ValueError: If the buffer is empty.
        """
        if not self._size:
            raise ValueError("the replay buffer is empty")
        rows = rng.integers(self._size, size=moves)
        return {name: values[rows] for name, values in self._columns.items()}

    def get_state(self) -> dict[str, Any]:
        """Return the moves in the buffer, and the row of the next one."""
        filled = {name: values[: self._size].copy() for name, values in self._columns.items()}
        return {"columns": filled, "next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state` of a buffer of the same capacity.

        Raises:
            ValueError: If the state holds more moves than fit.
        """
        filled: Columns = state["columns"]
        size = len(next(iter(filled.values()), ()))
        if size > self.capacity:
            raise ValueError(f"{size} moves do not fit into a replay buffer of {self.capacity}")
        self._columns, self._next, self._size = {}, 0, 0
        if size:
            self.add(filled)
        self._next = state["next"]
