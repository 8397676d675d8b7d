"""What the figures were measured on: processor, cores, commit, Python, the packages' versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ttt_rllib.cluster.machine import available_cpus

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
ROOT = Path(__file__).parent.parent
UNKNOWN_COMMIT = "unknown"


def machine() -> dict[str, str | float]:
    """Return the processor's model, the usable cores, the system, Python, load, date and commit."""
    return {
        "cpu": _cpu_model(),
        "cores": available_cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
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


def _commit() -> str:
    """Return the abbreviated commit, with "-dirty" if files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - git
    except FileNotFoundError:
        return UNKNOWN_COMMIT
    return done.stdout.strip() or UNKNOWN_COMMIT


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
