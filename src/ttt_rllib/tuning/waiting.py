"""Says what a run waits for, where a trial does not start."""

from __future__ import annotations

import logging
import time
from typing import Any

from ray.tune import Callback

from ttt_rllib.cluster.connection import free_resources, is_waiting_for_room
from ttt_rllib.cluster.placement import ResourceRequest

__all__ = ["WaitingNotice"]

logger = logging.getLogger(__name__)

PATIENCE_S = 15.0
"""How long trials may wait for room without a word."""


class WaitingNotice(Callback):
    """Tells once, whenever no trial has been running for a while, what the next one needs.

    Tune itself waits without a word: for other runs on the cluster to end, or for ever.

    Args:
        request: What a trial reserves.
    """

    def __init__(self, request: ResourceRequest) -> None:
        self._request = request
        self._idle_since_s: float | None = None
        self._is_told = False

    def on_step_end(self, **info: Any) -> None:
        """Look whether any trial is running."""
        statuses = {trial.status for trial in info["trials"]}
        if "PENDING" not in statuses or "RUNNING" in statuses:
            self._idle_since_s, self._is_told = None, False
            return
        now_s = time.monotonic()
        self._idle_since_s = self._idle_since_s or now_s
        is_due = now_s - self._idle_since_s > PATIENCE_S and not self._is_told
        if is_due and is_waiting_for_room():
            self._is_told = True
            logger.warning("waiting: %s", self._request.waiting_for(*free_resources()))
