"""A row of a benchmark: one figure, measured several times, and what it should be.

The JSON file, which notebooks read, is `{"machine", "versions", "rows"}`; keys may be added
but never renamed:

* `machine`: `cpu` (model), `cores` (usable), `system`, `python`, `load_before`
  (processes that wanted a core in the minute before; 0 on a quiet machine), `date`, `commit`
  (of this repository; "-dirty" where files differed from it).
* `versions`: package -> version, null where it is not installed.
* `rows`: `benchmark`, `what`, `unit`, `value` (the median), `min`, `max`, `runs` (how many),
  `command`; optionally `target`, `{"at_least": x}` or `{"at_most": x}`, `note`, and `detail`,
  from which a page of its own is computed. `value`, `min` and `max` are null where `runs` is 0.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["NOT_INSTALLED", "Row", "Target", "document", "interleaved", "ratios"]

NOT_INSTALLED = "not installed: pip install -e .[bench]"

Name = TypeVar("Name", bound=Hashable)
Figure = TypeVar("Figure")


@dataclass(frozen=True)
class Target:
    """A bound that a figure should keep; exactly one of the two is given.

    Attributes:
        at_least: The smallest value that is good enough.
        at_most: The greatest.
    """

    at_least: float | None = None
    at_most: float | None = None

    def as_json(self) -> dict[str, float]:
        """Return the bound that is given."""
        return {name: bound for name, bound in vars(self).items() if bound is not None}


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        benchmark: Name of the benchmark, as on the command line.
        what: What was measured.
        unit: Unit of the figures.
        figures: One for each run; empty where nothing could be measured.
        target: What the median should be.
        note: What the reader must know: how a peer was set up, why there is no figure.
        detail: What else was measured, for the programs that read the file.
    """

    benchmark: str
    what: str
    unit: str
    figures: Sequence[float]
    target: Target | None = None
    note: str = ""
    detail: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as it stands in the JSON file; value, min and max may be None."""
        figures = list(self.figures)
        row: dict[str, Any] = {
            "benchmark": self.benchmark,
            "what": self.what,
            "unit": self.unit,
            "value": statistics.median(figures) if figures else None,
            "min": min(figures, default=None),
            "max": max(figures, default=None),
            "runs": len(figures),
            "command": f"python -m benchmarks {self.benchmark}",
        }
        if self.target is not None:
            row["target"] = self.target.as_json()
        if self.note:
            row["note"] = self.note
        if self.detail is not None:
            row["detail"] = dict(self.detail)
        return row


def interleaved(
    contestants: Mapping[Name, Callable[[], Figure]], runs: int
) -> dict[Name, list[Figure]]:
    """Measure all contestants in turn, again and again: a, b, a, b, ...

    A neighbour on the machine, or a CPU that gets warm, then meets all of them alike.

    Args:
        contestants: Functions that measure once and return the figure.
        runs: How often each is measured.
    """
    figures: dict[Name, list[Figure]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, measure in contestants.items():
            figures[name].append(measure())
    return figures


def ratios(figures: Sequence[float], others: Sequence[float]) -> list[float]:
    """Divide run by run: what was measured side by side is compared side by side."""
    return [figure / other for figure, other in zip(figures, others, strict=True)]


def document(machine: Any, versions: dict[str, str | None], rows: Sequence[Row]) -> dict[str, Any]:
    """Return the contents of the JSON file.

    Args:
        machine: See `benchmarks.machine.machine`.
        versions: Version of each package, None where it is not installed.
        rows: What was measured.
    """
    return {"machine": machine, "versions": versions, "rows": [row.as_json() for row in rows]}
