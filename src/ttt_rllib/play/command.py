"""`python -m ttt_rllib.play [AGENT]`: play against an agent; no ray, no torch.

It chooses the agent, reads lines and prints answers; `dialogue` decides what they say.
"""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ttt_rllib.agents.bundle import BundleError
from ttt_rllib.analysis.game_record import Seat
from ttt_rllib.commands import EXIT_BAD_INPUT, EXIT_DONE, EXIT_INTERRUPTED, warn, warn_of_skipped
from ttt_rllib.config.completion import complete_run
from ttt_rllib.errors import InputError
from ttt_rllib.play.agents import Agent, choose_agent, list_agents
from ttt_rllib.play.terminal.board_text import ansi, no_colour
from ttt_rllib.play.terminal.dialogue import Dialogue

__all__ = ["play"]

PIPE_WIDTH = 80
"""Columns of a transcript, which is the same on every machine."""

MIN_WIDTH, MAX_WIDTH = 20, 80

HOST, PORT = "127.0.0.1", 8000
"""Where the page is served unless told otherwise."""


class SeatChoice(StrEnum):
    """Where the person sits."""

    x = "x"
    o = "o"
    ask = "ask"


def play(
    agent: Annotated[
        str | None,
        typer.Argument(
            metavar="AGENT",
            help="A run, checkpoint or bundle, or a name that --list shows; without it the "
            "newest run, else an unbeatable agent of the package.",
            show_default=False,
            autocompletion=complete_run,
        ),
    ] = None,
    seat: Annotated[
        SeatChoice | None,
        typer.Option(
            help="Your seat; X moves first. A terminal asks; in a pipe it is X.",
            case_sensitive=False,
        ),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Make an agent that draws its moves repeat them."),
    ] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all results.")] = Path(
        "results"
    ),
    list_: Annotated[bool, typer.Option("--list", help="List the agents and exit.")] = False,
    web: Annotated[bool, typer.Option("--web", help="Play in the browser.")] = False,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="With --web: the address to listen on.")
    ] = HOST,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="With --web: the port.")
    ] = PORT,
) -> None:
    """Play against an agent, with the exact verdict on every move.

    Exit codes: 0 done, 2 no such agent, 130 interrupted.
    """
    code = EXIT_DONE
    try:
        number = _seed(seed, web=web)
        _check_place(seat, host, port, web=web)
        if list_:
            _show_list(results)
        elif web:
            _serve(agent, results, host, port)
        else:
            _play(choose_agent(agent, results), seat, number)
    except (BundleError, InputError) as error:
        warn(f"error: {error}")
        code = EXIT_BAD_INPUT
    except EOFError:
        pass
    except KeyboardInterrupt:
        warn("")
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


def _play(agent: Agent, seat: SeatChoice | None, seed: int | None) -> None:
    """Play until the person leaves.

    Raises:
        EOFError: At the end of the input.
    """
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    dialogue = Dialogue(
        agent,
        np.random.default_rng(seed),
        _width() if interactive else PIPE_WIDTH,
        ansi if interactive and _has_colour() else no_colour,
    )
    print(dialogue.introduction())
    answer: str | None = dialogue.start(_seat(seat, interactive=interactive))
    while answer is not None:
        print(answer, end="\n" if answer else "", flush=True)
        answer = dialogue.answer(_read(dialogue.prompt, interactive=interactive))


def _seed(text: str | None, *, web: bool) -> int | None:
    """Return the seed; None if there is none.

    Raises:
        InputError: If it is not an integer of 0 or more, or if the page will be served.
    """
    if text is None:
        return None
    if not text.isdecimal():
        raise InputError(f"--seed {text}: a seed is a whole number, 0 or greater; such as --seed 1")
    if web:
        raise InputError(f"--seed {text}: is for the terminal; drop it, or drop --web")
    return int(text)


def _check_place(seat: SeatChoice | None, host: str, port: int, *, web: bool) -> None:
    """Refuse what only the page has, or only the terminal.

    Raises:
        InputError: If it would do nothing.
    """
    if web and seat is not None:
        raise InputError(
            f"--seat {seat.value}: is for the terminal; choose who sits where on the page"
        )
    for option, given, default in (("--host", host, HOST), ("--port", port, PORT)):
        if not web and given != default:
            raise InputError(f"{option} {given}: is the page's; add --web, or drop {option}")


def _seat(choice: SeatChoice | None, *, interactive: bool) -> Seat:
    """Return the seat, asking for it if necessary.

    Raises:
        EOFError: If the input ends before an answer.
    """
    if choice is None:
        choice = SeatChoice.ask if interactive else SeatChoice.x
    answer = choice.value
    while answer not in ("x", "o"):
        if answer != SeatChoice.ask:
            print("answer x or o; X moves first")
        answer = _read("your seat, x or o? ", interactive=interactive).strip().lower()
    return "X" if answer == "x" else "O"


def _read(prompt: str, *, interactive: bool) -> str:
    """Return the next line; a pipe gets no prompt.

    Raises:
        EOFError: At the end of the input.
    """
    if interactive:
        try:
            return input(prompt)
        except EOFError:
            print()
            raise
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, MIN_WIDTH), MAX_WIDTH)


def _has_colour() -> bool:
    """Tell whether colours are wanted: no-color.org and dumb terminals turn them off."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _show_list(results: Path) -> None:
    listed = list_agents(results)
    for agent in listed.agents:
        about = "; ".join(filter(None, (agent.verdict, agent.knowledge)))
        print(agent.slug, *([f"({about})"] if about else []))
    warn_of_skipped([skipped.reason for skipped in listed.skipped])


def _serve(agent: str | None, results: Path, host: str, port: int) -> None:
    # Imported late, so that a game in the terminal does not wait for a web server.
    from ttt_rllib.play.web.app import serve

    serve(agent, results, host, port)
