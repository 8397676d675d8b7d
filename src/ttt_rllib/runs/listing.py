"""The runs in a folder, each in a few figures, read from its files alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ttt_rllib.agents.bundle import BundleError, load_bundle
from ttt_rllib.config.loading import load_saved_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import MOVES, TRAIN_S
from ttt_rllib.runs.bundles import claim_about, run_folders
from ttt_rllib.runs.certificate_json import Claim
from ttt_rllib.runs.directory import EXPERIMENT_FILE, RunDir, named_path
from ttt_rllib.runs.leading_trial import leading_trial
from ttt_rllib.runs.lock import is_locked
from ttt_rllib.runs.metrics_csv import METRICS_FILE, read_curves
from ttt_rllib.runs.outcome import RunStatus
from ttt_rllib.runs.sessions import noted_sessions
from ttt_rllib.runs.summary import Summary, read_summary

__all__ = ["RunRow", "find_runs", "read_row"]


@dataclass(frozen=True)
class RunRow:
    """A run in a few figures.

    Attributes:
        name: Experiment and run id, `experiment/run`.
        path: Its folder.
        status: How it ended; "running" while a process is at work on it, "unfinished" if it was
            killed.
        verdict: What is proved about its agent; None if nothing is.
        moves: Plies that the best trial was trained on; of a run without a summary, the trial that
            leads.
        train_s: Seconds of that training.
        seeds: Seeds of its trials.
        git_commit: Commit of the source tree; None where it is not known.
        started_s: When its first session began, in seconds since 1970; None where it is not
            known.
    """

    name: str
    path: Path
    status: RunStatus | Literal["running", "unfinished"]
    verdict: Claim | None
    moves: int
    train_s: float
    seeds: tuple[int, ...]
    git_commit: str | None
    started_s: float | None

    @property
    def word(self) -> str:
        """The verdict of a run that is done, the status of any other."""
        return self.status if self.status != "done" else self.verdict or "unproved"


def find_runs(folder: Path) -> list[Path]:
    """Return the folders that are runs or look like runs: this one, or one or two levels down.

    Args:
        folder: A folder of all results, that of an experiment, or a run.
    """
    if (folder / EXPERIMENT_FILE).is_file():
        return [folder]
    marked = {
        path.parent
        for depth in ("*", "*/*")
        for path in folder.glob(f"{depth}/{EXPERIMENT_FILE}")
        # A run that is being made has a dot until it is complete.
        if not path.parent.name.startswith(".")
    }
    return sorted({*marked, *run_folders(folder)})


def read_row(folder: Path) -> RunRow:
    """Read a run.

    Raises:
        InputError: If it is none, was written by another version, or a file of it is damaged.
        OSError: If it may not be read.
    """
    run = RunDir(folder)
    if not run.experiment.is_file():
        raise InputError(f"{folder}: not a run directory; it has no {EXPERIMENT_FILE}")
    summary = read_summary(run.summary)
    is_running = is_locked(folder)
    moves, train_s = _progress(run, None if is_running else summary)
    place = named_path(folder)
    return RunRow(
        name=f"{place.parent.name}/{place.name}",
        path=folder,
        status="running" if is_running else summary.status if summary else "unfinished",
        verdict=_verdict(run, summary),
        moves=moves,
        train_s=train_s,
        seeds=summary.seeds if summary else (load_saved_experiment(run.experiment).seed,),
        git_commit=summary.git_commit if summary else None,
        started_s=_started_s(run, summary),
    )


def _verdict(run: RunDir, summary: Summary | None) -> Claim | None:
    if summary is None or summary.checkpoint is None or not run.agent.is_dir():
        return None
    try:
        bundle = load_bundle(run.agent)
    except BundleError as error:
        raise InputError(str(error)) from None
    # The agent that the summary is about, not another one that somebody put there.
    return claim_about(run.path, bundle) if bundle.agent_sha256 == summary.agent_sha256 else None


def _progress(run: RunDir, summary: Summary | None) -> tuple[int, float]:
    """Return moves and seconds of training."""
    if summary is not None:
        return summary.moves, summary.wall_s.train_s
    leading = leading_trial(run)
    curves = read_curves(leading.folder / METRICS_FILE if leading else None)
    return int(curves.last(MOVES) or 0), float(curves.last(TRAIN_S) or 0.0)


def _started_s(run: RunDir, summary: Summary | None) -> float | None:
    sessions = (*(summary.sessions if summary else ()), *noted_sessions(run.state))
    # Earlier versions did not note it.
    return min((one.began_s for one in sessions if one.began_s), default=None)
