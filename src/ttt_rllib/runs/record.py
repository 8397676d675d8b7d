"""All that the files of a run directory say, read back; a file that is not there is None.

A run may have failed, may have been interrupted or killed: what it has is read.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_rllib.agents.bundle import Bundle, BundleError, load_bundle
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import find_bundle
from ttt_rllib.runs.directory import RunDir

__all__ = ["Curves", "RunRecord", "read_curves", "read_run"]

METRICS_FILE = "metrics.csv"
SUMMARY_KEYS = ("status", "metrics")
CERTIFICATE_KEYS = (
    "unexploitable",
    "positions_as_x",
    "positions_as_o",
    "decision_positions",
    "mistakes",
    "losing_line_count",
    "losing_lines",
)


@dataclass(frozen=True)
class Curves:
    """A trial's metrics, a row an iteration.

    Attributes:
        rows: As in the file.
    """

    rows: tuple[dict[str, str], ...]

    def __getitem__(self, metric: str) -> npt.NDArray[np.float64]:
        """`[N]` figures of a metric, nan where an iteration has none."""
        cells = (row.get(metric) for row in self.rows)
        return np.array([float(cell) if cell else np.nan for cell in cells])

    def has(self, metric: str) -> bool:
        """Tell whether there is any figure of a metric."""
        return any(row.get(metric) for row in self.rows)

    def last(self, metric: str) -> float | None:
        """Return the last figure of a metric, None if there is none."""
        cells = [row[metric] for row in self.rows if row.get(metric)]
        return float(cells[-1]) if cells else None


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Attributes:
        run: Its directory.
        experiment: What was asked.
        summary: `summary.json`; None if the run never came to write it.
        curves: The best trial's metrics.
        certificate: `certificate.json`; None where nothing could be proved.
        bundle: The agent, of a run without a summary that of its newest checkpoint; None if there
            is none.
    """

    run: RunDir
    experiment: Experiment
    summary: dict[str, Any] | None
    curves: Curves
    certificate: dict[str, Any] | None
    bundle: Bundle | None

    @property
    def status(self) -> str:
        """Return done, failed, interrupted, or unfinished if the run was killed or goes on."""
        return str(self.summary["status"]) if self.summary else "unfinished"

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The final metrics: those of the summary, else the last of every column."""
        if self.summary:
            return dict(self.summary["metrics"])
        columns = self.curves.rows[0] if self.curves.rows else {}
        last = {name: self.curves.last(name) for name in columns}
        return {name: figure for name, figure in last.items() if figure is not None}


def read_run(run: RunDir) -> RunRecord:
    """Read a run directory.

    Raises:
        InputError: If it is none, or a file in it is damaged.
    """
    if not run.experiment.is_file():
        raise InputError(f"{run.path}: not a run directory; it has no experiment.yaml")
    summary = _read_json(run.summary, SUMMARY_KEYS)
    return RunRecord(
        run=run,
        experiment=load_experiment(run.experiment),
        summary=summary,
        curves=read_curves(run.metrics if run.metrics.is_file() else _newest_metrics(run)),
        certificate=_read_json(run.certificate, CERTIFICATE_KEYS),
        bundle=_newest_bundle(run) if summary is None else _bundle(run),
    )


def read_curves(path: Path | None) -> Curves:
    """Read the whole rows of a `metrics.csv`; one that is not there has none."""
    if path is None or not path.is_file():
        return Curves(())
    # Somebody may be writing the last row.
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return Curves(tuple(csv.DictReader(whole.splitlines())))


def _bundle(run: RunDir) -> Bundle | None:
    try:
        return load_bundle(run.agent) if run.agent.is_dir() else None
    except BundleError as error:
        raise InputError(str(error)) from None


def _newest_bundle(run: RunDir) -> Bundle | None:
    """Return the agent of the newest checkpoint, which may be none, or one in the making."""
    try:
        return find_bundle(run.path)
    except BundleError:
        return None


def _newest_metrics(run: RunDir) -> Path | None:
    """Return the metrics of the trial that was heard of last."""
    found = run.trials.glob(f"*/{METRICS_FILE}")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _read_json(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not readable as JSON: {error}; remove it, or resume the run"
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no mapping; remove it, or resume")
    missing = [key for key in keys if key not in content]
    if missing:
        raise InputError(f"{path}: has no {missing[0]!r}; remove it, or resume")
    return content
