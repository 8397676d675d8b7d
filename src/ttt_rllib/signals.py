"""Ctrl-C, SIGTERM and SIGHUP mean the same, and none of them may interrupt the start of Ray.

An exception raised inside `ray.init`, or while torch is being imported, can end in a crash
of the interpreter; Ray's own handlers would end the process with a stack dump.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["SIGNALS", "deferred_interrupts", "raise_on_interrupts"]

logger = logging.getLogger(__name__)

# Under nohup, SIGHUP is ignored: the run must continue after the terminal is gone.
IS_DETACHED = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
SIGNALS = (signal.SIGINT, signal.SIGTERM, *(() if IS_DETACHED else (signal.SIGHUP,)))


def raise_on_interrupts() -> None:
    """Make these signals raise KeyboardInterrupt."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Hold back the first signal until the block ends; a second one raises at once.

    Processes that are started meanwhile never get SIGHUP: a lost terminal sends it to all of
    them, and without Ray's there would be no checkpoint.

    Raises:
        KeyboardInterrupt: At the end of the block, if a signal came.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        logger.warning(
            "interrupted: ending as soon as Ray has started; interrupt again to end at once"
        )

    for number in SIGNALS:
        signal.signal(number, note)
    # What is blocked stays so in a child, and comes to this process when the block ends.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    except SystemExit:
        # From Ray's own SIGTERM handler, which ray.init installs in place of ours.
        raise KeyboardInterrupt from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise_on_interrupts()
    if came:
        raise KeyboardInterrupt
