"""The end of a run puts agent, certificate, metrics and summary in their places."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import ttt_rllib
from ttt_rllib.agents.bundle import BUNDLE_FOLDER, ONNX_FILE, Bundle, load_bundle
from ttt_rllib.agents.onnx import INSTALL, TOLERANCE, build_model, compare
from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment, with_settings
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import Report, evaluate_agent
from ttt_rllib.evaluation.text import verdict
from ttt_rllib.evaluation.walk_lines import WalkLines
from ttt_rllib.metrics import (
    EVAL_S,
    LEARN_S,
    MOVES,
    OPTIMAL_MOVE_RATE,
    SAMPLE_S,
    SYNC_S,
    TRAIN_S,
    flatten,
)
from ttt_rllib.runs.certificate_json import certificate_of, write_certificate
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.extensions_json import read_extensions
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.metrics_csv import METRICS_FILE, Curves, read_curves
from ttt_rllib.runs.outcome import RunResult, RunStatus, TrialResult
from ttt_rllib.runs.sessions import noted_sessions
from ttt_rllib.runs.summary import (
    Machine,
    SearchSummary,
    Session,
    Summary,
    WallSeconds,
    read_summary,
    write_summary,
)
from ttt_rllib.runs.trials_csv import write_trials

__all__ = ["best_experiment", "finalize_run"]

logger = logging.getLogger(__name__)

BEST = "_best"
"""Ends the name of the experiment that trains the best configuration of a search again."""

PACKAGES = ("ray", "torch", "numpy", "gymnasium", "pettingzoo")


def finalize_run(
    experiment: Experiment, run: RunDir, outcome: RunResult, session: Session
) -> tuple[Bundle, Report] | None:
    """Write all results of a finished, failed or interrupted run.

    Args:
        experiment: What ran.
        run: Where to write.
        outcome: The results of its trials.
        session: Wall seconds of this session.

    Returns:
        The agent and its figures; None if there is no checkpoint with a bundle.
    """
    best = outcome.best
    if best and (best.folder / METRICS_FILE).is_file():
        write_atomic(run.metrics, (best.folder / METRICS_FILE).read_text(encoding="utf-8"))
    evaluated = _evaluate(experiment, run, best.checkpoint if best else None)
    if experiment.search and best:
        write_trials(run.table, experiment, outcome.trials)
        write_atomic(run.best, best_experiment(experiment, best))
    sessions = _all_sessions(run, session)
    summary = _summary(experiment, run, outcome, sessions, evaluated)
    write_summary(run.summary, summary)
    if summary.status == "done":
        # There is nothing left to resume.
        shutil.rmtree(run.state, ignore_errors=True)
    return evaluated


def _evaluate(
    experiment: Experiment, run: RunDir, checkpoint: Path | None
) -> tuple[Bundle, Report] | None:
    """Move the agent of a checkpoint into its place, measure it, and prove what can be proved."""
    # There is no bundle if the game is not one of ours.
    if checkpoint is None or not (checkpoint / BUNDLE_FOLDER).is_dir():
        return None
    part = run.path / f".{BUNDLE_FOLDER}.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(checkpoint / BUNDLE_FOLDER, part)
    _add_model(part)
    shutil.rmtree(run.agent, ignore_errors=True)
    part.rename(run.agent)
    bundle = load_bundle(run.agent)
    report = evaluate_agent(
        bundle.policy,
        max_positions=experiment.evaluation.certificate_positions,
        on_ply=WalkLines(logger.warning),
    )
    if report.certificate is not None:
        write_certificate(run.certificate, certificate_of(bundle, report.certificate))
    return bundle, report


def _add_model(folder: Path) -> None:
    """Give a user's network the ONNX model through which it plays where its class is not found."""
    bundle, path = load_bundle(folder), folder / ONNX_FILE
    if not isinstance(bundle.policy, OwnNetworkPolicy):
        return
    try:
        path.write_bytes(build_model(bundle))
        difference = compare(path, bundle)
    except ModuleNotFoundError as error:
        _warn_without_model(f"{error.name} is not installed; {INSTALL}")
    except InputError as error:
        _warn_without_model(str(error))
    else:
        if difference.greatest > TOLERANCE:
            path.unlink()
            _warn_without_model(f"torch's differs by {difference.greatest:.1e}: it may branch")


def _warn_without_model(reason: str) -> None:
    logger.warning("the agent plays only where its class can be imported: no ONNX: %s", reason)


