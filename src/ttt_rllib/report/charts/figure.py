"""A drawing with its title, legend and note; a notebook can show it directly."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from ttt_rllib.analysis.palette import palette
from ttt_rllib.report.charts.svg import tag

__all__ = ["Figure", "Gallery", "Key", "Tone", "stylesheet"]

Tone = Literal["ink", "win", "draw", "loss", "faint"]
"""The colours of the palette; `faint` is ink that leaves room for others."""


@dataclass(frozen=True)
class Key:
    """A line of the legend.

    Attributes:
        name: What is drawn.
        tone: Its colour.
        value: A figure to show beside the name, or "".
        is_dashed: Whether it is drawn dashed.
        is_dot: Whether it is drawn as dots.
    """

    name: str
    tone: Tone
    value: str = ""
    is_dashed: bool = False
    is_dot: bool = False

    @property
    def sign(self) -> str:
        """A stroke or a dot, 20 units wide and 8 high."""
        if self.is_dot:
            return tag("circle", cx=10, cy=4, r=2.5, class_=f"dot {self.tone}")
        style = f"stroke {self.tone}" + " dashed" * self.is_dashed
        return tag("path", d="M1 4h18", class_=style)

    def html(self) -> str:
        """Return the line: a stroke, the name, the value."""
        swatch = tag("svg", self.sign, viewBox="0 0 20 8", class_="swatch", aria_hidden="true")
        name = tag("span", text=self.name)
        value = tag("b", text=self.value) if self.value else ""
        return tag("li", swatch, name, value)


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes:
        title: What it shows, in a few words.
        svg: The drawing, styled by `stylesheet()`.
        legend: What the colours mean.
        note: A sentence below, or "".
        is_tall: Whether it may take two rows where there are columns.
    """

    title: str
    svg: str
    legend: tuple[Key, ...] = ()
    note: str = ""
    is_tall: bool = False

    def __html__(self) -> str:
        """Return the figure as HTML, which a template does not escape."""
        parts = [tag("figcaption", text=self.title)]
        if self.legend:
            parts.append(tag("ul", *(key.html() for key in self.legend), class_="legend"))
        parts.append(self.svg)
        if self.note:
            parts.append(tag("p", text=self.note, class_="note"))
        return tag("figure", *parts, class_="figure tall" if self.is_tall else "figure")

    def _repr_html_(self) -> str:
        return Gallery((self,))._repr_html_()


@dataclass(frozen=True)
class Gallery:
    """Several figures side by side, as many as fit.

    Attributes:
        figures: From left to right.
    """

    figures: tuple[Figure, ...]

    def __html__(self) -> str:
        """Return all figures as HTML."""
        return tag("div", *(figure.__html__() for figure in self.figures), class_="gallery")

    def _repr_html_(self) -> str:
        return tag("div", f"<style>{stylesheet()}</style>", self.__html__(), class_="ttt-report")


def stylesheet() -> str:
    """Return the CSS of all figures and of the page: the palette, then their own rules."""
    rules = files("ttt_rllib.report").joinpath("report.css")
    # Inside a notebook, nothing else may get these colours.
    own = palette().replace(":root", ".ttt-report")
    return own + rules.read_text(encoding="utf-8")
