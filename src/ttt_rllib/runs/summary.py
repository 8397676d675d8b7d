"""`summary.json`: the results of a run, in figures.

It is written at the end of every session, and read wherever the outcome of a run matters.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ttt_rllib.errors import InputError
from ttt_rllib.runs.extensions_json import Extension
from ttt_rllib.runs.files import read_json, validated, write_json
from ttt_rllib.runs.outcome import RunStatus, TrialStatus

__all__ = [
    "FORMAT_VERSION",
    "SUMMARY_FILE",
    "EarlierVersionError",
    "Machine",
    "SearchSummary",
    "Session",
    "Summary",
    "WallSeconds",
    "is_done",
    "read_summary",
    "write_summary",
]

SUMMARY_FILE = "summary.json"

FORMAT_VERSION = 1
"""Version of the run directory as a whole; runs of 0.1.0 have none."""

VERSION_KEY = "format_version"


class EarlierVersionError(InputError):
    """The run was written by another version, whose settings and metrics have other names."""


@dataclass(frozen=True)
class Session:
    """One process that worked on the run.

    Attributes:
        setup_s: Wall seconds from the start of the process to the first result.
        total_s: Wall seconds from the start of the process to the end; of one that was killed,
            to some seconds before it.
        began_s: When the process started, in seconds since 1970; 0 in runs that were written
            before this was noted.
    """

    setup_s: float
    total_s: float
    began_s: float = 0.0


@dataclass(frozen=True)
class WallSeconds:
    """Where the time went, in wall seconds.

    Attributes:
        setup_s: Set-up of all sessions.
        train_s: Training of the best trial.
        total_s: All sessions.
        sample_s: Sampling by the best trial.
        learn_s: Learning by the best trial.
        sync_s: Sending weights, by the best trial.
        eval_s: Exact evaluation of the best trial.
    """

    setup_s: float = 0.0
    train_s: float = 0.0
    total_s: float = 0.0
    sample_s: float = 0.0
    learn_s: float = 0.0
    sync_s: float = 0.0
    eval_s: float = 0.0


@dataclass(frozen=True)
class SearchSummary:
    """The question of a search, and its answer.

    Attributes:
        objective: The metric that the search optimises.
        mode: Whether the least or the greatest objective is best.
        algorithm: random, optuna or pbt.
        scheduler: asha, pbt or none.
        num_trials: Number of trials that were started.
        statuses: Number of trials by status.
        best_trial: Name of the best trial; None if there is none.
        best_objective: Its objective; None if it was never measured.
        best: Its settings by dotted keys.
    """

    objective: str
    mode: Literal["min", "max"]
    algorithm: str
    scheduler: str
    num_trials: int
    statuses: dict[TrialStatus, int]
    best_trial: str | None
    best_objective: float | None
    best: dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """The machine that the driver ran on, as `platform` describes it."""

    system: str
    release: str
    architecture: str
    cpus: int | None
    byte_order: str


@dataclass(frozen=True)
class Summary:
    """A run that has ended; what a file of another version lacks has its default.

    Attributes:
        experiment: Name of the experiment.
        run: The run id.
        status: How the last session ended.
        verdict: What was proved about the agent, in a sentence; None without an agent of ours.
        agent_sha256: Hash of the agent that the verdict is about; None without one, and in
            runs that were written before there was such a hash.
        error: Why the run failed; None if it did not.
        best_trial: Name of the trial that the agent is taken from; None if none was started.
        search: The search; None, and no key in the file, for a single trial.
        checkpoint: The agent's checkpoint, relative to the run; None if there is none.
        moves: Plies that the best trial was trained on.
        metrics: Its last metrics, and those of the final evaluation, by name.
        wall_s: Where the time went.
        sessions: All sessions, in order, those that were killed included.
        seeds: Seeds of the trials, each once.
        versions: Versions of the packages by name.
        git_commit: Commit of the source tree; None outside of one.
        machine: Where the driver ran; None if that is not known.
        extensions: The limits that were raised after the run had begun; without any there is no key
            in the file.
    """

    experiment: str
    run: str
    status: RunStatus
    verdict: str | None = None
    agent_sha256: str | None = None
    error: str | None = None
    best_trial: str | None = None
    search: SearchSummary | None = None
    checkpoint: str | None = None
    moves: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    wall_s: WallSeconds = field(default_factory=WallSeconds)
    sessions: tuple[Session, ...] = ()
    seeds: tuple[int, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    machine: Machine | None = None
    extensions: tuple[Extension, ...] = ()


def write_summary(path: Path, summary: Summary) -> None:
    """Write `summary.json`."""
    content = {VERSION_KEY: FORMAT_VERSION, **asdict(summary)}
    if summary.search is None:
        del content["search"]
    if not summary.extensions:
        del content["extensions"]
    write_json(path, content)


def read_summary(path: Path) -> Summary | None:
    """Read `summary.json`; None if it is not there.

    Raises:
        EarlierVersionError: If another version wrote it.
        InputError: If it is damaged.
    """
    if not path.is_file():
        return None
    content = read_json(path)
    version = content.get(VERSION_KEY)
    if version != FORMAT_VERSION:
        wrong = "has no format_version" if version is None else f"format_version is {version!r}"
        raise EarlierVersionError(
            f"{path}: {wrong}, this version of ttt_rllib reads {FORMAT_VERSION}; start a new run, "
            "give the run's agent/ folder, or use the version that wrote it"
        )
    return validated(path, content, Summary)


def is_done(run: Path) -> bool:
    """Tell whether a run is complete, neither interrupted nor failed.

    Args:
        run: The run directory, or any other folder. A damaged summary does not make a run
            done: resuming the run writes it again.

    Raises:
        EarlierVersionError: If another version wrote the run.
    """
    try:
        summary = read_summary(run / SUMMARY_FILE)
    except EarlierVersionError:
        raise
    except InputError:
        return False
    return summary is not None and summary.status == "done"
