"""`python -m ttt_rllib.evaluate AGENT`: how good an agent is; no ray, no torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.agents.bundle import Bundle, BundleError
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.commands import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    EXIT_FAILED,
    check_games,
    run_command,
    warn,
)
from ttt_rllib.config.completion import complete_run
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import Report, evaluate_agent
from ttt_rllib.evaluation.requirement import Requirement, shortfall
from ttt_rllib.evaluation.sampled import NUM_GAMES, SEED
from ttt_rllib.evaluation.text import format_report
from ttt_rllib.evaluation.walk_lines import WalkLines
from ttt_rllib.exact.solved_game import NOT_EXACT
from ttt_rllib.exact.walks import MAX_POSITIONS
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.certificate_check import certificate_fault
from ttt_rllib.runs.certificate_json import (
    CERTIFICATE_FILE,
    AgentCertificate,
    certificate_of,
    read_certificate,
)

__all__ = ["evaluate"]


def evaluate(
    agent: Annotated[
        Path,
        typer.Argument(
            metavar="AGENT",
            help="A run, a checkpoint or a bundle.",
            autocompletion=complete_run,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    require: Annotated[
        Requirement | None, typer.Option(help="Exit with 1 if the agent falls short.")
    ] = None,
    games: Annotated[
        int,
        typer.Option(
            metavar="N", help="Sampled games against each baseline, if the game is large."
        ),
    ] = NUM_GAMES,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed of the sampled games.")
    ] = SEED,
    max_positions: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Limit on the positions visited for a proof in each seat, if the game is large.",
        ),
    ] = MAX_POSITIONS,
) -> None:
    """Measure an agent, prove what can be proved, and check its certificate if it has one.

    If the game has too many positions to enumerate, those to which opponents can bring the agent
    are visited, and games are sampled against three baselines.

    Exit codes: 0 done, 1 the agent falls short or its certificate is wrong, 2 no agent.
    """
    try:
        check_games(games)
        bundle = find_bundle(agent)
        stored = read_certificate(_certificate_file(agent))
    except (BundleError, InputError) as error:
        warn(f"error: {error}")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    report = evaluate_agent(
        bundle.policy,
        seed=seed,
        num_games=games,
        max_positions=max_positions,
        on_ply=WalkLines(warn),
    )
    if as_json:
        print(json.dumps(_as_json(bundle, report), indent=2))
    else:
        print(format_report(bundle, report, shutil.get_terminal_size().columns))
    raise typer.Exit(_judge(agent, bundle, report, stored, require))


def _certificate_file(agent: Path) -> Path:
    """Return where the certificate of an agent lies, which may be given as a file in its folder."""
    return (agent.parent if agent.is_file() else agent) / CERTIFICATE_FILE


def _judge(
    agent: Path,
    bundle: Bundle,
    report: Report,
    stored: AgentCertificate | None,
    require: Requirement | None,
) -> int:
    certificate = report.certificate
    wrong = []
    if stored is not None:
        if certificate is None:
            wrong.append(f"{_certificate_file(agent)}: cannot be checked: {NOT_EXACT}")
        elif fault := certificate_fault(bundle, certificate_of(bundle, certificate), stored):
            wrong.append(f"{_certificate_file(agent)}: {fault}")
    if require is not None and (short := shortfall(certificate, require)):
        wrong.append(f"{agent}: {short}")
    for sentence in wrong:
        warn(sentence)
    return EXIT_FAILED if wrong else EXIT_DONE


def _as_json(bundle: Bundle, report: Report) -> dict[str, Any]:
    certificate, sampled = report.certificate, report.sampled
    return {
        "game": bundle.policy.game.as_json(),
        "inputs": list(bundle.policy.inputs.names),
        "lookahead": bundle.policy.plies if isinstance(bundle.policy, LookaheadPolicy) else None,
        "weights_sha256": bundle.weights_sha256,
        "agent_sha256": bundle.agent_sha256,
        "provenance": bundle.provenance,
        "metrics": report.metrics(),
        "certificate": certificate_of(bundle, certificate).as_json() if certificate else None,
        "sampled": sampled.as_json() if sampled else None,
    }


if __name__ == "__main__":
    run_command(evaluate)
