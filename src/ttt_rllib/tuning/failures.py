"""Failures of trials: what they were, and which ones are worth another try."""

from __future__ import annotations

import re
from pathlib import Path

from ray import cloudpickle
from ray.exceptions import ActorDiedError, RayTaskError
from ray.tune.experiment import Trial

from ttt_rllib.errors import EnvironmentFailedError, InputError

__all__ = ["FailingTrial", "describe_failure", "last_line"]

ANSI = re.compile(r"\x1b\[[0-9;]*m")

PERMANENT = (InputError, FloatingPointError)
"""Failures that would come again: wrong input, and weights or rewards that are not finite."""

PLAIN = (*PERMANENT, EnvironmentFailedError)
"""Failures whose messages say everything."""


class FailingTrial(Trial):
    """A trial that Tune does not retry after a failure that would come again.

    Lost nodes and killed processes are what `max_failures` is for. `--resume` tries every
    failed trial again, since the cause may have been removed.
    """

    def should_recover(self) -> bool:
        """Return whether Tune is to retry the trial."""
        return super().should_recover() and not isinstance(_cause(self), PERMANENT)


def describe_failure(trial: Trial) -> str:
    """Return what a failed trial failed with, in one line.

    Args:
        trial: A trial whose status is ERROR.
    """
    cause = _cause(trial)
    if isinstance(cause, PLAIN):
        return " ".join(str(cause).split())
    return last_line(str(trial.get_error() or "unknown error"))


def last_line(traceback: str) -> str:
    """Return the last line of a traceback: the exception and its message."""
    lines = [line.strip() for line in ANSI.sub("", traceback).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown error"


def _cause(trial: Trial) -> BaseException | None:
    """Return the exception that was raised in the trial's process; None if it is not known."""
    # Tune writes the file to its staging folder, and copies it to the trial's folder later.
    staged = trial.pickled_error_file
    if staged is not None and Path(staged).is_file():
        failure = cloudpickle.loads(Path(staged).read_bytes())
    else:
        failure = trial.get_pickled_error()
    if isinstance(failure, ActorDiedError) and failure.actor_init_failed:
        # The trial failed while it was built; Ray keeps what was raised there among the arguments.
        (failure,) = failure.args
    return failure.cause if isinstance(failure, RayTaskError) else None
