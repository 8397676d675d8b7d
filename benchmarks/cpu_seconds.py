"""The CPU seconds of a command and of everything that it starts, process by process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

__all__ = ["ProcessTimes", "cpu_seconds"]

SAMPLE_INTERVAL_S = 0.1
"""So much CPU time of a process may be missing: what it used since it was last looked at."""
SHOWN_CHARACTERS = 2000


@dataclass(frozen=True)
class ProcessTimes:
    """What one process used.

    Attributes:
        name: Its command line, as it was when it was last looked at.
        cpu_s: Seconds of CPU time, user and system, without that of its children.
    """

    name: str
    cpu_s: float


def cpu_seconds(arguments: Sequence[str]) -> tuple[ProcessTimes, ...]:
    """Run `python` with these arguments; return the times of it and of all processes below it.

    The processes are looked at while they run, since nobody waits for those that Ray ends: the
    kernel adds up the times of children only for who waits for them.

    Raises:
        RuntimeError: If the command fails, with the end of what it said on stderr.
    """
    command = [sys.executable, *arguments]
    process = subprocess.Popen(  # noqa: S603 - ours
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    root = psutil.Process(process.pid)
    seen: dict[psutil.Process, ProcessTimes] = {}
    while process.poll() is None:
        for one in _below(root):
            try:
                times, words = one.cpu_times(), one.cmdline()
            except psutil.Error:
                continue  # It has just ended.
            # A process that ends has no command line any more, but still its times.
            name = " ".join(words) or (seen[one].name if one in seen else "")
            seen[one] = ProcessTimes(name, times.user + times.system)
        time.sleep(SAMPLE_INTERVAL_S)
    if process.returncode != 0:
        assert process.stderr is not None  # noqa: S101 - for the type checker
        said = process.stderr.read()[-SHOWN_CHARACTERS:]
        raise RuntimeError(f"python {' '.join(arguments)} ended with {process.returncode}: {said}")
    return tuple(seen.values())


def _below(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []
