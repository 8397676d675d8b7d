"""The end of a run: the agent, its certificate, the metrics and the summary in their places."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ttt_rllib
from ttt_rllib.agents.bundle import Bundle, load_bundle
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment, with_settings
from ttt_rllib.evaluation.evaluate_agent import (
    Report,
    certificate_json,
    evaluate_agent,
)
from ttt_rllib.evaluation.text import verdict
from ttt_rllib.exact.evaluation import ExactReport
from ttt_rllib.metrics import EVAL_S, LEARN_S, MOVES, SAMPLE_S, SYNC_S, TRAIN_S, flatten
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.files import write_atomic, write_json
from ttt_rllib.runs.metrics_csv import METRICS_FILE, MetricsCsv
from ttt_rllib.runs.outcome import RunResult, TrialResult
from ttt_rllib.runs.trials_csv import write_table

__all__ = ["finalize_run"]

PHASES = (SAMPLE_S, LEARN_S, SYNC_S, EVAL_S)
PACKAGES = ("ray", "torch", "numpy", "gymnasium", "pettingzoo")


def finalize_run(
    experiment: Experiment, run: RunDir, outcome: RunResult, session: dict[str, float]
) -> tuple[Bundle, Report] | None:
    """Write everything a finished, failed or interrupted run has to show.

    Args:
        experiment: What ran.
        run: Where to.
        outcome: What is left of its trials.
        session: Wall seconds of this session: set-up, and in all.

    Returns:
        The agent and its figures; None if there is no checkpoint with a bundle.
    """
    best = outcome.best
    rows: list[dict[str, str]] = []
    if best and (best.folder / METRICS_FILE).is_file():
        rows = MetricsCsv(best.folder / METRICS_FILE).rows()
        write_atomic(run.metrics, (best.folder / METRICS_FILE).read_text(encoding="utf-8"))
    assessed = _assess(run, best.checkpoint if best else None)
    report = assessed[1] if assessed else None
    metrics = flatten(best.result) if best else {}
    if experiment.search and best:
        write_table(run.table, experiment, outcome.trials)
        write_atomic(run.best, _best_experiment(experiment, best))
    sessions = [*_earlier_sessions(run), session]
    summary = {
        "experiment": experiment.name,
        "run": run.path.name,
        "status": _status(outcome),
        "verdict": verdict(report) if report else None,
        "error": _error(outcome),
        "best_trial": best.name if best else None,
        **_search_summary(experiment, outcome),
        "checkpoint": _relative(best.checkpoint, run) if best else None,
        "moves": int(metrics.get(MOVES, 0)),
        "metrics": {**metrics, **(report.metrics() if report else {})},
        "wall_s": {
            "setup_s": round(sum(one["setup_s"] for one in sessions), 3),
            "train_s": round(metrics.get(TRAIN_S, 0.0), 3),
            "total_s": round(sum(one["total_s"] for one in sessions), 3),
            **_phases(rows),
        },
        "sessions": sessions,
        "seeds": sorted({trial.seed for trial in outcome.trials}) or [experiment.seed],
        "versions": _versions(),
        "git_commit": _git_commit(),
        "machine": _machine(),
    }
    write_json(run.summary, summary)
    if summary["status"] == "done":
        # There is nothing to go on with any more.
        shutil.rmtree(run.state, ignore_errors=True)
    return assessed


def _assess(run: RunDir, checkpoint: Path | None) -> tuple[Bundle, Report] | None:
    # Without a bundle, the game is not one of ours.
    if checkpoint is None or not (checkpoint / "agent").is_dir():
        return None
    part = run.path / ".agent.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(checkpoint / "agent", part)
    shutil.rmtree(run.agent, ignore_errors=True)
    part.rename(run.agent)
    bundle = load_bundle(run.agent)
    report = evaluate_agent(bundle)
    if isinstance(report, ExactReport):
        write_json(run.certificate, certificate_json(bundle, report))
    return bundle, report


def _earlier_sessions(run: RunDir) -> list[dict[str, float]]:
    """Return the sessions of a resumed run that came to write a summary."""
    if not run.summary.is_file():
        return []
    sessions: list[dict[str, float]] = json.loads(run.summary.read_text(encoding="utf-8"))[
        "sessions"
    ]
    return sessions


def _status(outcome: RunResult) -> str:
    if outcome.interrupted:
        return "interrupted"
    return "failed" if _error(outcome) else "done"


def _error(outcome: RunResult) -> str | None:
    """Return why the run failed: a search fails only if all of its trials do."""
    if outcome.best is None:
        return "no trial was started"
    return outcome.best.error


def _search_summary(experiment: Experiment, outcome: RunResult) -> dict[str, Any]:
    search, best = experiment.search, outcome.best
    if search is None or best is None:
        return {}
    objective, mode = experiment.objective
    statuses = Counter(trial.status for trial in outcome.trials)
    return {
        "search": {
            "objective": objective,
            "mode": mode,
            "algorithm": search.algorithm,
            "scheduler": search.scheduler,
            "num_trials": len(outcome.trials),
            "statuses": dict(sorted(statuses.items())),
            "best_trial": best.name,
            "best_objective": best.objective,
            "best": best.settings,
        }
    }


def _best_experiment(experiment: Experiment, best: TrialResult) -> str:
    """Return the best configuration as a file to train again."""
    found = with_settings(
        experiment, {**best.settings, "seed": best.seed, "name": f"{experiment.name}_best"}
    )
    objective = experiment.objective[0]
    return (
        f"# The best of {experiment.num_trials} trials of {experiment.name}: "
        f"{objective} {best.objective}\n{dump_experiment(found)}"
    )


def _phases(rows: list[dict[str, str]]) -> dict[str, float]:
    """Add up the phases of all iterations."""
    return {
        phase.split("/")[1]: round(sum(float(row[phase] or 0.0) for row in rows), 3)
        for phase in PHASES
    }


def _relative(path: Path | None, run: RunDir) -> str | None:
    return str(path.relative_to(run.path)) if path and path.is_relative_to(run.path) else None


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in PACKAGES}
    return {"ttt_rllib": ttt_rllib.__version__, "python": platform.python_version(), **packages}


def _git_commit() -> str | None:
    """Return the commit of the source tree, None outside of it."""
    git, here = shutil.which("git"), Path(__file__).parent
    if git is None:
        return None

    def ask(*arguments: str) -> str:
        answer = subprocess.run(  # noqa: S603 - fixed commands
            [git, "-C", str(here), *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    # Installed inside somebody else's repository, this file is not one of its files.
    if not ask("ls-files", "__init__.py"):
        return None
    return ask("describe", "--always", "--dirty", "--abbrev=40") or None


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "byte_order": sys.byteorder,
    }