def _all_sessions(run: RunDir, session: Session) -> tuple[Session, ...]:
    """Return the sessions that wrote a summary, those that were killed, and this one."""
    try:
        summary = read_summary(run.summary)
    except InputError:
        # A damaged summary is no reason to lose the one that is about to be written.
        summary = None
    summarised = summary.sessions if summary else ()
    known = {one.began_s for one in (*summarised, session)}
    killed = tuple(one for one in noted_sessions(run.state) if one.began_s not in known)
    return (*sorted((*summarised, *killed), key=lambda one: one.began_s), session)


def _summary(
    experiment: Experiment,
    run: RunDir,
    outcome: RunResult,
    sessions: tuple[Session, ...],
    evaluated: tuple[Bundle, Report] | None,
) -> Summary:
    best = outcome.best
    bundle, report = evaluated or (None, None)
    metrics = flatten(best.result) if best else {}
    if report and OPTIMAL_MOVE_RATE not in metrics:
        # On large boards the last evaluation of training reaches less than the certificate.
        metrics |= report.metrics()
    curves = read_curves(best.folder / METRICS_FILE if best else None)
    return Summary(
        experiment=experiment.name,
        run=run.path.name,
        status=_status(outcome),
        verdict=verdict(report) if report else None,
        agent_sha256=bundle.agent_sha256 if bundle else None,
        error=None if outcome.interrupted else outcome.error,
        best_trial=best.name if best else None,
        search=_search_summary(experiment, outcome),
        checkpoint=_relative(best.checkpoint, run) if best else None,
        moves=int(metrics.get(MOVES, 0)),
        metrics={**metrics, **(report.metrics() if report else {})},
        wall_s=_wall_seconds(sessions, metrics.get(TRAIN_S, 0.0), curves),
        sessions=sessions,
        seeds=tuple(sorted({trial.seed for trial in outcome.trials}) or [experiment.seed]),
        versions=_versions(),
        git_commit=_git_commit(),
        machine=_machine(),
        extensions=read_extensions(run.path),
    )


def _status(outcome: RunResult) -> RunStatus:
    if outcome.interrupted:
        return "interrupted"
    return "failed" if outcome.error else "done"


def _search_summary(experiment: Experiment, outcome: RunResult) -> SearchSummary | None:
    search, best = experiment.search, outcome.best
    if search is None or best is None:
        return None
    objective, mode = experiment.objective
    statuses = Counter(trial.status for trial in outcome.trials)
    return SearchSummary(
        objective=objective,
        mode=mode,
        algorithm=search.algorithm,
        scheduler=search.scheduler,
        num_trials=len(outcome.trials),
        statuses=dict(sorted(statuses.items())),
        best_trial=best.name,
        best_objective=best.objective,
        best=best.settings,
    )


def best_experiment(experiment: Experiment, best: TrialResult) -> str:
    """Return the best configuration as a file to train again."""
    # A name has at most 128 characters.
    name = f"{experiment.name[: 128 - len(BEST)]}{BEST}"
    found = with_settings(experiment, {**best.settings, "seed": best.seed, "name": name})
    objective = experiment.objective[0]
    return (
        f"# The best of {experiment.num_trials} trials of {experiment.name}: "
        f"{objective} {best.objective}\n{dump_experiment(found)}"
    )


def _wall_seconds(sessions: tuple[Session, ...], train_s: float, curves: Curves) -> WallSeconds:
    return WallSeconds(
        setup_s=round(sum(session.setup_s for session in sessions), 3),
        train_s=round(train_s, 3),
        total_s=round(sum(session.total_s for session in sessions), 3),
        sample_s=round(curves.total(SAMPLE_S), 3),
        learn_s=round(curves.total(LEARN_S), 3),
        sync_s=round(curves.total(SYNC_S), 3),
        eval_s=round(curves.total(EVAL_S), 3),
    )


def _relative(path: Path | None, run: RunDir) -> str | None:
    return str(path.relative_to(run.path)) if path and path.is_relative_to(run.path) else None


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in PACKAGES}
    return {"ttt_rllib": ttt_rllib.__version__, "python": platform.python_version(), **packages}


def _git_commit() -> str | None:
    """Return the commit of the source tree; None outside one."""
    git, here = shutil.which("git"), Path(__file__).parent
    if git is None:
        return None

    def ask(*arguments: str) -> str:
        answer = subprocess.run(  # noqa: S603 - fixed commands
            [git, "-C", str(here), *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    # If we are installed inside another repository, this file is not one of its files.
    if not ask("ls-files", "__init__.py"):
        return None
    return ask("describe", "--always", "--dirty", "--abbrev=40") or None


def _machine() -> Machine:
    return Machine(
        system=platform.system(),
        release=platform.release(),
        architecture=platform.machine(),
        cpus=os.cpu_count(),
        byte_order=sys.byteorder,
    )
