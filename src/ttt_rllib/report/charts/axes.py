"""Axes of a chart: they map figures to places, choose round numbers to mark, and format them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["PERCENT", "Scale", "in_percent", "short", "ticks"]

PERCENT = "\N{NARROW NO-BREAK SPACE}%"
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic axis.

    Attributes:
        low: Figure at the start.
        high: Figure at the end, greater than `low`.
        start: Place of `low` in units of the drawing.
        end: Place of `high`.
        is_log: Whether equal ratios are equally far apart; then `low` is greater than 0.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, figure: float) -> float:
        """Return the place of a figure."""
        if self.is_log:
            share = math.log(figure / self.low) / math.log(self.high / self.low)
        else:
            share = (figure - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @staticmethod
    def over(figures: Iterable[float], start: float, end: float, *, is_log: bool = False) -> Scale:
        """Return the axis that exactly spans these figures; a single figure gets some room."""
        known = [float(figure) for figure in figures if math.isfinite(figure)] or [0.0]
        low, high = min(known), max(known)
        if low == high:
            low, high = (low / 2, high * 2) if is_log else (low - 0.5, high + 0.5)
        return Scale(low, high, start, end, is_log)


def ticks(scale: Scale, count: int = 4) -> list[float]:
    """Return round figures along an axis, about `count` of them."""
    if scale.is_log:
        return _log_ticks(scale.low, scale.high, count)
    rough = (scale.high - scale.low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * step for step in STEPS if power * step >= rough * 0.999)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def short(figure: float) -> str:
    """Return a figure in at most about six characters, such as 1.25M, 0.034 or 2e-05."""
    size = abs(figure)
    for factor, prefix in PREFIXES:
        if size >= factor * 0.9995:
            return f"{figure / factor:.3g}{prefix}".replace("-", "\N{MINUS SIGN}")
    if size and size < 1e-3:
        mantissa, _, exponent = f"{figure:.2e}".partition("e")
        digits = mantissa.rstrip("0").rstrip(".")
        return f"{digits}e{int(exponent)}".replace("-", "\N{MINUS SIGN}")
    return f"{figure:.3g}".replace("-", "\N{MINUS SIGN}")


def in_percent(share: float, digits: int = 0) -> str:
    """Return a share in percent, with so many digits after the point."""
    return f"{100 * share:.{digits}f}{PERCENT}"


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        marks = [factor * 10.0**exponent for exponent in exponents for factor in factors]
        inside = [mark for mark in marks if low * 0.999 <= mark <= high * 1.001]
        if len(inside) <= count + 1:
            return inside
    return inside[:: math.ceil(len(inside) / count)]
