"""`python -m ttt_rllib.evaluate AGENT`: how good an agent is; no ray, no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.agents.bundle import Bundle, BundleError
from ttt_rllib.commands import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, run_command, warn
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import (
    Report,
    certificate_json,
    evaluate_agent,
    find_bundle,
    same_certificate,
)
from ttt_rllib.evaluation.sampled import NUM_GAMES, SEED, SampledReport
from ttt_rllib.evaluation.text import NOT_PROVABLE, format_report
from ttt_rllib.exact.evaluation import ExactReport

__all__ = ["evaluate"]


class Requirement(StrEnum):
    """What an agent can be required to be."""

    unexploitable = "unexploitable"
    perfect = "perfect"


def evaluate(
    agent: Annotated[
        Path, typer.Argument(metavar="RUN_OR_CHECKPOINT_OR_BUNDLE", help="The agent's folder.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    require: Annotated[
        Requirement | None, typer.Option(help="Exit with 1 if the agent is not that good.")
    ] = None,
    games: Annotated[
        int, typer.Option(help="Sampled games against each player, where the game is large.")
    ] = NUM_GAMES,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampled games.")] = SEED,
) -> None:
    """Measure an agent exactly, and check its certificate if it has one.

    In a game with too many positions for that, sample games against three fixed players.

    Exit codes: 0 done, 1 the agent falls short or its certificate is wrong, 2 no agent.
    """
    try:
        _check_games(games)
        bundle = find_bundle(agent)
        stored = _stored_certificate(agent)
    except (BundleError, InputError) as error:
        warn(f"error: {error}")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    report = evaluate_agent(bundle, seed=seed, num_games=games)
    print(
        json.dumps(_as_json(bundle, report), indent=2) if as_json else format_report(bundle, report)
    )
    raise typer.Exit(_judge(agent, bundle, report, stored, require))


def _judge(
    agent: Path,
    bundle: Bundle,
    report: Report,
    stored: dict[str, Any] | None,
    require: Requirement | None,
) -> int:
    code = EXIT_DONE
    if isinstance(report, SampledReport):
        if stored is not None:
            warn(f"{agent / 'certificate.json'}: cannot be checked: {NOT_PROVABLE}")
            code = EXIT_FAILED
        if require is not None:
            warn(f"{agent}: cannot be proved {require}: {NOT_PROVABLE}")
            code = EXIT_FAILED
        return code
    if stored is not None:
        matches = same_certificate(certificate_json(bundle, report), stored)
        if not matches:
            warn(f"{agent / 'certificate.json'}: does not hold for these weights")
            code = EXIT_FAILED
    if require is not None and not getattr(report.certificate, require):
        warn(f"{agent}: not {require}")
        code = EXIT_FAILED
    return code


def _stored_certificate(agent: Path) -> dict[str, Any] | None:
    path = agent / "certificate.json"
    if not path.is_file():
        return None
    try:
        certificate = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BundleError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(certificate, dict):
        raise BundleError(f"{path}: holds no certificate")
    return certificate


def _check_games(games: int) -> None:
    if games < 2 or games % 2:
        raise InputError(
            f"--games is {games}; half are played in each seat: give an even number, 2 or more"
        )


def _as_json(bundle: Bundle, report: Report) -> dict[str, Any]:
    exact = report if isinstance(report, ExactReport) else None
    sampled = report if isinstance(report, SampledReport) else None
    return {
        "game": asdict(bundle.policy.game),
        "weights_sha256": bundle.sha256,
        "provenance": bundle.provenance,
        "metrics": report.metrics(),
        "certificate": certificate_json(bundle, exact) if exact else None,
        "sampled": sampled.as_json() if sampled else None,
    }


if __name__ == "__main__":
    run_command(evaluate)
