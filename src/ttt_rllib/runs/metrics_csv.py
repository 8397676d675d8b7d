"""`metrics.csv`: one row per iteration of a trial, under the names of `ttt_rllib.metrics`.

Shapes: `N` iterations.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ttt_rllib.metrics import ITERATION, METRICS

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
        cells = (row.get(metric) for row in self.rows)
        return np.array([float(cell) if cell else np.nan for cell in cells])

    def has(self, metric: str) -> bool:
        """Tell whether a metric has any figure."""
        return any(row.get(metric) for row in self.rows)

    def last(self, metric: str) -> float | None:
        """Return the last figure of a metric; None if there is none."""
        cells = [row[metric] for row in self.rows if row.get(metric)]
        return float(cells[-1]) if cells else None

    def total(self, metric: str) -> float:
        """Return the sum of a metric over all iterations that have it."""
        return sum(float(row[metric]) for row in self.rows if row.get(metric))


def read_curves(path: Path | None) -> Curves:
    """Read the complete rows of a `metrics.csv`; a missing file has none."""
    if path is None or not path.is_file():
        return Curves(())
    # What follows the last line break is half a row: a kill left it, or it is being written.
    complete, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return Curves(tuple(csv.DictReader(complete.splitlines())))


class MetricsCsv:
    """Writes `metrics.csv`: one row per iteration, in order and without duplicates.

    A resumed trial repeats the iterations after its checkpoint; their rows replace the
    old ones.

    Args:
        path: The file; it may hold the rows of earlier sessions.
    """

    COLUMNS = tuple(metric.name for metric in METRICS)

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            self._rewrite(self.rows())
        self._last_iteration = max((self._iteration(row) for row in self.rows()), default=0)

    def rows(self) -> tuple[dict[str, str], ...]:
        """Return all complete rows."""
        return read_curves(self.path).rows

    def append(self, row: Mapping[str, float]) -> None:
        """Add the row of an iteration, dropping rows of the same and later iterations."""
        iteration = int(row[ITERATION])
        if iteration <= self._last_iteration or not self.path.is_file():
            kept = [old for old in self.rows() if self._iteration(old) < iteration]
            self._rewrite(kept)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            figures = {name: f"{figure:.12g}" for name, figure in row.items()}
            csv.DictWriter(file, self.COLUMNS, restval="").writerow(figures)
        self._last_iteration = iteration

    def _rewrite(self, rows: Sequence[Mapping[str, str]]) -> None:
        part = self.path.with_name(f".{self.path.name}.part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        part.replace(self.path)

    @staticmethod
    def _iteration(row: Mapping[str, str]) -> int:
        return int(float(row[ITERATION]))
