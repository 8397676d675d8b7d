"""The CPU time and memory of a process, for the metrics `perf/*cpu_s` and `perf/*memory_mb`.

Actors log theirs with RLlib's metrics under `CPU_S_KEY` and `MEMORY_MB_KEY`; RLlib adds up
the former and takes the greatest of the latter. A reading takes some tens of microseconds.
"""

from __future__ import annotations

import time
from typing import Any

import psutil

__all__ = ["CPU_S_KEY", "MEMORY_MB_KEY", "ProcessUsage"]

CPU_S_KEY, MEMORY_MB_KEY = "cpu_s", "memory_mb"
BYTES_PER_MB = 1e6


class ProcessUsage:
    """The usage of this process since the last call, or at first since this object was made."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cpu_s = time.process_time()

    def cpu_s(self) -> float:
        """Return CPU seconds, all threads, user and system, since the last call."""
        before_s, self._cpu_s = self._cpu_s, time.process_time()
        return self._cpu_s - before_s

    def memory_mb(self) -> float:
        """Return the resident memory now, in megabytes (1e6 bytes)."""
        return float(self._process.memory_info().rss) / BYTES_PER_MB

    def log(self, metrics: Any, *keys: str) -> None:
        """Log both to an RLlib MetricsLogger, under these keys."""
        metrics.log_value((*keys, CPU_S_KEY), self.cpu_s(), reduce="sum")
        metrics.log_value((*keys, MEMORY_MB_KEY), self.memory_mb(), reduce="max", window=1)
