"""Lines over a common axis, such as figures over moves trained.

It is 360 units wide, so a phone shows it at about its natural size.
Shapes: `N` points of a line, in the order of the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ttt_rllib.report.charts.axes import PERCENT, Scale, short, ticks
from ttt_rllib.report.charts.figure import Figure, Key, Tone
from ttt_rllib.report.charts.svg import number, tag

__all__ = ["Band", "Line", "line_chart"]

Column = npt.NDArray[np.float64]

WIDTH, HEIGHT = 360.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 12.0, 8.0, 22.0
LABEL_DROP = 4.0
NAME_ROOM = 56.0
MAX_POINTS = 240
"""A line with more points is thinned; a phone's screen cannot show more."""


@dataclass(frozen=True)
class Line:
    """A line of the chart.

    Attributes:
        name: For the legend; "" = not in it.
        x: `[N]` ascending.
        y: `[N]`; nan where there is no figure.
        tone: Its colour.
        is_limit: Whether it is a bound for other lines, and so dashed.
        value: Shown in the legend; None shows the last figure.
        is_dots: Whether its points are not connected.
    """

    name: str
    x: Column
    y: Column
    tone: Tone = "ink"
    is_limit: bool = False
    value: str | None = None
    is_dots: bool = False

    @property
    def key(self) -> Key:
        """The line of the legend."""
        known = self.y[np.isfinite(self.y)]
        value = self.value if self.value is not None else short(known[-1]) if len(known) else ""
        return Key(self.name, self.tone, value, is_dashed=self.is_limit, is_dot=self.is_dots)


@dataclass(frozen=True)
class Band:
    """What lies between two figures, behind the lines; its points are known.

    Attributes:
        x: `[N]` ascending.
        low: `[N]` lower figures.
        high: `[N]` upper figures.
        tone: Its colour.
    """

    x: Column
    low: Column
    high: Column
    tone: Tone = "ink"


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    bands: Sequence[Band] = (),
    y_range: tuple[float, float] | None = None,
    x_name: str = "moves",
    percent: bool = False,
    note: str = "",
    legend: tuple[Key, ...] | None = None,
    crowded: bool = False,
    is_log: bool = False,
) -> Figure:
    """Draw lines, the later ones above the earlier.

    Args:
        title: What they show.
        lines: At least one of them has a figure.
        bands: Areas behind them, such as intervals.
        y_range: Least and greatest figure of the axis; None = fitted to the lines.
        x_name: What the horizontal axis counts.
        percent: Whether the vertical axis is in percent.
        note: A sentence below.
        legend: Replaces the keys of the lines that have a name.
        crowded: Whether there are many lines, so that all but the last are thin.
        is_log: Whether both axes are logarithmic; then all figures are greater than 0.
    """
    clean = [_known(line) for line in lines]
    xs = [x for line in clean for x in line.x]
    across = Scale.over(xs, LEFT, WIDTH - RIGHT, is_log=is_log)
    edges = [y for band in bands for side in (band.low, band.high) for y in side]
    figures = y_range or [*(y for line in clean for y in line.y), *edges]
    upward = Scale.over(figures, HEIGHT - BOTTOM, TOP, is_log=is_log)
    svg = tag(
        "svg",
        *_grid(across, upward, x_name, percent=percent),
        *(_area(band, across, upward) for band in bands),
        *(_path(line, across, upward) for line in clean if len(line.x)),
        viewBox=f"0 0 {number(WIDTH)} {number(HEIGHT)}",
        role="img",
        aria_label=title,
        class_="chart crowded" if crowded else "chart",
        # So that a reader, or a test, can turn places back into figures.
        data_x=_ends(across),
        data_y=_ends(upward),
    )
    keys = tuple(line.key for line in lines if line.name) if legend is None else legend
    return Figure(title, svg, keys, note)


def _ends(scale: Scale) -> str:
    """Return figures and places of both ends, without the digits in which processors differ."""
    return " ".join(f"{end:.9g}" for end in (scale.low, scale.high, scale.start, scale.end))


def _grid(across: Scale, upward: Scale, x_name: str, *, percent: bool) -> list[str]:
    """Draw the axes: hairlines at the left marks, figures beside them."""
    parts = []
    for mark in ticks(upward):
        y = upward(mark)
        label = f"{100 * mark:.4g}{PERCENT}" if percent else short(mark)
        parts.append(tag("path", d=f"M{number(LEFT)} {number(y)}H{number(WIDTH - RIGHT)}"))
        parts.append(tag("text", text=label, x=LEFT - 6, y=y + LABEL_DROP, text_anchor="end"))
    bottom = HEIGHT - BOTTOM / 4
    for mark in ticks(across):
        x = across(mark)
        # The last figure would leave the drawing on the right, where the axis has its name.
        if x < WIDTH - RIGHT - NAME_ROOM:
            parts.append(tag("text", text=short(mark), x=x, y=bottom, text_anchor="middle"))
    parts.append(tag("text", text=x_name, x=WIDTH - RIGHT, y=bottom, text_anchor="end"))
    return [tag("g", *parts, class_="axes")]


def _area(band: Band, across: Scale, upward: Scale) -> str:
    there = zip(band.x, band.high, strict=True)
    back = zip(band.x[::-1], band.low[::-1], strict=True)
    points = [f"{number(across(x))} {number(upward(y))}" for x, y in (*there, *back)]
    return tag("path", d=f"M{'L'.join(points)}Z", class_=f"band {band.tone}")


def _path(line: Line, across: Scale, upward: Scale) -> str:
    x, y = _thinned(line.x, line.y)
    points = [f"{number(across(a))} {number(upward(b))}" for a, b in zip(x, y, strict=True)]
    style = f"stroke {line.tone}" + " dashed" * line.is_limit
    if len(points) == 1 or line.is_dots:
        places = [(across(a), upward(b)) for a, b in zip(x, y, strict=True)]
        style = f"dot {line.tone}"
        return "".join(tag("circle", cx=cx, cy=cy, r=2.5, class_=style) for cx, cy in places)
    title = [tag("title", text=line.name)] if line.name else []
    return tag("path", *title, d="M" + "L".join(points), class_=style, data_name=line.name)


def _known(line: Line) -> Line:
    known = np.isfinite(line.x) & np.isfinite(line.y)
    return replace(line, x=line.x[known], y=line.y[known])


def _thinned(x: Column, y: Column) -> tuple[Column, Column]:
    """Keep the least and the greatest point of every stretch, so that no peak is lost."""
    if len(x) <= MAX_POINTS:
        return x, y
    kept = {0, len(x) - 1}
    for stretch in np.array_split(np.arange(len(x)), MAX_POINTS // 2):
        kept |= {int(stretch[y[stretch].argmin()]), int(stretch[y[stretch].argmax()])}
    places = sorted(kept)
    return x[places], y[places]
