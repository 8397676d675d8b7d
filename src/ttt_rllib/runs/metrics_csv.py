"""`metrics.csv`: one row per iteration of a trial, under the names of `ttt_rllib.metrics`.

Shapes: `N` iterations.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ttt_rllib.metrics import ITERATION, METRICS
from ttt_rllib.runs.files import figure_in, read_figure, read_table, table_rows

__all__ = ["METRICS_FILE", "Curves", "MetricsCsv", "read_curves"]

METRICS_FILE = "metrics.csv"


@dataclass(frozen=True)
class Curves:
    """A trial's metrics, one row per iteration.

    Attributes:
        rows: Cells by metric name, as in the file; "" where an iteration has no figure.
    """

    rows: tuple[dict[str, str], ...]

    def __getitem__(self, metric: str) -> npt.NDArray[np.float64]:
        """`[N]` figures of a metric, NaN where an iteration has none."""
        return np.array([figure_in(row.get(metric)) for row in self.rows], dtype=np.float64)

    def has(self, metric: str) -> bool:
        """Tell whether a metric has any figure."""
        return any(math.isfinite(figure_in(row.get(metric))) for row in self.rows)

    def last(self, metric: str) -> float | None:
        """Return the last figure of a metric; None if there is none."""
        figures = (figure_in(row.get(metric)) for row in reversed(self.rows))
        return next((figure for figure in figures if math.isfinite(figure)), None)

    def total(self, metric: str) -> float:
        """Return the sum of a metric over all iterations that have it."""
        figures = (figure_in(row.get(metric)) for row in self.rows)
        return sum(figure for figure in figures if math.isfinite(figure))


def read_curves(path: Path | None) -> Curves:
    """Read the complete rows of a `metrics.csv`; a missing file has none.

    Raises:
        InputError: If it is damaged.
    """
    if path is None or not path.is_file():
        return Curves(())
    # What follows the last line break is half a row: a kill left it, or it is being written.
    complete, _, _ = read_table(path).rpartition("\n")
    _, rows = table_rows(path, complete)
    for row in rows:
        for name, cell in row.items():
            read_figure(path, name, cell)
    return Curves(tuple(rows))


def read_columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a `metrics.csv`; none if it is not there."""
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8-sig") as file:
        return tuple(next(csv.reader(file), ()))


class MetricsCsv:
    """Writes `metrics.csv`: one row per iteration, in order and without duplicates.

    A resumed trial repeats the iterations after its checkpoint; their rows replace the
    old ones. Columns are found by their names: a file of another version, which has other ones,
    keeps them and gets those it lacks.

    Args:
        path: The file; it may hold the rows of earlier sessions.
    """

    COLUMNS = tuple(metric.name for metric in METRICS)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns = read_columns(path)
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            self._rewrite(self.rows())
        self._last_iteration = max((self._iteration(row) for row in self.rows()), default=0)

    def rows(self) -> tuple[dict[str, str], ...]:
        """Return all complete rows."""
        return read_curves(self.path).rows

    def append(self, row: Mapping[str, float]) -> None:
        """Add the row of an iteration, dropping rows of the same and later iterations."""
        iteration = int(row[ITERATION])
        columns = tuple(dict.fromkeys((*self._columns, *self.COLUMNS, *row)))
        is_new = columns != self._columns or not self.path.is_file()
        self._columns = columns
        if iteration <= self._last_iteration or is_new:
            kept = [old for old in self.rows() if self._iteration(old) < iteration]
            self._rewrite(kept)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            figures = {name: f"{figure:.12g}" for name, figure in row.items()}
            csv.DictWriter(file, columns, restval="").writerow(figures)
        self._last_iteration = iteration

    def _rewrite(self, rows: Sequence[Mapping[str, str]]) -> None:
        part = self.path.with_name(f".{self.path.name}.part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        part.replace(self.path)

    @staticmethod
    def _iteration(row: Mapping[str, str]) -> int:
        return int(float(row[ITERATION]))
