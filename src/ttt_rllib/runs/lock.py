"""Only one process at a time works on a run: a second one would undo its work."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ttt_rllib.errors import NotReadyError, file_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

__all__ = ["is_locked", "remove_stale_lock", "run_lock"]

LOCK_FILE = ".lock"
HELD = (errno.EACCES, errno.EAGAIN)
POLL_S = 0.5

FLOCK = "hhqqi0q"
"""Linux's `struct flock`: type, whence, start, length, process."""


@contextmanager
def run_lock(path: Path, timeout_s: float) -> Iterator[None]:
    """Keep other processes from working on a run, on this machine or on the same network folder.

    The kernel releases the lock when this process ends, however it ends. On a file system
    without locks there is no protection. The lock file is removed at the end.

    Args:
        path: The run directory.
        timeout_s: How long to wait for another process to end.

    Raises:
        NotReadyError: If another process still holds it.
        OSError: If the folder cannot be written to.
    """
    lock = path / LOCK_FILE
    deadline_s = time.monotonic() + timeout_s
    with _take(lock, deadline_s) as file:
        with suppress(OSError):  # a full disk
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        try:
            yield
        finally:
            with suppress(OSError):  # a disk that is gone
                lock.unlink()


def remove_stale_lock(path: Path) -> None:
    """Remove the lock file that a process left which was killed, unless another has the run.

    Args:
        path: The run directory.
    """
    lock = path / LOCK_FILE
    with suppress(OSError), lock.open("r+b", buffering=0) as file:
        if _other(file) is None and _is_at(lock, file):
            lock.unlink()


def is_locked(path: Path) -> bool:
    """Tell whether another process is at work on a run, without taking its lock for a moment.

    Args:
        path: The run directory; where its file system has no locks, the answer is False.
    """
    question = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with (path / LOCK_FILE).open("rb", buffering=0) as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
    except OSError:
        return False
    kind: int = struct.unpack(FLOCK, answer)[0]
    return kind != fcntl.F_UNLCK


def _take(path: Path, deadline_s: float) -> FileIO:
    """Wait for the lock and take it."""
    while True:
        try:
            file = path.open("a+b", buffering=0)
        except OSError as error:
            raise file_error(path.parent, "cannot be written to", error) from None
        holder = _other(file)
        if holder is None and _is_at(path, file):
            return file
        file.close()
        if holder is not None:
            if time.monotonic() >= deadline_s:
                raise NotReadyError(
                    f"{path.parent}: {holder} is at work on it; end that first, "
                    "or give --wait SECONDS"
                )
            time.sleep(POLL_S)


def _other(file: FileIO) -> str | None:
    """Take the lock; if another process has it, return which one."""
    try:
        # A record lock, because Ray's processes do not inherit it, and network folders support it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            file.seek(0)
            return file.read().decode() or "another process"
    return None


def _is_at(path: Path, file: FileIO) -> bool:
    """Tell whether a locked file is still the one that others find."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        # It was removed, here or by another node of a network folder, where it is then stale.
        return False
