"""The benchmarks' figures, read from the JSON file that `python -m benchmarks` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ttt_rllib.errors import InputError
from ttt_rllib.report.charts.axes import short
from ttt_rllib.report.charts.bars import Bar, bar_chart
from ttt_rllib.report.charts.figure import Figure

__all__ = ["Benchmarks", "Measured", "benchmark_chart", "read_benchmarks"]


@dataclass(frozen=True)
class Measured:
    """A figure.

    Attributes:
        benchmark: Name of the benchmark, as on the command line.
        what: What was measured.
        unit: Unit of the figures.
        value: The median; None where nothing could be measured.
        least: The least of all runs; None likewise.
        greatest: The greatest; None likewise.
        note: What the reader must know, or "".
    """

    benchmark: str
    what: str
    unit: str
    value: float | None
    least: float | None
    greatest: float | None
    note: str


@dataclass(frozen=True)
class Benchmarks:
    """A session of benchmarks.

    Attributes:
        machine: The machine, in words.
        rows: All figures, in the order of the file.
    """

    machine: str
    rows: tuple[Measured, ...]

    def find(self, benchmark: str, *words: str, unit: str = "") -> tuple[Measured, ...]:
        """Return the measured figures of a benchmark whose description has any of these words.

        Args:
            benchmark: Its name.
            *words: Parts of `what`; none = all.
            unit: Only figures of this unit; "" = any.
        """
        return tuple(
            row
            for row in self.rows
            if row.benchmark == benchmark
            and row.value is not None
            and (not words or any(word in row.what for word in words))
            and unit in ("", row.unit)
        )


def read_benchmarks(path: Path) -> Benchmarks:
    """Read a file that `python -m benchmarks --json` wrote.

    Raises:
        InputError: If it does not exist, or is another kind of file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        machine = content["machine"]
        rows = tuple(
            Measured(
                row["benchmark"],
                row["what"],
                row["unit"],
                row["value"],
                row["min"],
                row["max"],
                row.get("note", ""),
            )
            for row in content["rows"]
        )
        words = f"{machine['cpu']}, {machine['cores']} cores, {machine['date']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: holds no benchmarks: {error!r}; give docs/benchmarks.json"
        ) from None
    return Benchmarks(words, rows)


def benchmark_chart(title: str, rows: Sequence[Measured], note: str = "") -> Figure:
    """Draw medians as bars below each other, each with the range of its runs.

    A beginning that all descriptions share is left out.

    Args:
        title: What is compared; the unit is added.
        rows: At least one, all of the same unit.
        note: A sentence below.
    """
    parts = [row.what.split(", ") for row in rows]
    columns = enumerate(zip(*parts, strict=False))
    begin = next((place for place, words in columns if len(set(words)) > 1), 0)
    bars = [
        Bar(", ".join(words[begin:]), row.value, short(row.value), "win", _spread(row))
        for words, row in zip(parts, rows, strict=True)
        if row.value is not None
    ]
    return bar_chart(f"{title}, {rows[0].unit}", bars, note)


def _spread(row: Measured) -> str:
    """Return the range of the runs; "" where there is none."""
    least, greatest = (short(figure or 0.0) for figure in (row.least, row.greatest))
    return f"{least} to {greatest}" if least != greatest else ""
