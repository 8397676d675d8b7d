"""`python -m ttt_rllib.evaluate AGENT`: the exact report of an agent; no ray, no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.assessment import (
    assess,
    certificate_json,
    describe,
    exact_metrics,
    find_bundle,
    same_certificate,
)
from ttt_rllib.bundle import Bundle, BundleError
from ttt_rllib.door import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, run, warn
from ttt_rllib.exact.report import ExactReport

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
) -> None:
    """Measure an agent exactly, and check its certificate if it has one.

    Exit codes: 0 done, 1 the agent falls short or its certificate is wrong, 2 no agent.
    """
    try:
        bundle = find_bundle(agent)
        stored = _stored_certificate(agent)
    except BundleError as error:
        warn(f"error: {error}")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    report = assess(bundle)
    print(json.dumps(_as_json(bundle, report), indent=2) if as_json else describe(bundle, report))
    raise typer.Exit(_judge(agent, bundle, report, stored, require))


def _judge(
    agent: Path,
    bundle: Bundle,
    report: ExactReport | None,
    stored: dict[str, Any] | None,
    require: Requirement | None,
) -> int:
    code = EXIT_DONE
    if stored is not None and report is not None:
        matches = same_certificate(certificate_json(bundle, report), stored)
        if not matches:
            warn(f"{agent / 'certificate.json'}: does not hold for these weights")
            code = EXIT_FAILED
    if require is not None and (report is None or not getattr(report.certificate, require)):
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


def _as_json(bundle: Bundle, report: ExactReport | None) -> dict[str, Any]:
    agent = {
        "game": asdict(bundle.policy.game),
        "weights_sha256": bundle.sha256,
        "provenance": bundle.provenance,
    }
    if report is None:
        return {**agent, "metrics": {}, "certificate": None}
    return {
        **agent,
        "metrics": exact_metrics(report),
        "certificate": certificate_json(bundle, report),
    }


if __name__ == "__main__":
    run(evaluate)
