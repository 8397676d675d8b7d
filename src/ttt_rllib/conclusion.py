"""The end of a run: the agent, its certificate, the metrics and the summary in their places."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ttt_rllib
from ttt_rllib.assessment import assess, certificate_json, verdict
from ttt_rllib.bundle import Bundle, load_bundle
from ttt_rllib.exact.report import ExactReport
from ttt_rllib.experiment import Experiment
from ttt_rllib.metrics import flatten
from ttt_rllib.rundir import MetricsFile, RunDir, write_json
from ttt_rllib.tracking import METRICS_FILE
from ttt_rllib.tuning import TrialOutcome

__all__ = ["conclude"]

PHASES = ("sample_s", "learn_s", "sync_s", "eval_s")
PACKAGES = ("ray", "torch", "numpy", "gymnasium", "pettingzoo")


def conclude(
    experiment: Experiment, run: RunDir, outcome: TrialOutcome, wall_s: dict[str, float]
) -> tuple[Bundle, ExactReport | None] | None:
    """Write everything a finished, failed or interrupted run has to show.

    Args:
        experiment: What ran.
        run: Where to.
        outcome: What is left of the best trial.
        wall_s: Wall seconds of the phases around the training.

    Returns:
        The agent and its exact figures; None if there is no checkpoint.
    """
    rows: list[dict[str, str]] = []
    if outcome.folder and (outcome.folder / METRICS_FILE).is_file():
        shutil.copyfile(outcome.folder / METRICS_FILE, run.metrics)
        rows = MetricsFile(run.metrics).rows()
    assessed = _assess(run, outcome.checkpoint)
    report = assessed[1] if assessed else None
    summary = {
        "experiment": experiment.name,
        "run": run.path.name,
        "status": _status(outcome),
        "verdict": verdict(report) if report else None,
        "error": outcome.error,
        "best_trial": outcome.folder.name if outcome.folder else None,
        "checkpoint": _relative(outcome.checkpoint, run),
        "moves": int(flatten(outcome.result).get("play/moves", 0)),
        "metrics": flatten(outcome.result),
        "wall_s": {**wall_s, **_phases(rows)},
        "seeds": [experiment.seed],
        "versions": _versions(),
        "git_commit": _git_commit(),
        "machine": _machine(),
    }
    write_json(run.summary, summary)
    return assessed


def _assess(run: RunDir, checkpoint: Path | None) -> tuple[Bundle, ExactReport | None] | None:
    if checkpoint is None:
        return None
    part = run.path / ".agent.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(checkpoint / "agent", part)
    shutil.rmtree(run.agent, ignore_errors=True)
    part.rename(run.agent)
    bundle = load_bundle(run.agent)
    report = assess(bundle)
    if report is not None:
        write_json(run.certificate, certificate_json(bundle, report))
    return bundle, report


def _status(outcome: TrialOutcome) -> str:
    if outcome.interrupted:
        return "interrupted"
    return "failed" if outcome.error else "done"


def _phases(rows: list[dict[str, str]]) -> dict[str, float]:
    """Add up the phases of all iterations."""
    return {
        name: round(sum(float(row[f"perf/{name}"] or 0.0) for row in rows), 3) for name in PHASES
    }


def _relative(path: Path | None, run: RunDir) -> str | None:
    return str(path.relative_to(run.path)) if path and path.is_relative_to(run.path) else None


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in PACKAGES}
    return {"ttt_rllib": ttt_rllib.__version__, "python": platform.python_version(), **packages}


def _git_commit() -> str | None:
    """Return the commit of the source tree, None outside one."""
    git = shutil.which("git")
    if git is None:
        return None
    here, describe = str(Path(__file__).parent), ("describe", "--always", "--dirty", "--abbrev=40")
    answer = subprocess.run(  # noqa: S603 - a fixed command
        [git, "-C", here, *describe], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "byte_order": sys.byteorder,
    }
