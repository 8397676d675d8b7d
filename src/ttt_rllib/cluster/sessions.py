"""Old session folders of private Ray clusters, which Ray itself never removes.

Every cluster leaves logs of a few megabytes in `<temporary folder>/ray/session_*`. The sessions
that this program started carry a mark; those of other programs do not, and are left alone.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

__all__ = ["mark_session", "remove_old_sessions"]

logger = logging.getLogger(__name__)

MARK = "ttt_rllib.json"
KEPT_SESSIONS = 3
"""The newest finished sessions stay, so that a failed run can be looked into."""


def mark_session(session: Path) -> None:
    """Write into a session's folder that this process started it.

    Args:
        session: The folder of a private cluster.
    """
    with suppress(OSError):  # a full disk; the folder then stays
        (session / MARK).write_text(json.dumps(_driver(os.getpid())), encoding="utf-8")


def remove_old_sessions(folder: Path) -> list[Path]:
    """Remove marked sessions whose processes have all ended, except the newest few.

    Args:
        folder: The folder of all sessions.

    Returns:
        The folders that were removed.
    """
    # A session is named after its date and time, so that names sort by age.
    ended = [path for path in sorted(folder.glob("session_*")) if _is_ours_and_ended(path)]
    old = ended[:-KEPT_SESSIONS]
    if not old:
        return []
    in_use = _open_files()
    removed = [path for path in old if not any(path in file.parents for file in in_use)]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    logger.debug("removed %d old sessions of Ray from %s", len(removed), folder)
    return removed


def _is_ours_and_ended(session: Path) -> bool:
    """Tell whether a process of this user and machine started the session, and has ended."""
    try:
        if session.is_symlink() or session.lstat().st_uid != os.getuid():
            return False
        driver = json.loads((session / MARK).read_text(encoding="utf-8"))
        # Processes of another machine or container, whose folder this is too, cannot be seen.
        return driver["host"] == socket.gethostname() and driver != _driver(driver["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _driver(pid: int) -> dict[str, object]:
    """Return what tells a running process from all others, those with its number later included."""
    import psutil

    try:
        start_s = psutil.Process(pid).create_time()
    except psutil.Error:
        start_s = None
    return {"host": socket.gethostname(), "pid": pid, "start_s": start_s}


def _open_files() -> set[Path]:
    """Return the files that this user's processes have open.

    Ray's processes may outlive the driver for some seconds. Each has its log open.
    """
    import psutil

    files = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            files |= {Path(file.path) for file in process.open_files()}
    return files
