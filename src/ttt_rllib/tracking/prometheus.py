"""The latest figures of every running trial on Ray's metrics port, where Prometheus finds them."""

from __future__ import annotations

import time
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.util.metrics import Gauge

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import LAST_RESULT_TIME_S, METRICS, RunLabels, flatten
from ttt_rllib.runs.directory import RunDir

__all__ = ["PrometheusCallback"]

REFRESH_S = 1.0
"""Ray drops a gauge that was not set for two of its reports, which are ten seconds apart."""


class PrometheusCallback(Callback):
    """Sets a gauge for every metric that is marked as one, and for the time of the last result.

    Ray forgets a gauge that is not set again, so that an evaluation of minutes ago would be gone;
    that of a trial which has ended or is paused is meant to be.

    Args:
        experiment: The experiment that runs.
        run: The run directory.
    """

    def __init__(self, experiment: Experiment, run: RunDir) -> None:
        self._labels = RunLabels(experiment.name, run.path.name)
        meanings = {metric.gauge_name: metric.meaning for metric in METRICS if metric.gauge}
        meanings[LAST_RESULT_TIME_S.name] = LAST_RESULT_TIME_S.meaning
        self._gauges = {
            name: Gauge(name, meaning, RunLabels._fields) for name, meaning in meanings.items()
        }
        self._latest: dict[str, dict[str, float]] = {}
        self._refreshed_s = 0.0

    def on_trial_start(self, **info: Any) -> None:
        """Note the time: a trial that never has a result has an age as well."""
        self._note(info["trial"], {})

    def on_trial_result(self, **info: Any) -> None:
        """Set the gauges to what the iteration reports."""
        row = flatten(info["result"])
        gauges = [metric for metric in METRICS if metric.gauge and metric.name in row]
        self._note(info["trial"], {one.gauge_name: row[one.name] for one in gauges})
        self._set(info["trial"])

    def on_step_end(self, **info: Any) -> None:
        """Set the gauges of the trials that run, if that is due, so that Ray keeps them."""
        if time.monotonic() - self._refreshed_s < REFRESH_S:
            return
        self._refreshed_s = time.monotonic()
        for trial in info["trials"]:
            if trial.status == Trial.RUNNING:
                self._set(trial)

    def _note(self, trial: Trial, figures: dict[str, float]) -> None:
        latest = self._latest.setdefault(str(trial.trial_id), {})
        latest.update(figures, **{LAST_RESULT_TIME_S.name: time.time()})

    def _set(self, trial: Trial) -> None:
        labels = self._labels._replace(trial=str(trial.trial_id))._asdict()
        for name, figure in self._latest.get(str(trial.trial_id), {}).items():
            self._gauges[name].set(figure, labels)
