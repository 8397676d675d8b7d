"""The callback that writes a metrics file per trial, with one row per result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback

from ttt_rllib.metrics import flatten
from ttt_rllib.runs.metrics_csv import METRICS_FILE, MetricsCsv

__all__ = ["MetricsCsvCallback"]


class MetricsCsvCallback(Callback):
    """Writes `metrics.csv` in the folder of each trial, one row per iteration."""

    def __init__(self) -> None:
        self._files: dict[str, MetricsCsv] = {}

    def on_trial_result(self, **info: Any) -> None:
        """Append the iteration's row."""
        trial, result = info["trial"], info["result"]
        if trial.trial_id not in self._files:
            folder = Path(trial.path)
            folder.mkdir(parents=True, exist_ok=True)
            self._files[trial.trial_id] = MetricsCsv(folder / METRICS_FILE)
        self._files[trial.trial_id].append(flatten(result))
