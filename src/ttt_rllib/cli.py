"""The `ttt` command: every command of the package as a subcommand.

A command's module is imported when it runs, so that help and shell completion come at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import ttt_rllib
from ttt_rllib.commands import call
from ttt_rllib.config.experiment_files import shipped_experiments
from ttt_rllib.errors import InputError, did_you_mean
from ttt_rllib.program import HELP_NAMES, Group, click_command

__all__ = ["COMMANDS", "main", "subcommand"]


class Subcommand(NamedTuple):
    """A command of `ttt`.

    Attributes:
        module: Where a function of its name is.
        about: What it does, for the list of commands.
    """

    module: str
    about: str


COMMANDS = {
    "train": Subcommand(
        "ttt_rllib.train.command", "Train an agent by self-play, and prove how good it is."
    ),
    "evaluate": Subcommand(
        "ttt_rllib.evaluate", "Measure an agent, and prove what can be proved about it."
    ),
    "prove": Subcommand(
        "ttt_rllib.foreign.command",
        "Measure and prove an agent made elsewhere.",
    ),
    "play": Subcommand(
        "ttt_rllib.play.command", "Play against an agent, with the exact verdict on every move."
    ),
    "report": Subcommand(
        "ttt_rllib.report.command", "Write the page of a run, which opens offline."
    ),
    "runs": Subcommand("ttt_rllib.runs.command", "List all runs, and what each one proved."),
    "compare": Subcommand(
        "ttt_rllib.compare", "Compare runs over their seeds, with curves and intervals."
    ),
    "export": Subcommand("ttt_rllib.export", "Write an agent as files that load with NumPy alone."),
    "tournament": Subcommand(
        "ttt_rllib.tournament", "Play every agent against every other, exactly, with ratings."
    ),
    "submit": Subcommand(
        "ttt_rllib.submit", "Put a run's agent on the leaderboard, after verifying it."
    ),
    "settings": Subcommand(
        "ttt_rllib.settings", "Show all settings, or one, with type, default and meaning."
    ),
}

OTHER_WORDS = {
    **dict.fromkeys(("run", "learn", "fit", "tune", "search", "start"), "ttt train ppo"),
    **dict.fromkeys(("resume", "continue"), "ttt train --resume RUN"),
    **dict.fromkeys(("eval", "test", "check", "verify"), "ttt evaluate RUN"),
    **dict.fromkeys(("list", "ls", "agents"), "ttt play --list"),
    **dict.fromkeys(("web", "serve", "ui"), "ttt play --web"),
    **dict.fromkeys(("config", "options", "params", "defaults"), "ttt settings"),
    **dict.fromkeys(("save", "onnx"), "ttt export RUN --to DIR"),
    **dict.fromkeys(("publish", "leaderboard"), "ttt submit RUN"),
    **dict.fromkeys(("elo", "rate", "rank", "match"), "ttt tournament AGENT..."),
    "help": "ttt --help",
    "version": "ttt --version",
    "plot": "ttt report RUN",
    "plan": "ttt train ppo --plan",
    "tensorboard": "tensorboard --logdir RUN/trials",
}
"""What other programs call what the commands do."""


def main() -> None:
    """Run the command line.

    A module in the working directory, such as an environment, is found as by `python -m`.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    sys.exit(call(_program, "ttt"))


def subcommand(name: str) -> Any:
    """Return a command as click sees it; its module is imported."""
    return click_command(getattr(import_module(COMMANDS[name].module), name))


class _Program(Group):
    """The program, whose commands are stand-ins until one of them is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that the words name, imported.

        Raises:
            InputError: If there is none.
        """
        word = args[0]
        if word in COMMANDS:
            return word, subcommand(word), args[1:]
        if ctx.resilient_parsing or word.startswith("-"):
            return super().resolve_command(ctx, args)
        raise InputError(f"there is no command {word!r}{_meant(word)}")


def _meant(word: str) -> str:
    if word in OTHER_WORDS:
        return f"; did you mean {OTHER_WORDS[word]}?"
    if word.endswith((".yaml", ".yml")) or word in shipped_experiments():
        return f"; did you mean ttt train {word}?"
    return did_you_mean(word, list(COMMANDS)).replace("did you mean ", "did you mean ttt ")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ttt_rllib {ttt_rllib.__version__}")
        raise typer.Exit


def _program() -> Any:
    app = typer.Typer(
        name="ttt",
        cls=_Program,
        context_settings=HELP_NAMES,
        pretty_exceptions_enable=False,
    )

    @app.callback(
        help="Self-play reinforcement learning on RLlib that proves its result.",
        epilog="Begin with: ttt train ppo",
    )
    def ttt(
        version: Annotated[
            bool,
            typer.Option(
                "--version",
                callback=_show_version,
                is_eager=True,
                help="Show the version and exit.",
            ),
        ] = False,
    ) -> None:
        """Do what all commands have in common, which is nothing."""

    for name, command in COMMANDS.items():
        app.command(name, help=command.about)(_stand_in)
    return typer.main.get_command(app)


def _stand_in() -> None:
    """Stand for a command in the list."""
