"""What all commands share: exit codes, and how a function becomes a program."""

from collections.abc import Callable
from typing import Any

import typer

__all__ = ["EXIT_BAD_INPUT", "EXIT_DONE", "EXIT_FAILED", "EXIT_INTERRUPTED", "program", "run"]

EXIT_DONE = 0
EXIT_FAILED = 1
"""The run failed, or the agent is not what was required."""
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def program(**settings: Any) -> typer.Typer:
    """Return an empty Typer app without shell completion and with plain tracebacks."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, **settings)


def run(command: Callable[..., None]) -> None:
    """Run one command as `python -m ttt_rllib.<command>`."""
    app = program()
    app.command()(command)
    app()
