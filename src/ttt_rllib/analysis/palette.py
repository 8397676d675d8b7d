"""The colours and typefaces of everything that is drawn: the web page, charts and boards."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["PALETTE_FILE", "palette"]

PALETTE_FILE = "palette.css"


def palette() -> str:
    """Return the CSS variables, for light and dark."""
    return files("ttt_rllib.analysis").joinpath(PALETTE_FILE).read_text(encoding="utf-8")
