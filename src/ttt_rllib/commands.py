"""What all commands share: exit codes, warnings on stderr, and running a function as a program."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import typer

from ttt_rllib.errors import InputError
from ttt_rllib.program import EXAMPLES, USAGE_ERROR, click_command, usage_sentence

__all__ = [
    "ENVIRONMENT_FILE",
    "EXIT_BAD_INPUT",
    "EXIT_DONE",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "WAITING",
    "call",
    "check_games",
    "load_environment_file",
    "one_line",
    "output_is_optional",
    "run_command",
    "run_command_of",
    "shortened",
    "warn",
    "warn_of_skipped",
]

EXIT_DONE = 0
EXIT_FAILED = 1
"""The run failed, or the agent does not meet what was required."""
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

MAX_GAMES = 1_000_000
"""Games of a pair that fit the memory, as all of them are played at once."""

ENVIRONMENT_FILE = "TTT_ENV_FILE"
"""The environment variable that names a file of further variables, such as a mounted Secret."""

MACHINE_TROUBLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    # A network folder that does not answer, or whose server was restarted.
    *(errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN),
}
"""What is wrong with the machine, not with the input: the same command may succeed later."""

WAITING = "one moment ..."
"""Shown on a terminal until there is something else to read, as imports alone may take a second."""

MAX_SKIPPED = 5
"""Warnings about things left out before the rest is only counted."""


def run_command(function: Callable[..., None]) -> None:
    """Run a function with Typer's annotations as a program."""
    command = click_command(function)
    sys.exit(call(lambda: command, f"ttt {command.name}" if command.name in EXAMPLES else None))


def run_command_of(module: str, name: str) -> None:
    """Do the same with a function of a module, imported when a terminal shows a sign of life."""
    sys.exit(call(lambda: click_command(getattr(import_module(module), name)), f"ttt {name}"))


def call(program: Callable[[], Any], name: str | None = None) -> int:
    """Run a command or a group and return its exit code; wrong usage gives one line on stderr.

    Args:
        program: Returns click's command.
        name: What its help calls it; None = as it was started.
    """
    show_log()
    sys.stdout, sys.stderr = _Output("stdout"), _Output("stderr", is_optional=True)
    # While a shell completes a line, the terminal shows that line.
    if sys.stderr.isatty() and "_TTT_COMPLETE" not in os.environ:
        sys.stderr.write_for_now(WAITING)
    try:
        return _run(program, name)
    finally:
        _Output.erase()


def output_is_optional() -> None:
    """Let the command succeed without its output, because its results are in files."""
    if isinstance(sys.stdout, _Output):
        sys.stdout.is_optional = True


def _run(program: Callable[[], Any], name: str | None) -> int:
    try:
        load_environment_file()
        code = int(program()(prog_name=name, standalone_mode=False) or EXIT_DONE)
        sys.stdout.flush()
    except InputError as error:
        warn(f"error: {error}")
        return EXIT_BAD_INPUT
    except USAGE_ERROR as error:
        warn(f"error: {usage_sentence(error)}")
        return EXIT_BAD_INPUT
    except OSError as error:
        # Of what a command was given: a folder that may not be read, a name that is too long.
        warn(f"error: {one_line(error)}")
        return EXIT_FAILED if error.errno in MACHINE_TROUBLE else EXIT_BAD_INPUT
    except typer.Abort:
        warn("interrupted")
        return EXIT_INTERRUPTED
    return code


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
    for number, line in enumerate(Path(name).read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip().isidentifier():
            raise InputError(f"{name}, line {number}: is not KEY=VALUE")
        os.environ.setdefault(key.strip(), value.strip())


def one_line(error: Exception) -> str:
    """Return what an error says, without the number of one from the operating system."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    place = f"{error.filename}: " if error.filename is not None else ""
    return f"{place}{error.strerror}"


def check_games(games: int) -> None:
    """Check an option `--games`.

    Raises:
        InputError: If it is odd, below 2 or above `MAX_GAMES`: half of the games are played in
            each seat.
    """
    if games % 2 or not 2 <= games <= MAX_GAMES:
        raise InputError(
            f"--games is {games}; half are played in each seat: give an even number, 2 to "
            f"{MAX_GAMES}"
        )


def shortened(name: str, room: int) -> str:
    """Return a name cut to so many characters; its end stays, which tells runs apart."""
    return name if len(name) <= room else "…" + name[1 - room :]


def warn(sentence: str) -> None:
    """Tell the user on stderr, in one line, which leaves stdout to results.

    A line break or a control character, which a file's name may hold, is shown by its number.
    """
    shown = (one if one.isprintable() else _escaped(one) for one in sentence)
    print("".join(shown), file=sys.stderr, flush=True)


def warn_of_skipped(reasons: Sequence[str]) -> None:
    """Tell which of many things were left out, in at most MAX_SKIPPED lines and one more."""
    for reason in reasons[:MAX_SKIPPED]:
        warn(f"warning: skipped: {reason}")
    if len(reasons) > MAX_SKIPPED:
        warn(f"warning: {len(reasons) - MAX_SKIPPED} more were skipped, too")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _Output:
    """A text stream that may be optional: then it is written to even if nobody can read it.

    A pager that was left, a terminal that is gone and a full disk must not end a training; nor
    must a character that the stream's encoding does not have, which is shown by its number.

    Args:
        name: "stdout" or "stderr"; the process may have been started without it.
        is_optional: Whether the command's results are complete without what is written here.
    """

    _for_now: ClassVar[tuple[_Output, str] | None] = None

    def __init__(self, name: str, *, is_optional: bool = False) -> None:
        stream = getattr(sys, name)
        self._stream = stream if stream is not None else Path(os.devnull).open("w")  # noqa: SIM115
        self._name = name
        self.is_optional = is_optional
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write the text.

        Raises:
            OSError: If that is impossible, and the stream is not optional.
        """
        _Output.erase()
        self._try(lambda: self._stream.write(text))
        return len(text)

    def write_for_now(self, text: str) -> None:
        """Write a text that stays until anything else is written, here or to another stream."""
        self.write(text)
        self.flush()
        _Output._for_now = self, text

    @classmethod
    def erase(cls) -> None:
        """Remove what was written for now."""
        if cls._for_now is not None:
            (stream, text), cls._for_now = cls._for_now, None
            stream.write(f"\r{' ' * len(text)}\r")
            stream.flush()

    def flush(self) -> None:
        """Flush what was written; raises as `write` does."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except OSError as error:
            # What is still in the buffer goes the same way, now and when the interpreter ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if not self.is_optional:
                raise OSError(error.errno, error.strerror, self._name) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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
    # W&B's own handler cannot write to a full disk, and would print a traceback for every line.
    logging.raiseExceptions = False
