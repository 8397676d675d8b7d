"""The files of a page that is served: each by its path, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path

from ttt_rllib.analysis.palette import PALETTE_FILE, palette

__all__ = ["HTML_TYPE", "page_files"]

HTML_TYPE = "text/html; charset=utf-8"
MEDIA_TYPES = {
    ".html": HTML_TYPE,
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_files(static: Iterable[Traversable], start: str) -> dict[str, tuple[bytes, str]]:
    """Return content and media type of the files below `/static/`, the palette with them.

    Args:
        static: The files.
        start: The name of the one that is served as `/` instead.
    """
    contents = {file.name: file.read_bytes() for file in static}
    contents[PALETTE_FILE] = palette().encode()
    return {
        "/" if name == start else f"/static/{name}": (content, MEDIA_TYPES[Path(name).suffix])
        for name, content in contents.items()
    }
