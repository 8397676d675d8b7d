"""Run the commands inside this process, as the `ttt` program does, and look at what they wrote.

A process for each of thousands of inputs would take hours. `test_fuzz_commands` compares a
sample with real processes.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.commands import own_lines
from ttt_rllib import cli

__all__ = ["MEMORY", "NOBODY", "Outcome", "call", "listing"]

MEMORY = 2**30
"""Bytes of address space that a command may add to those of this process."""

NOBODY = 65534
"""The user that owns nothing."""


class Outcome(NamedTuple):
    """What a command left.

    Attributes:
        code: Its exit code; None if it raised.
        stdout: What it printed.
        errors: The lines that it wrote on stderr itself, and the traceback of what it raised.
        wall_s: How long it took.
    """

    code: int | None
    stdout: str
    errors: tuple[str, ...]
    wall_s: float


def call(
    words: Sequence[str],
    *,
    cwd: Path,
    env: dict[str, str],
    stdin: str = "",
    as_nobody: bool = False,
) -> Outcome:
    """Run `ttt <words>` in this process.

    Args:
        words: The command line.
        cwd: The working directory.
        env: Variables to set.
        stdin: What it reads.
        as_nobody: Whether it runs as a user who owns nothing; only root can ask for that.
    """
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    began_s = time.monotonic()
    raised = ""
    code: int | None = None
    with _process_state(cwd, env), _limited_memory(), _user(as_nobody):
        sys.argv = ["ttt", *words]
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        sys.stdout, sys.stderr = stdout, stderr
        try:
            cli.main()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else None
        except BaseException:
            raised = traceback.format_exc()
    wall_s = time.monotonic() - began_s
    said, told = (_text(stream) for stream in (stdout, stderr))
    return Outcome(code, said, (*own_lines(told), *raised.splitlines()), wall_s)


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return kind, size and time of change of a folder and of everything in it."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            path = os.path.join(parent, name)  # noqa: PTH118 - names need not be UTF-8
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    content = stream.detach()
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode("utf-8")


@contextmanager
def _process_state(cwd: Path, env: dict[str, str]) -> Iterator[None]:
    """Restore afterwards what a command changes in its process."""
    streams = sys.argv, sys.stdin, sys.stdout, sys.stderr
    path, folder, environment = list(sys.path), Path.cwd(), dict(os.environ)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    os.chdir(cwd)
    os.environ.update(env)
    try:
        yield
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = streams
        sys.path[:] = path
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Let what would grow without bounds end in a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def _user(as_nobody: bool) -> Iterator[None]:
    if not as_nobody:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)
