"""`trials.csv`: a row a trial of a search, with its settings and its last figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import METRICS, flatten
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.outcome import TrialResult

__all__ = ["write_table"]


def write_table(path: Path, experiment: Experiment, trials: Sequence[TrialResult]) -> None:
    """Write all trials of a search, in the order of their numbers.

    Args:
        path: The file.
        experiment: What ran; it has a search.
        trials: What is left of them.
    """
    assert experiment.search is not None  # noqa: S101 - the caller asked
    names = [metric.name for metric in METRICS]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("trial", "status", "seed", *experiment.search.space, "objective", *names))
    for trial in trials:
        figures = flatten(trial.result)
        settings = (_cell(trial.settings[key]) for key in experiment.search.space)
        measured = (_cell(figures.get(name)) for name in names)
        rows.writerow(
            (trial.name, trial.status, trial.seed, *settings, _cell(trial.objective), *measured)
        )
    write_atomic(path, text.getvalue())


def _cell(value: Any) -> str:
    """Return a figure with 12 digits, anything else as JSON, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.12g}"
    return value if isinstance(value, str) else json.dumps(value)
