"""An agent's figures and its certificate, as data.

They are exact where the game is small enough, else sampled, and say which they are.

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
from ttt_rllib.agents.bundle import Bundle, BundleError, load_bundle
from ttt_rllib.agents.policies import policy_table
from ttt_rllib.evaluation.sampled import NUM_GAMES, SEED, SampledReport, sampled_report
from ttt_rllib.exact.evaluation import ExactReport, evaluate, solved_game

__all__ = [
    "Report",
    "certificate_json",
    "evaluate_agent",
    "find_bundle",
    "is_done",
    "same_certificate",
]

Report = ExactReport | SampledReport
"""Exact figures wherever they can be had."""


def find_bundle(path: Path) -> Bundle:
    """Load the agent of a run, a checkpoint or a bundle folder, or of a file in one.

    Of a run that is not done, the newest checkpoint is taken.

    Raises:
        BundleError: If there is no agent, or it is damaged.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such folder; give a run, a checkpoint or a bundle")
    place = path.parent if path.is_file() else path
    folders = [place, place / "agent"]
    if not is_done(place):
        newest_first = sorted(
            place.glob("trials/*/checkpoint_*/agent/agent.json"),
            key=lambda file: file.stat().st_mtime,
            reverse=True,
        )
        folders = [place, *(file.parent for file in newest_first), place / "agent"]
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


def evaluate_agent(bundle: Bundle, *, seed: int = SEED, num_games: int = NUM_GAMES) -> Report:
    """Measure an agent: exactly, or by sampled games where its game has too many positions.

    Args:
        bundle: The agent.
        seed: Of the sampled games.
        num_games: Sampled games against each player, an even number.
    """
    truth = solved_game(bundle.policy.game)
    if truth is None:
        return sampled_report(bundle.policy, seed=seed, num_games=num_games)
    return evaluate(truth, policy_table(truth.positions, bundle.policy))


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
