"""What is left of a run and of its trials, and which trial is the best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["RunResult", "Status", "TrialResult"]

Status = Literal["done", "stopped early", "failed", "unfinished"]
"""A trial that met one of its own limits is done; one that a scheduler ended, stopped early."""


@dataclass(frozen=True)
class TrialResult:
    """What is left of a trial.

    Attributes:
        name: Its folder under `trials/`.
        status: How it ended.
        settings: The searched settings by dotted keys.
        seed: Its seed.
        objective: The last value of the objective; None if it was never measured.
        folder: Its folder.
        checkpoint: The checkpoint its agent is taken from; None if it never came to one.
        result: Its last result, nested as the algorithm reports it.
        error: What its error ends with; None if it has none.
    """

    name: str
    status: Status
    settings: dict[str, Any]
    seed: int
    objective: float | None
    folder: Path
    checkpoint: Path | None
    result: dict[str, Any]
    error: str | None


@dataclass(frozen=True)
class RunResult:
    """What is left of a run.

    Attributes:
        trials: All of them, in the order of their numbers.
        best: The best one; None if there is none.
        interrupted: Whether Ctrl-C or SIGTERM ended the run.
    """

    trials: tuple[TrialResult, ...]
    best: TrialResult | None
    interrupted: bool
