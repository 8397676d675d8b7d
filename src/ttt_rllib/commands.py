"""What all commands share: exit codes, warnings on stderr, and turning functions into a program."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from ttt_rllib.errors import InputError

__all__ = [
    "ENVIRONMENT_FILE",
    "EXIT_BAD_INPUT",
    "EXIT_DONE",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "call",
    "load_environment_file",
    "run_command",
    "warn",
]

EXIT_DONE = 0
EXIT_FAILED = 1
"""The run failed, or the agent does not meet what was required."""
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

ENVIRONMENT_FILE = "TTT_ENV_FILE"
"""The environment variable that names a file of further variables, such as a mounted Secret."""

# Typer exports only this one of click's classes; all usage errors derive from its base.
USAGE_ERROR: Any = typer.BadParameter.__base__


def run_command(*commands: Callable[..., None], **settings: Any) -> None:
    """Run these commands as a program, each named after its function; a single one needs no name.

    Args:
        *commands: Functions with Typer's annotations.
        **settings: As for `typer.Typer`.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, **settings)
    for command in commands:
        app.command()(command)
    sys.exit(call(app))


def call(app: typer.Typer) -> int:
    """Run an app and return its exit code; wrong usage gives one line on stderr."""
    show_log()
    try:
        load_environment_file()
        return int(app(standalone_mode=False) or EXIT_DONE)
    except InputError as error:
        warn(f"error: {error}")
        return EXIT_BAD_INPUT
    except USAGE_ERROR as error:
        warn(f"error: {error.format_message()}; see --help")
        return EXIT_BAD_INPUT
    except typer.Abort:
        warn("interrupted")
        return EXIT_INTERRUPTED


def load_environment_file() -> None:
    """Set the variables of the file named by TTT_ENV_FILE, except those that are set already.

    The file has lines KEY=VALUE; empty lines and lines that start with # are ignored. A
    missing file counts as empty, because its Secret is optional.

    Raises:
        InputError: With the line's number but not its text, which may be a secret.
    """
    name = os.environ.get(ENVIRONMENT_FILE)
    if not name or not Path(name).exists():
        return
    for number, line in enumerate(Path(name).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip().isidentifier():
            raise InputError(f"{name}, line {number}: is not KEY=VALUE")
        os.environ.setdefault(key.strip(), value.strip())


def warn(sentence: str) -> None:
    """Tell the user on stderr, which leaves stdout to results."""
    print(sentence, file=sys.stderr, flush=True)


class UserHandler(logging.Handler):
    """Shows what the package logs to the user, one plain line each, as `warn` does."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message alone; stderr may have been replaced since the start."""
        warn(self.format(record))


def show_log() -> None:
    """Let the package's log, whose loggers are named after its modules, reach the user."""
    logger = logging.getLogger("ttt_rllib")
    if not any(isinstance(handler, UserHandler) for handler in logger.handlers):
        logger.addHandler(UserHandler())
    # Ray's root handlers would show every line twice.
    logger.propagate = False
