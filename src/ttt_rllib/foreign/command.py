"""The command `prove`: an agent that was not made here, measured and proved like our own."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.commands import EXIT_DONE, EXIT_FAILED, warn
from ttt_rllib.errors import file_error
from ttt_rllib.evaluation.evaluate_agent import Report, evaluate_agent
from ttt_rllib.evaluation.requirement import Requirement, shortfall
from ttt_rllib.evaluation.text import format_figures
from ttt_rllib.evaluation.walk_lines import WalkLines
from ttt_rllib.exact.walks import MAX_POSITIONS
from ttt_rllib.foreign.checked import CheckedPolicy
from ttt_rllib.foreign.games import game_named
from ttt_rllib.foreign.loading import FORM, load
from ttt_rllib.foreign.recognition import recognise
from ttt_rllib.report.proof_page import proof_page
from ttt_rllib.runs.files import write_atomic

__all__ = ["prove"]


class SeatOption(StrEnum):
    """The only seat that an agent plays."""

    x = "x"
    o = "o"


def prove(
    agent: Annotated[
        str,
        typer.Argument(
            metavar=FORM, help="An object in a module, an ONNX file, or a checkpoint of RLlib."
        ),
    ],
    game: Annotated[
        str | None,
        typer.Option(
            metavar="GAME",
            help="tictactoe, connect_four, or rows=4,cols=4,connect=4,gravity=true.",
        ),
    ] = None,
    seat: Annotated[SeatOption | None, typer.Option(help="The only seat that it plays.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    require: Annotated[
        Requirement | None, typer.Option(help="Exit with 1 if the agent falls short.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page.")] = None,
    max_positions: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Limit on the positions visited for a proof in each seat, if the game is large.",
        ),
    ] = MAX_POSITIONS,
) -> None:
    """Measure an agent made elsewhere, and prove what can be proved about it.

    The agent is a function, a model of Stable-Baselines3, a policy of OpenSpiel, an ONNX model or
    an RLModule. Its answers are checked: they must be probabilities of legal moves, and the same
    when it is asked again.

    Exit codes: 0 done, 1 the agent falls short, 2 no agent, or an answer that is not a policy.
    """
    rules = None if game is None else game_named(game)
    policy = recognise(load(agent), rules, name=agent)
    report = evaluate_agent(
        policy,
        seat=None if seat is None else seat.value,
        max_positions=max_positions,
        on_ply=WalkLines(warn),
    )
    if html is not None:
        page = proof_page(policy.name, policy.kind, policy, report)
        try:
            write_atomic(html, page)
        except OSError as error:
            raise file_error(html, "cannot be written", error) from None
    if as_json:
        print(json.dumps(_as_json(policy, report), indent=2))
    else:
        about = {"agent": f"{policy.name}, {policy.kind}"}
        print(format_figures(policy.game, about, report, shutil.get_terminal_size().columns))
        if html is not None:
            print(f"\npage: {html}")
    raise typer.Exit(_judge(policy.name, report, require))


def _judge(name: str, report: Report, require: Requirement | None) -> int:
    short = None if require is None else shortfall(report.certificate, require)
    if short is None:
        return EXIT_DONE
    warn(f"{name}: {short}")
    return EXIT_FAILED


def _as_json(policy: CheckedPolicy, report: Report) -> dict[str, Any]:
    certificate, sampled = report.certificate, report.sampled
    return {
        "agent": policy.name,
        "kind": policy.kind,
        "game": asdict(policy.game),
        "seat": report.seat,
        "metrics": report.metrics(),
        "certificate": asdict(certificate) if certificate else None,
        "sampled": sampled.as_json() if sampled else None,
    }
