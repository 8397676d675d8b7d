"""A search read back from its files: the trials, what they varied, and how well they did."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ttt_rllib.runs.exploits_csv import count_exploits
from ttt_rllib.runs.metrics_csv import METRICS_FILE, Curves, read_curves
from ttt_rllib.runs.record import RunRecord
from ttt_rllib.runs.trials_csv import TrialRow, read_trials

__all__ = ["SearchRecord", "SearchTrial", "read_search"]


@dataclass(frozen=True)
class SearchTrial(TrialRow):
    """A trial: its row of `trials.csv`, and the contents of its folder.

    Attributes:
        curves: Its `metrics.csv`.
        exploits: How often it copied another trial's weights and settings (PBT).
    """

    curves: Curves
    exploits: int


@dataclass(frozen=True)
class SearchRecord:
    """A search.

    Attributes:
        objective: The metric that the search optimises.
        mode: "min" or "max".
        algorithm: random, optuna or pbt.
        scheduler: asha, pbt or none.
        best_trial: Name of the trial that became the run's agent; None if there is none.
        keys: Dotted keys of the searched settings.
        trials: The best first, those without an objective last.
    """

    objective: str
    mode: str
    algorithm: str
    scheduler: str
    best_trial: str | None
    keys: tuple[str, ...]
    trials: tuple[SearchTrial, ...]

    @property
    def measured(self) -> tuple[SearchTrial, ...]:
        """The trials with an objective."""
        return tuple(trial for trial in self.trials if trial.objective is not None)


def read_search(record: RunRecord) -> SearchRecord | None:
    """Read the trials of a search; None if the run is a single trial or has no table yet.

    Raises:
        InputError: If `trials.csv` is damaged.
    """
    search = record.summary.search if record.summary else None
    table = read_trials(record.run.table)
    if search is None or table is None:
        return None
    trials = [_trial(record, row) for row in table.rows]
    sign = -1.0 if search.mode == "max" else 1.0
    trials.sort(key=lambda trial: math.inf if trial.objective is None else sign * trial.objective)
    return SearchRecord(
        objective=search.objective,
        mode=search.mode,
        algorithm=search.algorithm,
        scheduler=search.scheduler,
        best_trial=search.best_trial,
        keys=table.keys,
        trials=tuple(trials),
    )


def _trial(record: RunRecord, row: TrialRow) -> SearchTrial:
    folder = record.run.trials / row.name
    return SearchTrial(
        **vars(row), curves=read_curves(folder / METRICS_FILE), exploits=count_exploits(folder)
    )
