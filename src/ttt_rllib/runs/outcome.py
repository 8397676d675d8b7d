"""The results of a run and of its trials, and which trial is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

__all__ = [
    "FAILED",
    "STOPPED_EARLY",
    "RunResult",
    "RunStatus",
    "TrialResult",
    "TrialStatus",
    "best_trial",
]

TrialStatus = Literal["done", "stopped early", "failed", "unfinished"]
"""A trial is done at one of its own limits, and stopped early if a scheduler ended it."""

RunStatus = Literal["done", "interrupted", "failed"]
"""How a run with a summary ended."""

FAILED: TrialStatus = "failed"
STOPPED_EARLY: TrialStatus = "stopped early"
ENDED: tuple[TrialStatus, ...] = ("done", STOPPED_EARLY)


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial.

    Attributes:
        name: Its folder under `trials/`, a number.
        status: How it ended.
        settings: The searched settings by dotted keys.
        seed: Its seed.
        objective: The last value of the objective; None if it was never measured.
        folder: Its folder.
        checkpoint: The checkpoint its agent is taken from; None if it has none.
        result: Its last result, nested as the algorithm reports it.
        error: The last line of its error; None if it has none.
    """

    name: str
    status: TrialStatus
    settings: dict[str, Any]
    seed: int
    objective: float | None
    folder: Path
    checkpoint: Path | None
    result: dict[str, Any]
    error: str | None


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes:
        trials: All of them, in the order of their numbers.
        best: The best one; None if there is none.
        interrupted: Whether Ctrl-C or SIGTERM ended the run.
        num_trials: Number of trials that the experiment asks for.
    """

    trials: tuple[TrialResult, ...]
    best: TrialResult | None
    interrupted: bool
    num_trials: int

    @property
    def failed(self) -> tuple[TrialResult, ...]:
        """The trials that failed."""
        return tuple(trial for trial in self.trials if trial.status == FAILED)

    @property
    def error(self) -> str | None:
        """What keeps the run from being done, in a sentence; None if nothing does."""
        ended = [trial for trial in self.trials if trial.status in ENDED]
        if self.failed and self.num_trials == 1:
            return self.failed[0].error
        if self.failed:
            first = self.failed[0]
            return (
                f"{len(self.failed)} of {self.num_trials} trials failed; "
                f"the first, {first.name}: {first.error}"
            )
        if len(ended) < self.num_trials:
            return f"{len(ended)} of {self.num_trials} trials have ended"
        if self.best is None or self.best.checkpoint is None:
            return "no checkpoint is left to take the agent from"
        return None


class _Rank(NamedTuple):
    """How good a trial is; the least rank is the best, and earlier fields outweigh later ones.

    A configuration is judged before its trials, so that a lucky seed of a weak
    configuration does not become the run's agent.
    """

    # Figures of a trial that failed or was cut off are unreliable: they only count if there
    # is nothing better.
    has_not_ended: bool
    # A scheduler stopped it because others were better; its objective is that of a shorter
    # training, and is not comparable with theirs.
    was_stopped_early: bool
    # A mean over fewer seeds than the others have is not comparable either.
    has_no_mean: bool
    signed_mean: float
    # Within the best configuration, the best seed wins.
    is_unmeasured: bool
    signed_objective: float
    # Of equally good trials, one that left an agent wins.
    has_no_checkpoint: bool


def best_trial(
    trials: Sequence[TrialResult], *, mode: Literal["min", "max"], num_seeds: int = 1
) -> TrialResult | None:
    """Return the best trial of the configuration with the best mean objective over its seeds.

    Trials that ended rank above those that did not, measured ones above others; of equal
    trials the first is taken.

    Args:
        trials: All trials of the run. Their names are numbers: `num_seeds` in a row, starting
            at a multiple of `num_seeds`, are the seeds of one configuration.
        mode: Whether the least or the greatest objective is best.
        num_seeds: Seeds per configuration.

    Returns:
        None if there are no trials.
    """
    sign = -1.0 if mode == "max" else 1.0
    configurations: dict[int, list[TrialResult]] = {}
    for one in trials:
        configurations.setdefault(_number(one) // num_seeds, []).append(one)

    def rank(trial: TrialResult) -> _Rank:
        mates = configurations[_number(trial) // num_seeds]
        known = [one.objective for one in mates if one.objective is not None]
        mean = sum(known) / len(known) if len(known) == num_seeds else None
        return _Rank(
            has_not_ended=any(one.status not in ENDED for one in mates),
            was_stopped_early=any(one.status != "done" for one in mates),
            has_no_mean=mean is None,
            signed_mean=sign * (mean or 0.0),
            is_unmeasured=trial.objective is None,
            signed_objective=sign * (trial.objective or 0.0),
            has_no_checkpoint=trial.checkpoint is None,
        )

    return min(trials, key=rank, default=None)


def _number(trial: TrialResult) -> int:
    return int(trial.name)
