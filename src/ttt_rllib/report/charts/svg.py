"""SVG and HTML elements as text; all text is escaped here and nowhere else."""

from __future__ import annotations

from html import escape

__all__ = ["number", "tag"]

DIGITS = 2
"""Digits of a coordinate: a hundredth of a unit is less than a pixel on any screen."""


def number(value: float) -> str:
    """Return a coordinate, rounded and as short as possible."""
    text = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def tag(name: str, *children: str, text: str | None = None, **attributes: str | float) -> str:
    """Return an element.

    Args:
        name: Name of the element.
        *children: Elements inside it, as this function returns them.
        text: Its text, instead of children.
        **attributes: `class_` is "class", and "_" inside a name is "-".
    """
    words = [name]
    for key, value in attributes.items():
        shown = number(value) if isinstance(value, (int, float)) else escape(value)
        words.append(f'{key.rstrip("_").replace("_", "-")}="{shown}"')
    inner = "".join(children) if text is None else escape(text, quote=False)
    return f"<{' '.join(words)}>{inner}</{name}>"
