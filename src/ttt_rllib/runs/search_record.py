"""A search read back from its files: the trials, what they varied, and how well they did."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ttt_rllib.errors import InputError
from ttt_rllib.runs.record import Curves, RunRecord, read_curves

__all__ = ["STOPPED", "SearchRecord", "Trial", "read_search"]

FIRST, LAST = ("trial", "status", "seed"), "objective"
"""The columns of `trials.csv` around those of the searched settings."""

STOPPED = "stopped early"


@dataclass(frozen=True)
class Trial:
    """A trial.

    Attributes:
        name: Of its folder.
        status: done, stopped early, failed or unfinished.
        seed: Of its experiment.
        settings: What was searched, by dotted key, as in the file.
        objective: None if it was never measured.
        metrics: The last figures, by name; those that it has.
        curves: Its `metrics.csv`.
        exploits: How often it took over another trial's weights and settings (PBT).
    """

    name: str
    status: str
    seed: str
    settings: dict[str, str]
    objective: float | None
    metrics: dict[str, float]
    curves: Curves
    exploits: int


@dataclass(frozen=True)
class SearchRecord:
    """A search.

    Attributes:
        objective: The metric, or another name, of what was searched for.
        mode: "min" or "max".
        algorithm: random, optuna or pbt.
        scheduler: asha, pbt or none.
        best_trial: Name of the trial that became the run's agent; None if there is none.
        keys: What was searched.
        trials: The best first, those without an objective last.
    """

    objective: str
    mode: str
    algorithm: str
    scheduler: str
    best_trial: str | None
    keys: tuple[str, ...]
    trials: tuple[Trial, ...]

    @property
    def measured(self) -> tuple[Trial, ...]:
        """The trials with an objective."""
        return tuple(trial for trial in self.trials if trial.objective is not None)


def read_search(record: RunRecord) -> SearchRecord | None:
    """Read the trials of a search; None if the run is a single trial or has no table yet.

    Raises:
        InputError: If `trials.csv` is damaged.
    """
    search = (record.summary or {}).get("search")
    path = record.run.table
    if not isinstance(search, Mapping) or not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = tuple(reader.fieldnames or ())
        rows = list(reader)
    if columns[: len(FIRST)] != FIRST or LAST not in columns:
        raise InputError(
            f"{path}: its columns are {', '.join(columns)}; they begin with {', '.join(FIRST)} "
            f"and have {LAST}"
        )
    keys = columns[len(FIRST) : columns.index(LAST)]
    metrics = columns[columns.index(LAST) + 1 :]
    trials = [_trial(record, row, keys, metrics) for row in rows]
    sign = -1.0 if search.get("mode") == "max" else 1.0
    trials.sort(key=lambda trial: math.inf if trial.objective is None else sign * trial.objective)
    return SearchRecord(
        objective=str(search["objective"]),
        mode=str(search["mode"]),
        algorithm=str(search["algorithm"]),
        scheduler=str(search["scheduler"]),
        best_trial=search.get("best_trial"),
        keys=keys,
        trials=tuple(trials),
    )


def _trial(
    record: RunRecord, row: Mapping[str, str], keys: tuple[str, ...], metrics: tuple[str, ...]
) -> Trial:
    folder = record.run.trials / row["trial"]
    objective = _figure(row[LAST])
    return Trial(
        name=row["trial"],
        status=row["status"],
        seed=row["seed"],
        settings={key: row[key] for key in keys},
        objective=objective,
        metrics={name: figure for name in metrics if (figure := _figure(row[name])) is not None},
        curves=read_curves(folder / "metrics.csv"),
        exploits=_lines(folder / "exploits.csv"),
    )


def _figure(cell: str | None) -> float | None:
    """Return a figure; an empty cell, nan and infinity are none."""
    figure = float(cell) if cell else math.nan
    return figure if math.isfinite(figure) else None


def _lines(path: Any) -> int:
    """Count the rows below the heading; 0 without the file."""
    return max(0, path.read_text(encoding="utf-8").count("\n") - 1) if path.is_file() else 0
