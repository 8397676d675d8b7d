"""A matrix of scores as a table of coloured cells.

It is HTML rather than SVG, so that it scrolls sideways and its figures can be read and copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ttt_rllib.report.charts.figure import Figure
from ttt_rllib.report.charts.svg import tag

__all__ = ["heat_map"]

TWO_DIGITS = 0.005
"""A score below this is shown as 0.00, without a colour."""

STRONGEST = 60
"""Per cent of the colour behind a score of 1; more would hide the figure."""


def heat_map(
    title: str, names: Sequence[str], scores: npt.NDArray[np.float64], note: str = ""
) -> Figure:
    """Draw who scores what against whom.

    Args:
        title: What the scores are.
        names: The `K` players; the columns have their numbers.
        scores: `[K, K]` of the row against the column, in [-1, 1].
        note: A sentence below.
    """
    count = range(len(names))
    head = [tag("th", text="", scope="col"), *(_column(number, names) for number in count)]
    rows = [
        tag("tr", _row(number, names), *(_cell(score) for score in scores[number]))
        for number in count
    ]
    table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="heat")
    scroll = tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=title)
    return Figure(title, scroll, (), note)


def _column(number: int, names: Sequence[str]) -> str:
    return tag("th", text=str(number + 1), scope="col", title=names[number])


def _row(number: int, names: Sequence[str]) -> str:
    return tag("th", text=f"{number + 1} {names[number]}", scope="row")


def _cell(score: float) -> str:
    if abs(score) < TWO_DIGITS:
        return tag("td", text="0.00")
    tone = "win" if score > 0 else "loss"
    share = f"--share: {STRONGEST * min(1.0, abs(score)):.0f}%"
    return tag("td", text=f"{score:+.2f}", class_=tone, style=share)
