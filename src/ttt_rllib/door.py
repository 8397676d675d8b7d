"""What all commands share: exit codes, and how functions become a program."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from ttt_rllib.environment_file import load_environment_file
from ttt_rllib.errors import InputError

__all__ = [
    "EXIT_BAD_INPUT",
    "EXIT_DONE",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "call",
    "run",
    "warn",
]

EXIT_DONE = 0
EXIT_FAILED = 1
"""The run failed, or the agent is not what was required."""
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

# Typer exports this one of click's classes; all complaints about usage derive from its base.
USAGE_ERROR: Any = typer.BadParameter.__base__


def run(*commands: Callable[..., None], **settings: Any) -> None:
    """Run a program of these commands, each named like its function; one needs no name.

    Args:
        *commands: Functions with Typer's annotations.
        **settings: As for `typer.Typer`.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, **settings)
    for command in commands:
        app.command()(command)
    sys.exit(call(app))


def call(app: typer.Typer) -> int:
    """Return the exit code; wrong usage is one line on stderr, like all wrong input."""
    try:
        load_environment_file()
        return int(app(standalone_mode=False) or EXIT_DONE)
    except InputError as error:
        warn(f"error: {error}")
        return EXIT_BAD_INPUT
    except USAGE_ERROR as error:
        warn(f"error: {error.format_message()}; --help tells more")
        return EXIT_BAD_INPUT
    except typer.Abort:
        warn("interrupted")
        return EXIT_INTERRUPTED


def warn(sentence: str) -> None:
    """Tell the user on stderr, which leaves stdout to results; the only place that does."""
    print(sentence, file=sys.stderr, flush=True)
