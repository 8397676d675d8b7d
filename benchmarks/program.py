"""Running a Python program in a process of its own, and what it printed last."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["last_line"]

SHOWN_CHARACTERS = 2000


def last_line(*arguments: str) -> str:
    """Run `python` with these arguments and return the last line of its output.

    Raises:
        RuntimeError: If it fails, with the end of what it said on stderr.
    """
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode != 0:
        said = done.stderr[-SHOWN_CHARACTERS:]
        raise RuntimeError(f"python {' '.join(arguments)} ended with {done.returncode}: {said}")
    return (done.stdout.splitlines() or [""])[-1]
