"""Where the figures were measured: processor, cores, Python and the packages' versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ttt_rllib.cluster.connection import available_cpus

__all__ = ["machine", "one_core", "versions"]

PACKAGES = (
    "ttt-rllib",
    "ray",
    "torch",
    "numpy",
    "pettingzoo",
    "open_spiel",
    "pgx",
    "jax",
    "tianshou",
)
CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, str | float]:
    """Return the processor's model, the usable cores, the system, Python, date and load."""
    return {
        "cpu": _cpu_model(),
        "cores": available_cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def versions() -> dict[str, str | None]:
    """Return the version of each package that takes part; None where it is not installed."""
    return {name: _version(name) for name in PACKAGES}


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and the threads it starts meanwhile, on one core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cpu_model() -> str:
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
