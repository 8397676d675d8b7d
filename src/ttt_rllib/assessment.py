"""An agent's exact figures and its certificate, as data and as text.

Used by `train` at the end of a run and by `evaluate` at any time, so that both say the
same; needs neither ray nor torch.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import ttt_rllib
from ttt_rllib.bundle import Bundle, BundleError, load_bundle
from ttt_rllib.exact.report import ExactReport, evaluate, known_truth
from ttt_rllib.policies import policy_table

__all__ = [
    "assess",
    "certificate_json",
    "describe",
    "exact_metrics",
    "find_bundle",
    "is_done",
    "same_certificate",
    "verdict",
]

LINES_SHOWN = 5


def find_bundle(path: Path) -> Bundle:
    """Load the agent of a run, a checkpoint or a bundle folder, or of a file in one.

    Of a run that is not done, the newest checkpoint is taken.

    Raises:
        BundleError: If there is no agent, or it is damaged.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such folder; give a run, a checkpoint or a bundle")
    if path.is_file():
        path = path.parent
    folders = [path, path / "agent"]
    if not is_done(path):
        newest_first = sorted(
            path.glob("trials/*/checkpoint_*/agent/agent.json"),
            key=lambda file: file.stat().st_mtime,
            reverse=True,
        )
        folders = [path, *(file.parent for file in newest_first), path / "agent"]
    for folder in folders:
        if (folder / "agent.json").exists() or (folder / "weights.npz").exists():
            return load_bundle(folder)
    raise BundleError(f"{path}: holds no agent; give a run, a checkpoint or a bundle")


def is_done(run: Path) -> bool:
    """Tell whether a run came to its end, neither interrupted nor failed."""
    try:
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and summary.get("status") == "done"


def assess(bundle: Bundle) -> ExactReport | None:
    """Measure an agent exactly; None where its game has too many positions."""
    truth = known_truth(bundle.policy.game)
    if truth is None:
        return None
    return evaluate(truth, policy_table(truth.positions, bundle.policy))


def exact_metrics(report: ExactReport) -> dict[str, float]:
    """Return the `exact/*` metrics of a report, by the names under which training logs them."""
    return {f"exact/{name}": figure for name, figure in report.metrics().items()}


def certificate_json(bundle: Bundle, report: ExactReport) -> dict[str, Any]:
    """Return `certificate.json`: the verdict, what was checked, the weights' hash, versions."""
    return {
        **asdict(report.certificate),
        "game": asdict(bundle.policy.game),
        "weights_sha256": bundle.sha256,
        "versions": {
            "ttt_rllib": ttt_rllib.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def same_certificate(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Tell whether two certificates say the same of the same weights; versions may differ."""

    def claims(certificate: Mapping[str, Any]) -> dict[str, Any]:
        # Through JSON, so that tuples and lists compare as equal.
        plain: dict[str, Any] = json.loads(json.dumps(certificate))
        plain.pop("versions", None)
        return plain

    return claims(ours) == claims(theirs)


def describe(bundle: Bundle, report: ExactReport | None) -> str:
    """Return the assessment as lines of text for people, at most 80 columns wide."""
    game = bundle.policy.game
    title = f"{game.rows} x {game.cols}, connect {game.connect}" + ", gravity" * game.gravity
    if report is None:
        return f"{title}: too many positions for exact evaluation"
    certificate = report.certificate
    ceilings = report.ceilings
    lines = [
        verdict(report),
        "",
        f"game                  {title}",
        f"weights               sha256 {bundle.sha256[:16]}...",
        f"positions checked     {certificate.positions_as_x} as X, {certificate.positions_as_o} "
        "as O: all that any opponent can reach",
        f"optimal moves         {report.optimal_move_rate:.2%}, {certificate.mistakes} mistakes "
        f"in {certificate.decision_positions} decision positions",
        f"NashConv              {report.nash_conv_greedy:.4f} greedy, "
        f"{report.nash_conv:.4f} stochastic",
        f"against random as X   {report.score_vs_random_x:.4f} of at best {ceilings.as_x:.4f}",
        f"against random as O   {report.score_vs_random_o:.4f} of at best {ceilings.as_o:.4f}",
    ]
    if certificate.losing_lines:
        lines += ["", f"shortest of {certificate.losing_line_count} losing games (action numbers):"]
        lines += [
            f"  as {line.seat.upper()}: {' '.join(map(str, line.moves))}"
            for line in certificate.losing_lines[:LINES_SHOWN]
        ]
    return "\n".join(lines)


def verdict(report: ExactReport) -> str:
    """Return the verdict in one sentence."""
    certificate = report.certificate
    if certificate.perfect:
        return "perfect: every move in every position of the game keeps its value"
    if certificate.unexploitable:
        return (
            "unexploitable: no opponent whatever beats it"
            if certificate.game_value == 0
            else "unexploitable: no opponent whatever gets more than perfect play gives"
        )
    return (
        f"exploitable: opponents can bring about {certificate.losing_positions} positions "
        f"that give the game away"
    )
