"""What all commands share: exit codes, warnings on stderr, and turning functions into programs."""

from __future__ import annotations

import difflib
import errno
import io
import logging
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ttt_rllib.errors import InputError

__all__ = [
    "ENVIRONMENT_FILE",
    "EXIT_BAD_INPUT",
    "EXIT_DONE",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "Command",
    "Group",
    "call",
    "click_command",
    "explains_options",
    "load_environment_file",
    "one_line",
    "output_is_optional",
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

MACHINE_TROUBLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    # A network folder that does not answer, or whose server was restarted.
    *(errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN),
}
"""What is wrong with the machine, not with the input: the same command may succeed later."""

# Typer exports only this one of click's classes; all usage errors derive from its base.
USAGE_ERROR: Any = typer.BadParameter.__base__


HELP_NAMES = {"help_option_names": ["-h", "--help"]}

EXAMPLES = {
    "train": "ttt train ppo seed=1",
    "evaluate": "ttt evaluate results/ppo/RUN",
    "export": "ttt export results/ppo/RUN --to agent",
    "report": "ttt report results/ppo/RUN",
    "play": "ttt play --web",
    "tournament": "ttt tournament perfect random",
    "settings": "ttt settings training.lr",
}
"""A sound command line of each command, for its help and for whoever left something out."""


NARROW = 60
"""Columns below which help is plain text, since a table would cut the names of the options."""


class _Readable:
    """What our commands do in another way than Typer's.

    Help can be read at any width, a flag is shown as `--plan`, without `<bool>`, and an option
    that does not exist is answered with the one that was meant.

    Attributes:
        explain_option: Says what was meant by an option that does not exist; None = what is
            spelled like it.
    """

    rich_markup_mode: Any
    explain_option: Callable[[str], str] | None = None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, as click asks for it."""
        columns = shutil.get_terminal_size().columns
        if columns < NARROW:
            self.rich_markup_mode = None
            formatter.width = columns
            formatter.write_dl = partial(formatter.write_dl, col_max=columns // 2)
        super().format_help(ctx, formatter)  # type: ignore[misc]  # click's

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, as click asks for them."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # click's
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line.

        Raises:
            InputError: If an option does not exist.
        """
        try:
            words: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]  # click's
        except USAGE_ERROR as error:
            option = getattr(error, "option_name", None)
            if option is None or not error.message.startswith("No such option"):
                raise
            meant = self._meant(ctx, option)
            raise InputError(
                f"No such option: {option}{meant}; see {ctx.command_path} --help"
            ) from None
        return words

    def _meant(self, ctx: Any, option: str) -> str:
        explained = self.explain_option(option) if self.explain_option else ""
        known = [name for one in self.get_params(ctx) for name in one.opts]
        close = difflib.get_close_matches(option, known, n=1)
        return explained or (f"; did you mean {close[0]}?" if close else "")


class Command(_Readable, TyperCommand):
    """A command of the program."""


class Group(_Readable, TyperGroup):
    """A program of several commands, which shows its help if it is called without any."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line."""
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)


def explains_options(explain: Callable[[str], str]) -> Callable[[Any], Any]:
    """Return a decorator of a command, whose unknown options this function explains.

    Args:
        explain: Returns a clause that begins with "; ", or "" where it knows nothing.
    """

    def mark(function: Any) -> Any:
        function.explain_option = explain
        return function

    return mark


def click_command(function: Callable[..., None]) -> Any:
    """Return a function with Typer's annotations as a command, named after it."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    name = function.__name__
    example = EXAMPLES.get(name)
    epilog = f"Example: {example}" if example else None
    app.command(name, cls=Command, epilog=epilog, context_settings=HELP_NAMES)(function)
    command: Any = typer.main.get_command(app)
    command.explain_option = getattr(function, "explain_option", None)
    return command


def run_command(function: Callable[..., None]) -> None:
    """Run a function with Typer's annotations as a program."""
    command = click_command(function)
    sys.exit(call(command, f"ttt {command.name}" if command.name in EXAMPLES else None))


def call(program: Any, name: str | None = None) -> int:
    """Run a command or a group and return its exit code; wrong usage gives one line on stderr.

    Args:
        program: click's command.
        name: What its help calls it; None = as it was started.
    """
    show_log()
    sys.stdout, sys.stderr = _Output("stdout"), _Output("stderr", is_optional=True)
    return _run(program, name)


def output_is_optional() -> None:
    """Let the command succeed without its output, because its results are in files."""
    if isinstance(sys.stdout, _Output):
        sys.stdout.is_optional = True


def _run(program: Any, name: str | None) -> int:
    try:
        load_environment_file()
        code = int(program(prog_name=name, standalone_mode=False) or EXIT_DONE)
        sys.stdout.flush()
    except InputError as error:
        warn(f"error: {error}")
        return EXIT_BAD_INPUT
    except USAGE_ERROR as error:
        warn(f"error: {_usage_sentence(error)}")
        return EXIT_BAD_INPUT
    except OSError as error:
        # Of what a command was given: a folder that may not be read, a name that is too long.
        warn(f"error: {one_line(error)}")
        return EXIT_FAILED if error.errno in MACHINE_TROUBLE else EXIT_BAD_INPUT
    except typer.Abort:
        warn("interrupted")
        return EXIT_INTERRUPTED
    return code


def _usage_sentence(error: Any) -> str:
    """Return what is wrong with the words of a command line, with an example or the help."""
    sentence = error.format_message().rstrip(".").replace(": Value error, ", ": ")
    name = error.ctx.command.name if error.ctx else None
    if sentence.startswith("Missing") and name in EXAMPLES:
        return f"{sentence}; for example {EXAMPLES[name]}"
    return f"{sentence}; see ttt {name} --help" if name in EXAMPLES else f"{sentence}; see --help"


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


def one_line(error: Exception) -> str:
    """Return what an error says, without the number of one from the operating system."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    place = f"{error.filename}: " if error.filename is not None else ""
    return f"{place}{error.strerror}"


def warn(sentence: str) -> None:
    """Tell the user on stderr, in one line, which leaves stdout to results.

    A line break or a control character, which a file's name may hold, is shown by its number.
    """
    shown = (one if one.isprintable() else _escaped(one) for one in sentence)
    print("".join(shown), file=sys.stderr, flush=True)


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
        self._try(lambda: self._stream.write(text))
        return len(text)

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
