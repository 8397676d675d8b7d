"""Fills the templates of the pages, which lie beside this module."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

__all__ = ["render"]


def render(template: str, **content: Any) -> str:
    """Return a page.

    Everything without `__html__` is escaped, and a name that the content lacks is an error.

    Args:
        template: The file's name.
        **content: What the template calls its parts.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("ttt_rllib.report").joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(source).render(**content)
