"""Functions with Typer's annotations as commands with help and answers that people can read.

What differs from Typer: help can be read at any width, a flag is shown without `<bool>` and a named
argument without its type, a program without words shows its help, and a wrong option is answered
with the one that was meant.
"""

from __future__ import annotations

import difflib
import inspect
import os
import shutil
from collections.abc import Callable, Sequence, Set
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ttt_rllib.errors import InputError

__all__ = [
    "EXAMPLES",
    "HELP_NAMES",
    "USAGE_ERROR",
    "Command",
    "Group",
    "click_command",
    "explains_options",
    "usage_sentence",
]

# Typer exports only this one of click's classes; all usage errors derive from its base.
USAGE_ERROR: Any = typer.BadParameter.__base__

HELP_NAMES = {"help_option_names": ["-h", "--help"]}

EXAMPLES = {
    "runs": "ttt runs",
    "compare": "ttt compare results/ppo/* --html compared.html",
    "train": "ttt train ppo seed=1",
    "evaluate": "ttt evaluate results/ppo/RUN",
    "prove": "ttt prove my_module:agent",
    "export": "ttt export results/ppo/RUN --to agent",
    "report": "ttt report results/ppo/RUN",
    "play": "ttt play --web",
    "tournament": "ttt tournament perfect random",
    "submit": "ttt submit results/ppo/RUN",
    "settings": "ttt settings training.lr",
}
"""An example of each command, for its help and for messages about missing arguments."""

NARROW = 60
"""Columns below which help is plain text, since a table would cut the names of the options."""


class _Readable:
    """What our commands do differently from Typer's.

    Help can be read at any width, a flag is shown as `--plan`, without `<bool>`, an argument as
    `KEY=VALUE`, without `<list[str]>`, and an option that does not exist is answered with the one
    that was meant.

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
            elif param.param_type_name == "argument" and param.metavar:
                # The name says what it is; there is no setting for the type alone.
                param.display_type = _no_type
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

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line.

        Raises:
            InputError: If an option does not exist, or a word is empty.
        """
        if not ctx.resilient_parsing:
            takers = [one for one in self.get_params(ctx) if not getattr(one, "is_flag", False)]
            _refuse_empty(args, {name for one in takers for name in one.opts})
        words = super().parse_args(ctx, args)
        ctx.params.update({name: _at_home(given) for name, given in ctx.params.items()})
        return words


class Group(_Readable, TyperGroup):
    """A program of several commands, which shows its help if it is called without any."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, as click asks for it: its own would cut what they do."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self.commands[name].help) for name in self.list_commands(ctx)]
            )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line."""
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)


def _refuse_empty(words: Sequence[str], options: Set[str]) -> None:
    """Refuse an empty word, which as a path would mean the working directory.

    Args:
        words: Those of the command line.
        options: The options that take a value.

    Raises:
        InputError: If there is one.
    """
    for before, word in pairwise(("", *words)):
        option, equals, value = word.partition("=")
        is_option = word.startswith("--") and equals and not value
        if not word or is_option:
            which = option if is_option else before if before in options else "an argument"
            raise InputError(f"{which}: is empty; is a variable of the shell not set?")


def _at_home(given: Any) -> Any:
    """Return a path, or several, with what ~ stands for; a shell leaves that of `--to=~/x`."""
    if isinstance(given, (list, tuple)):
        return type(given)(map(_at_home, given))
    return Path(os.path.expanduser(given)) if isinstance(given, Path) else given  # noqa: PTH111


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
    app.command(
        name, cls=Command, help=_help(function), epilog=epilog, context_settings=HELP_NAMES
    )(function)
    command: Any = typer.main.get_command(app)
    command.explain_option = getattr(function, "explain_option", None)
    return command


def _help(function: Callable[..., None]) -> str:
    """Return a docstring with a line per paragraph, which can then be wrapped at any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def _no_type(*_: Any, **__: Any) -> str:
    return ""


def usage_sentence(error: Any) -> str:
    """Return what is wrong with the words of a command line, with an example or the help."""
    sentence = error.format_message().rstrip(".").replace(": Value error, ", ": ")
    name = error.ctx.command.name if error.ctx else None
    if sentence.startswith("Missing") and name in EXAMPLES:
        return f"{sentence}; for example {EXAMPLES[name]}"
    return f"{sentence}; see ttt {name} --help" if name in EXAMPLES else f"{sentence}; see --help"
