"""How often a trial is evaluated, when it ends, and which checkpoints are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from ttt_rllib.config.section import Section
from ttt_rllib.errors import did_you_mean
from ttt_rllib.metrics import BETTER

__all__ = ["Checkpoint", "Evaluation", "Stop"]


class Evaluation(Section):
    """How often the agent is evaluated."""

    evaluation_interval: NonNegativeInt = 1
    """Iterations between evaluations; 0 = never. Games too large to enumerate are evaluated by
    sampled matches against fixed players instead of exactly."""


class Stop(Section):
    """When a trial ends: at the limit that is reached first; null = no such limit."""

    consecutive_unexploitable_evals: PositiveInt | None = None
    """Exact evaluations in a row with NashConv 0 of the greedy policy."""
    optimal_move_rate: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Share of all decision positions that the greedy policy plays optimally; 1 = perfect."""
    moves: PositiveInt | None = 1_000_000
    """Moves sampled, openings not counted."""
    train_s: PositiveFloat | None = 600.0
    """Seconds of training, set-up not counted."""
    iterations: PositiveInt | None = None
    """Training iterations."""


class Checkpoint(Section):
    """Which checkpoints are kept (Tune's CheckpointConfig); one is always made at the end."""

    checkpoint_frequency: NonNegativeInt = 50
    """Iterations between checkpoints; 0 = only at the end and on Ctrl-C."""
    num_to_keep: PositiveInt | None = 2
    """Checkpoints kept per trial; null = all."""
    checkpoint_score_attribute: str | None = None
    """The metric by which checkpoints are kept and the agent is taken from the best one; null = the
    newest are kept."""

    @field_validator("checkpoint_score_attribute")
    @classmethod
    def _check_metric(cls, value: str | None) -> str | None:
        if value is not None and not BETTER.get(value):
            known = [name for name, better in BETTER.items() if better]
            raise ValueError(
                f"is {value!r}; not a metric to be better in{did_you_mean(value, known)}"
            )
        return value
