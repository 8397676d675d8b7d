"""`metrics.csv`: one row per iteration of a trial."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ttt_rllib.metrics import ITERATION, METRICS

__all__ = ["METRICS_FILE", "MetricsCsv"]

METRICS_FILE = "metrics.csv"


class MetricsCsv:
    """A CSV file with one row an iteration, in order, none twice.

    A resumed trial repeats the iterations after its checkpoint; their rows replace the
    old ones.
    """

    COLUMNS = tuple(metric.name for metric in METRICS)

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            self._rewrite(self.rows())
        self._last_iteration = max((self._iteration(row) for row in self.rows()), default=0)

    def rows(self) -> list[dict[str, str]]:
        """Return all complete rows."""
        if not self.path.is_file():
            return []
        # A kill may leave half a row behind the last line break.
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        return list(csv.DictReader(whole.splitlines()))

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
