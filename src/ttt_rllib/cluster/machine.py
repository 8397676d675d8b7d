"""What this machine has for a cluster: CPUs and GPUs, counted without Ray."""

from __future__ import annotations

import os
from itertools import takewhile
from pathlib import Path

__all__ = ["available_cpus", "local_gpus"]

GPUS = Path("/proc/driver/nvidia/gpus")
"""Has a folder for each GPU of the machine."""

CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
CGROUP_V1 = tuple(
    Path("/sys/fs/cgroup/cpu") / name for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
)


def available_cpus() -> int:
    """Return the CPUs this process may use: affinity and cgroup quota, at least 1.

    Ray's own count is unreliable in containers (ray#27958).
    """
    quota = _cgroup_cpus()
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int(min(cpus or 1, quota)))


def local_gpus() -> float:
    """Return how many GPUs CUDA_VISIBLE_DEVICES leaves of this machine; all if it is not set."""
    there = len(list(GPUS.glob("*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return float(there)
    named = [device.strip() for device in visible.split(",")]
    # CUDA takes the names up to the first that is none, such as -1 or NoDevFiles.
    usable = takewhile(lambda device: device.isdigit() or device[:4] in ("GPU-", "MIG-"), named)
    return float(min(there, len(list(usable))))


def _cgroup_cpus() -> float:
    try:
        if CGROUP_V2.exists():
            quota, period = CGROUP_V2.read_text().split()
        else:
            quota, period = (path.read_text().strip() for path in CGROUP_V1)
        return float("inf") if quota in {"max", "-1"} else float(quota) / float(period)
    except (OSError, ValueError):
        return float("inf")
