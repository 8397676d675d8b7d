"""Follows a trial until its first iteration."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback

from ttt_rllib.cluster.stages import forget_stage, reported_stage
from ttt_rllib.tracking.stage_lines import StageLines

__all__ = ["StartProgress"]


class StartProgress(Callback):
    """Prints what a single trial says that it does, until it has a result.

    A search has a table of its trials from the beginning, which takes the place of these lines.

    Args:
        lines: Prints the stages.
    """

    def __init__(self, lines: StageLines) -> None:
        self._lines = lines
        self._is_over = False

    def on_step_begin(self, **info: Any) -> None:
        """Ask for the trial's stage."""
        trials = info["trials"]
        if len(trials) > 1:
            self._close()
        if not self._is_over and trials and (stage := reported_stage(trials[0].trial_id)):
            self._lines.enter(stage)

    def on_trial_result(self, **info: Any) -> None:
        """Make room for the iterations."""
        if not self._is_over:
            forget_stage(info["trial"].trial_id)
        self._close()

    def on_experiment_end(self, **info: Any) -> None:
        """Make room for what comes after the trials, if none had a result."""
        self._close()

    def _close(self) -> None:
        self._is_over = True
        self._lines.close()
