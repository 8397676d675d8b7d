"""What a run does until its first iteration: a line per stage, and one more every few seconds."""

from __future__ import annotations

import time
from threading import Event, Lock, Thread

from rich.console import Console

__all__ = ["SILENCE_S", "StageLines"]

SILENCE_S = 2.5
"""Longest time without a line, in seconds."""


class StageLines:
    """Prints what is being done and since when, from a thread of its own.

    Args:
        console: The console to print to.
        start_s: When the command was started, in seconds since 1970.
    """

    def __init__(self, console: Console, start_s: float) -> None:
        self._console = console
        self._start_s = start_s
        self._stage = ""
        self._printed_s = 0.0
        self._lock = Lock()
        self._is_closed = Event()
        self._thread = Thread(target=self._repeat, name="stage lines", daemon=True)

    def enter(self, stage: str) -> None:
        """Print what begins now, unless it has begun already or `close` was called.

        Args:
            stage: A participle and its object, for example "starting Ray".
        """
        with self._lock:
            if stage == self._stage or self._is_closed.is_set():
                return
            self._stage = stage
            self._print(stage)
        if self._thread.ident is None:
            self._thread.start()

    def close(self) -> None:
        """Print no more."""
        with self._lock:
            self._is_closed.set()

    def _repeat(self) -> None:
        while not self._is_closed.wait(self._due_s()):
            with self._lock:
                if self._due_s() <= 0.0 and not self._is_closed.is_set():
                    self._print(f"still {self._stage}")

    def _due_s(self) -> float:
        return self._printed_s + SILENCE_S - time.monotonic()

    def _print(self, text: str) -> None:
        self._printed_s = time.monotonic()
        elapsed_s = time.time() - self._start_s
        self._console.print(f"{elapsed_s:5.1f} s  {text}", soft_wrap=True)
