"""Ctrl-C and SIGTERM while Tune runs: every running trial saves a checkpoint, then Tune ends."""

from __future__ import annotations

import logging
import math
import signal
import time
from types import FrameType
from typing import Any

from ray.tune import Callback

from ttt_rllib.signals import SIGNALS, raise_on_interrupts

__all__ = ["CheckpointOnInterrupt"]

logger = logging.getLogger(__name__)

CHECKPOINT_TIMEOUT_S = 20.0
"""How long an interrupted run waits for its checkpoints; Kubernetes kills a pod after 30 s."""


class CheckpointOnInterrupt(Callback):
    """On the first Ctrl-C or SIGTERM, saves a checkpoint of every running trial and ends Tune.

    A second one ends at once. Tune alone would end without a checkpoint.

    Attributes:
        interrupted: Whether a signal has arrived.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._saved: set[str] = set()
        self._end_tune: Any = None
        self._deadline_s = math.inf

    def setup(self, **info: Any) -> None:
        """Take over the signals; `tune.run` has just installed the handler that ends its loop."""
        self._end_tune = signal.getsignal(signal.SIGINT)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def release(self) -> None:
        """Let signals raise KeyboardInterrupt again."""
        raise_on_interrupts()

    def on_step_end(self, **info: Any) -> None:
        """End Tune's loop once every running trial has its checkpoint, or the time is up."""
        if not self.interrupted or self._end_tune is None:
            return
        running = {trial.trial_id for trial in info["trials"] if trial.status == "RUNNING"}
        if running <= self._saved or time.monotonic() > self._deadline_s:
            end, self._end_tune = self._end_tune, None
            end(signal.SIGINT, None)

    def on_trial_result(self, **info: Any) -> None:
        """Ask Tune for a checkpoint of this trial."""
        if self.interrupted and info["trial"].trial_id not in self._saved:
            info["result"]["should_checkpoint"] = True

    def on_trial_save(self, **info: Any) -> None:
        """Note that the trial has its checkpoint."""
        if self.interrupted:
            self._saved.add(info["trial"].trial_id)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self._deadline_s = time.monotonic() + CHECKPOINT_TIMEOUT_S
        logger.warning("interrupted: saving a checkpoint; interrupt again to end at once")
