"""What to do with a run that is done: the commands for its report, its agent and its figures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from ttt_rllib.runs.directory import RunDir

__all__ = ["next_steps", "resume_command"]

WITH_LABELS = 60
"""Columns from which on each command has a label before it."""

TENSORBOARD_FILES = "*/events.out.tfevents.*"
UNSENT_RUNS = "wandb/offline-run-*"


def next_steps(run: RunDir, width: int) -> list[str]:
    """Return a line for each thing that can be done with the run.

    Args:
        run: A run that is done.
        width: Columns of the terminal.
    """
    steps = dict(_steps(run))
    longest = max(map(len, steps), default=0)
    if width < WITH_LABELS:
        return list(steps.values())
    return [f"{label:{longest}}  {command}" for label, command in steps.items()]


def resume_command(run: RunDir) -> str:
    """Return the command that resumes the run."""
    return f"ttt train --resume {shlex.quote(str(run.path))}"


def _steps(run: RunDir) -> Iterator[tuple[str, str]]:
    folder = shlex.quote(str(_short(run.path)))
    if run.report.is_file():
        yield "report", str(_short(run.report))
    if run.agent.is_dir():
        yield "play", f"ttt play {folder}"
    if run.best.is_file():
        yield "best", f"ttt train {shlex.quote(str(_short(run.best)))}"
    if any(run.trials.glob(TENSORBOARD_FILES)):
        yield "curves", f"tensorboard --logdir {folder}/{run.trials.name}"
    if any(run.path.glob(UNSENT_RUNS)):
        yield "W&B", f"wandb sync {folder}/{UNSENT_RUNS}"


def _short(path: Path) -> Path:
    """Return the path as seen from the working directory, if it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
