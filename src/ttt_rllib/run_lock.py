"""One process at a time works on a run: a second one would undo what the first one does."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import IO

from ttt_rllib.wrong_input import InputError

__all__ = ["hold"]

LOCK_FILE = ".lock"
HELD = (errno.EACCES, errno.EAGAIN)
POLL_S = 0.5


def hold(run: Path, wait_s: float) -> IO[str]:
    """Keep other processes from working on a run, on this machine or on the same network folder.

    The kernel lets go when the file is closed or this process ends, however it does. File
    systems without locks are used without.

    Args:
        run: The run directory.
        wait_s: Seconds to wait at most for another process to end.

    Returns:
        The open file, to be kept as long as the run is worked on.

    Raises:
        InputError: If another process holds it still, or the folder cannot be written to.
    """
    deadline_s = time.monotonic() + wait_s
    try:
        file = (run / LOCK_FILE).open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{run}: cannot be written to: {error.strerror}") from None
    while (holder := _other(file)) is not None:
        if time.monotonic() >= deadline_s:
            file.close()
            raise InputError(
                f"{run}: {holder} is at work on it; end that first, or give --wait SECONDS"
            )
        time.sleep(POLL_S)
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return file


def _other(file: IO[str]) -> str | None:
    """Take the lock; if another process has it, return which."""
    try:
        # A record lock: it is not handed on to Ray's processes, and known to network folders.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            file.seek(0)
            return file.read() or "another process"
    return None
