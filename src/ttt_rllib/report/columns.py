"""The columns of a table in which anything stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["NONE", "Columns", "filled_columns"]

NONE = "-"
"""Stands where a figure is missing."""


class Columns(NamedTuple):
    """What is left of a table.

    Attributes:
        headings: Of the columns.
        rows: A cell for each heading.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def filled_columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns:
    """Return a table without the columns that are empty in every row.

    Args:
        headings: Of the columns.
        rows: A cell for each heading; "" and "-" are empty.
    """
    kept = [
        place for place in range(len(headings)) if any(row[place] not in ("", NONE) for row in rows)
    ]
    return Columns(
        tuple(headings[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
    )
