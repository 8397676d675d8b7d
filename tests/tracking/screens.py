"""A screen for tests: a pipe, or a terminal that keeps only what is left on it."""

from __future__ import annotations

import io

from rich.console import Console

__all__ = ["screen", "shown"]

HEIGHT = 40


def screen(width: int, *, is_terminal: bool, height: int = HEIGHT) -> Console:
    """Return a console that writes to memory.

    A terminal without control codes gets a live table once, when it ends.
    """
    return Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=is_terminal,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=True,
        _environ={"TERM": "dumb"},
    )


def shown(console: Console) -> list[str]:
    """Return the lines on a screen, without the blanks at their ends."""
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]
