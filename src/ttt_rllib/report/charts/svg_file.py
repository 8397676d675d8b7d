"""A chart as an SVG file, for pages that show images: with title, legend and colours."""

from __future__ import annotations

from importlib.resources import files

from ttt_rllib.analysis.palette import palette
from ttt_rllib.report.charts.figure import Figure, Key
from ttt_rllib.report.charts.line_chart import HEIGHT, WIDTH
from ttt_rllib.report.charts.svg import number, tag

__all__ = ["svg_file"]

MARGIN, TITLE_HEIGHT, LINE_HEIGHT = 12.0, 26.0, 16.0
SIGN_WIDTH = 28.0
SCALE = 2
"""Pixels per unit: a browser shows the picture about as wide as a page of text."""
PARTS = ("{", "svg", ".chart", ".axes", ".stroke", ".dot")
"""What the rules begin with that a chart needs, out of all those of the report."""
OWN_RULES = """
.ttt-report > text { fill: var(--ink); stroke: none; font-family: var(--sans); }
.ttt-report .sheet { fill: var(--sheet); stroke: none; }
.ttt-report .title { font-weight: 600; font-size: 12.5px; }
"""


def svg_file(figure: Figure) -> str:
    """Return the contents of the file.

    Args:
        figure: As `line_chart` returns it.
    """
    top = TITLE_HEIGHT + LINE_HEIGHT * (len(figure.legend) + 0.5)
    place = f'<svg y="{number(top)}" width="{number(WIDTH)}" height="{number(HEIGHT)}" '
    drawing = tag(
        "svg",
        tag("style", text=_rules()),
        tag("rect", width="100%", height="100%", class_="sheet"),
        tag("text", text=figure.title, x=MARGIN, y=TITLE_HEIGHT - 6, class_="title"),
        *(_legend_line(key, line) for line, key in enumerate(figure.legend)),
        figure.svg.replace("<svg ", place, 1),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(WIDTH)} {number(top + HEIGHT + MARGIN / 2)}",
        width=SCALE * WIDTH,
        class_="ttt-report",
    )
    return drawing + "\n"


def _legend_line(key: Key, line: int) -> str:
    y = TITLE_HEIGHT + LINE_HEIGHT * (line + 0.5)
    sign = tag("g", key.sign, transform=f"translate({number(MARGIN)} {number(y - 4)})")
    name = f"{key.name}: {key.value}" if key.value else key.name
    text = tag("text", text=name, x=MARGIN + SIGN_WIDTH, y=y + 4, font_size="11px")
    return sign + text


def _rules() -> str:
    rules = files("ttt_rllib.report").joinpath("report.css").read_text(encoding="utf-8")
    needed = tuple(f".ttt-report {part}" for part in PARTS)
    kept = [line for line in rules.splitlines() if line.startswith(needed)]
    return palette().replace(":root", ".ttt-report") + "\n".join(kept) + OWN_RULES
