"""Notes while Tune runs how long the session has been working, in case it is killed."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from ray.tune import Callback

from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.sessions import note_session
from ttt_rllib.runs.summary import Session

__all__ = ["SessionCallback"]

NOTE_S = 5.0
"""Seconds between two notes: so much of a killed session may be missing."""


class SessionCallback(Callback):
    """Notes the session at the start, and then every `NOTE_S` seconds.

    Args:
        run: The run directory.
        began_s: When the process started, in seconds since 1970.
    """

    def __init__(self, run: RunDir, began_s: float) -> None:
        self._run = run
        self._began_s = began_s
        self._first_result_s: float | None = None
        self._noted_s = 0.0

    @property
    def session(self) -> Session:
        """The session as it is now."""
        now_s = time.time()
        return Session(
            setup_s=round((self._first_result_s or now_s) - self._began_s, 3),
            total_s=round(now_s - self._began_s, 3),
            began_s=self._began_s,
        )

    def setup(self, **info: Any) -> None:
        """Note that the session has begun."""
        self._note()

    def on_trial_result(self, **info: Any) -> None:
        """Set-up ends where the first iteration begins."""
        if self._first_result_s is None:
            elapsed_s = float(info["result"].get("time_this_iter_s", 0.0))
            self._first_result_s = time.time() - elapsed_s

    def on_step_end(self, **info: Any) -> None:
        """Note the session if that is due."""
        if time.time() - self._noted_s >= NOTE_S:
            self._note()

    def _note(self) -> None:
        self._noted_s = time.time()
        with suppress(OSError):  # a full disk, of which Tune tells
            note_session(self._run.state, self.session)
