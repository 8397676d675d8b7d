"""Tables of plain text that fit a width: the columns that matter least are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["TextColumn", "broken_heading", "fitting", "table_lines"]

SHORTEST_HEADING_LINE = 9
"""Characters in which most words of a heading fit."""


class TextColumn(NamedTuple):
    """A column and all of its cells.

    Attributes:
        heading: Its name, in one line or more.
        cells: The figures, from the top.
        rank: How soon it is left out where there is no room; 0 = never, the greatest first.
        width: Least width in characters, so that the table stays in place as figures grow.
    """

    heading: str
    cells: Sequence[str]
    rank: int = 0
    width: int = 0

    @property
    def room(self) -> int:
        """The characters that the column takes."""
        return max(self.width, *map(len, (*self.heading.split("\n"), *self.cells)))


def fitting(columns: Sequence[TextColumn], width: int, gap: int = 1) -> list[TextColumn]:
    """Return the columns that fit, in their order.

    Args:
        columns: All columns. One with a greater rank is shown if it fits where others did not.
        width: Characters of a line.
        gap: Characters between two columns.
    """
    chosen: set[int] = set()
    used = -gap
    for place in sorted(range(len(columns)), key=lambda place: columns[place].rank):
        room = gap + columns[place].room
        if columns[place].rank == 0 or used + room <= width:
            chosen.add(place)
            used += room
    return [column for place, column in enumerate(columns) if place in chosen]


def table_lines(columns: Sequence[TextColumn], gap: int = 1) -> tuple[list[str], list[str]]:
    """Return the lines of the headings and those of the cells, flush right.

    Args:
        columns: The columns, with equally many cells.
        gap: Characters between two columns.
    """
    headings = [column.heading.split("\n") for column in columns]
    height = max(map(len, headings), default=0)
    # Headings stand on the figures: shorter ones begin further down.
    padded = [[""] * (height - len(heading)) + heading for heading in headings]
    rooms = [column.room for column in columns]
    heads = [_line(cells, rooms, gap) for cells in zip(*padded, strict=True)]
    rows = zip(*(column.cells for column in columns), strict=True)
    return heads, [_line(cells, rooms, gap) for cells in rows]


def broken_heading(name: str) -> str:
    """Return a name in lines that are about as short as its words, broken after "_"."""
    lines = [""]
    words = name.split("_")
    for word in (*(f"{word}_" for word in words[:-1]), words[-1]):
        if lines[-1] and len(lines[-1]) + len(word) > SHORTEST_HEADING_LINE:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _line(cells: Iterable[str], rooms: Iterable[int], gap: int) -> str:
    padded = (cell.rjust(room) for cell, room in zip(cells, rooms, strict=True))
    return (" " * gap).join(padded).rstrip()
