"""Says how far a walk has come, where it takes more than a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

from ttt_rllib.exact.walks import Seat

__all__ = ["WalkLines"]

INTERVAL_S = 2.5
"""Seconds between two lines."""


class WalkLines:
    """Called after every ply of a walk; see `exact.walks.OnPly`.

    Args:
        write: Takes each line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._begin_s: float | None = None
        self._last_s = 0.0

    def __call__(self, seat: Seat, ply: int, positions: int) -> None:
        """Write a line if the last one is some seconds old."""
        now_s = time.monotonic()
        if self._begin_s is None:
            self._begin_s = self._last_s = now_s
        if now_s >= self._last_s + INTERVAL_S:
            self._last_s = now_s
            elapsed = f"{now_s - self._begin_s:6.1f} s"
            self._write(f"{elapsed}  as {seat.upper()}, ply {ply}: {positions:,} positions reached")
