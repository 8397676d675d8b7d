"""Weights & Biases as a Tune callback: one W&B run per trial, and at the end the agent's proof.

It logs the metrics of metrics.csv under the same names, and Tune's time keys. Ray's own integration
is not used (docs/decisions.md).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.tune.logger import LoggerCallback

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import ITERATION, flatten
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.metrics_csv import METRICS_FILE, MetricsCsv
from ttt_rllib.runs.summary import read_summary
from ttt_rllib.tracking.wandb_mode import resolve_mode
from ttt_rllib.tracking.wandb_writer import WandbRun, WandbWriter
from ttt_rllib.tuning.trainable import experiment_of

__all__ = ["WandbCallback"]

logger = logging.getLogger(__name__)

TIME_KEYS = ("time_this_iter_s", "time_total_s")
MAX_ID_LENGTH = 64
"""Characters that W&B allows in the id of a run."""

FAILED = 1


class WandbCallback(LoggerCallback):
    """Gives every trial a W&B run. List it after `MetricsCsvCallback`, whose rows it reads.

    Args:
        experiment: The experiment that runs.
        run: The run directory.
    """

    def __init__(
        self,
        experiment: Experiment,
        run: RunDir,
    ) -> None:
        self._experiment = experiment
        self._run = run
        self._writer: WandbWriter | None = None
        self._runs: dict[str, WandbRun] = {}
        self._started: set[str] = set()

    def setup(self, **info: Any) -> None:
        """Start, unless it is disabled; wandb is imported while the first trial starts."""
        mode, remark = resolve_mode(self._experiment.tracking.wandb)
        if remark is not None:
            logger.warning(remark)
        if mode != "disabled":
            settings = self._experiment.tracking.wandb
            self._writer = WandbWriter(self._run.path, settings, mode)

    def log_trial_start(self, trial: Any) -> None:
        """Open the trial's run."""
        if self._writer is None:
            return
        folder = Path(trial.path)
        if folder.name not in self._runs:
            self._runs[folder.name] = self._run_of(folder, _settings_of(trial))
        self._writer.open(self._runs[folder.name])

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log the iteration; the first call also logs those of earlier sessions."""
        if self._writer is None:
            return
        folder = Path(trial.path)
        rows: list[dict[str, float]] = []
        if folder.name not in self._started:
            self._started.add(folder.name)
            written = MetricsCsv(folder / METRICS_FILE).rows()[:-1]
            rows = [{name: float(text) for name, text in row.items() if text} for row in written]
        times = {key: float(result[key]) for key in TIME_KEYS if key in result}
        self._writer.log(self._runs[folder.name].id, [*rows, {**flatten(result), **times}])

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """Close the trial's run, unless it is the only one: `log_final_artifacts` adds to it."""
        if self._writer is not None and len(self._runs) > 1:
            run_id = self._runs[Path(trial.path).name].id
            self._writer.finish(run_id, FAILED if failed else 0)

    def log_final_artifacts(self, folder: Path | None) -> None:
        """Add the agent, its proof, the report and the verdict to the best trial's run.

        Args:
            folder: The best trial's folder; None = no trial was started.
        """
        if self._writer is None or folder is None:
            return
        # Opened again unless it is still open; the trial may have ended in an earlier session.
        wanted = replace(
            self._runs.get(folder.name) or self._run_of(folder, {}), replaces_unsynced=False
        )
        run = self._run
        paths = [run.experiment, run.summary, run.certificate, run.report]
        paths += sorted(run.agent.iterdir()) if run.agent.is_dir() else []
        files = {str(path.relative_to(run.path)): path for path in paths if path.is_file()}
        summary = read_summary(run.summary)
        words: dict[str, str] = {"status": summary.status} if summary else {}
        if summary and summary.verdict:
            words["verdict"] = summary.verdict
        self._writer.open(wanted)
        name = f"{self._experiment.name}-{run.path.name}"
        self._writer.keep(wanted.id, name, files, words)

    def close(self, exit_code: int, timeout_s: float | None = None) -> None:
        """Finish the open runs.

        Args:
            exit_code: The exit code of the command.
            timeout_s: Most seconds to wait; None = as long as the settings allow.
        """
        if self._writer is not None:
            self._writer.close(exit_code, timeout_s)
            self._writer = None

    def _run_of(self, folder: Path, config: Mapping[str, Any]) -> WandbRun:
        """Return the W&B run of the trial with this folder; its id is the same in all sessions."""
        rows = MetricsCsv(folder / METRICS_FILE).rows()
        run_id = f"{self._experiment.name}-{self._run.path.name}-{folder.name}"
        return WandbRun(
            id=run_id[-MAX_ID_LENGTH:].lstrip("-"),
            group=f"{self._experiment.name}/{self._run.path.name}",
            config=config,
            known=int(float(rows[-1][ITERATION])) if rows else 0,
        )


def _settings_of(trial: Any) -> dict[str, Any]:
    """Return the resolved settings of a trial, those that are searched included."""
    return experiment_of(trial.config).model_dump(mode="json")
