"""The latest figures of every trial on Ray's metrics port, where Prometheus finds them."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback
from ray.util.metrics import Gauge

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import METRICS, flatten
from ttt_rllib.runs.directory import RunDir

__all__ = ["PrometheusCallback"]

LABELS = ("experiment", "run", "trial")


class PrometheusCallback(Callback):
    """Sets a gauge for every metric that is marked as one.

    Args:
        experiment: The experiment that runs.
        run: The run directory.
    """

    def __init__(self, experiment: Experiment, run: RunDir) -> None:
        self._labels = {"experiment": experiment.name, "run": run.path.name}
        self._gauges: dict[str, Gauge] = {}

    def on_trial_result(self, **info: Any) -> None:
        """Set the gauges to what the iteration reports."""
        row = flatten(info["result"])
        labels = {**self._labels, "trial": info["trial"].trial_id}
        for metric in METRICS:
            if metric.gauge and metric.name in row:
                if metric.name not in self._gauges:
                    self._gauges[metric.name] = Gauge(metric.gauge_name, metric.meaning, LABELS)
                self._gauges[metric.name].set(row[metric.name], labels)
