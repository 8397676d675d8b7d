"""`trials.csv`: one row per trial of a search, with its settings and its last figures.

Columns: trial, status and seed; the searched settings under their dotted keys; the
objective; all metrics under their names.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import BETTER, METRICS, flatten
from ttt_rllib.runs.files import read_figure, read_table, table_rows, write_atomic
from ttt_rllib.runs.outcome import TrialResult, TrialStatus

__all__ = ["TRIALS_FILE", "TrialRow", "TrialsTable", "read_trials", "write_trials"]

TRIALS_FILE = "trials.csv"
TRIAL, STATUS, SEED, OBJECTIVE = "trial", "status", "seed", "objective"
FIRST = (TRIAL, STATUS, SEED)
"""The columns before those of the settings; `OBJECTIVE` follows those."""


@dataclass(frozen=True)
class TrialRow:
    """A row.

    Attributes:
        name: Name of the trial's folder.
        status: How it ended.
        seed: Seed of its experiment.
        settings: The searched settings by dotted key, as in the file.
        objective: Its objective; None if it was never measured.
        metrics: The last figures by name, where there are any.
    """

    name: str
    status: TrialStatus
    seed: str
    settings: dict[str, str]
    objective: float | None
    metrics: dict[str, float]


@dataclass(frozen=True)
class TrialsTable:
    """The whole file.

    Attributes:
        keys: Dotted keys of the searched settings.
        rows: The trials, in the order of their numbers.
    """

    keys: tuple[str, ...]
    rows: tuple[TrialRow, ...]


def write_trials(path: Path, experiment: Experiment, trials: Sequence[TrialResult]) -> None:
    """Write all trials of a search, in the order of their numbers.

    Args:
        path: The file.
        experiment: What ran; it has a search.
        trials: Their results.
    """
    assert experiment.search is not None  # noqa: S101 - the caller asked
    names = list(dict.fromkeys(name for trial in trials for name in flatten(trial.result)))
    names = [*(metric.name for metric in METRICS), *(name for name in names if name not in BETTER)]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*FIRST, *experiment.search.space, OBJECTIVE, *names))
    for trial in trials:
        figures = flatten(trial.result)
        settings = (_cell(trial.settings[key]) for key in experiment.search.space)
        measured = (_cell(figures.get(name)) for name in names)
        rows.writerow(
            (trial.name, trial.status, trial.seed, *settings, _cell(trial.objective), *measured)
        )
    write_atomic(path, text.getvalue())


def read_trials(path: Path) -> TrialsTable | None:
    """Read `trials.csv`; None if it is not there.

    Raises:
        InputError: If it is damaged: its columns, a status or a figure.
    """
    if not path.is_file():
        return None
    columns, rows = table_rows(path, read_table(path))
    if columns[: len(FIRST)] != FIRST or OBJECTIVE not in columns:
        raise InputError(
            f"{path}: its columns are {', '.join(columns)}; they begin with {', '.join(FIRST)} "
            f"and have {OBJECTIVE}"
        )
    keys = columns[len(FIRST) : columns.index(OBJECTIVE)]
    metrics = columns[columns.index(OBJECTIVE) + 1 :]
    return TrialsTable(keys, tuple(_row(path, row, keys, metrics) for row in rows))


def _row(
    path: Path, cells: Mapping[str, str], keys: Sequence[str], metrics: Sequence[str]
) -> TrialRow:
    known: tuple[TrialStatus, ...] = get_args(TrialStatus)
    status = next((status for status in known if status == cells[STATUS]), None)
    if status is None:
        raise InputError(f"{path}: status {cells[STATUS]!r}: known are {', '.join(known)}")
    figures = {name: _figure(path, name, cells[name]) for name in metrics}
    return TrialRow(
        name=cells[TRIAL],
        status=status,
        seed=cells[SEED],
        settings={key: cells[key] for key in keys},
        objective=_figure(path, OBJECTIVE, cells[OBJECTIVE]),
        metrics={name: figure for name, figure in figures.items() if figure is not None},
    )


def _figure(path: Path, name: str, cell: str) -> float | None:
    """Return a figure; None for an empty cell, NaN or infinity."""
    figure = read_figure(path, name, cell)
    return None if math.isnan(figure) else figure


def _cell(value: Any) -> str:
    """Return a figure with 12 digits, anything else as JSON, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.12g}"
    return value if isinstance(value, str) else json.dumps(value)
