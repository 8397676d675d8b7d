"""Bars: divided into parts, or several to compare.

They are HTML rather than SVG, so names of any length wrap and text keeps the page's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ttt_rllib.report.charts.figure import Figure, Key, Tone
from ttt_rllib.report.charts.svg import tag

__all__ = ["Bar", "bar_chart", "parts_chart"]


@dataclass(frozen=True)
class Bar:
    """A bar, or a part of one.

    Attributes:
        name: What it is.
        size: 0 or greater.
        value: The size in words.
        tone: Its colour.
        detail: A remark on the size, or "".
    """

    name: str
    size: float
    value: str
    tone: Tone = "ink"
    detail: str = ""


def parts_chart(title: str, wholes: Mapping[str, Sequence[Bar]]) -> Figure:
    """Draw bars of the same length that are divided into parts.

    Args:
        title: What they show.
        wholes: Name and parts of each, from left to right; at least one has a size.
    """
    rows = []
    for name, parts in wholes.items():
        keys = (Key(part.name, part.tone, part.value) for part in parts)
        rows += [
            tag("p", text=name, class_="whole"),
            tag("div", *_cuts(parts), class_="parts"),
            tag("ul", *(key.html() for key in keys), class_="legend"),
        ]
    return Figure(title, "".join(rows))


def bar_chart(title: str, bars: Sequence[Bar], note: str = "") -> Figure:
    """Draw bars below each other, the longest as wide as the figure.

    Args:
        title: What is compared.
        bars: From top to bottom; none longer than 0 is drawn.
        note: A sentence below.
    """
    longest = max(bar.size for bar in bars) or 1.0
    rows = [
        tag(
            "li",
            tag("span", text=bar.name, class_="name"),
            tag("span", tag("b", text=bar.value), *_detail(bar), class_="value"),
            tag("i", class_=f"bar {bar.tone}", style=f"width: {_share(bar.size, longest)}"),
        )
        for bar in bars
    ]
    return Figure(title, tag("ul", *rows, class_="bars"), (), note)


def _detail(bar: Bar) -> list[str]:
    return [tag("small", text=bar.detail)] if bar.detail else []


def _share(size: float, longest: float) -> str:
    """Return a width at which even the smallest size above 0 is visible."""
    return f"max(2px, {100 * size / longest:.2f}%)" if size > 0 else "0"


def _cuts(parts: Sequence[Bar]) -> list[str]:
    whole = sum(part.size for part in parts)
    return [
        tag(
            "span",
            title=f"{part.name} {part.value}",
            class_=f"part {part.tone}",
            style=f"flex-grow: {part.size / whole:.4f}",
        )
        for part in parts
        if part.size > 0
    ]
