"""How often a trial is evaluated, when it ends, and which checkpoints are kept."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from ttt_rllib.config.own_code import DOTTED_PATH
from ttt_rllib.config.section import Section
from ttt_rllib.errors import did_you_mean
from ttt_rllib.exact.walks import MAX_POSITIONS
from ttt_rllib.metrics import (
    BETTER,
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    ITERATION,
    MOVES,
    OPTIMAL_MOVE_RATE,
    TRAIN_S,
)

__all__ = ["METRIC_NAME", "Checkpoint", "Evaluation", "Stop"]

METRIC_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
"""Pattern of the names of a user's metrics."""


class Evaluation(Section):
    """How often the agent is evaluated."""

    evaluation_interval: NonNegativeInt = 1
    """Iterations between evaluations; 0 = never. In a game too large to enumerate, the
    positions to which opponents can bring the agent are walked if that takes about a second, and
    matches against fixed players are sampled."""
    certificate: Literal["end", "never"] | PositiveInt = "end"
    """When these positions are walked however long it takes, in a game too large to enumerate: at
    the end of the run, never, or (a number) also at every so many evaluations."""
    max_positions: PositiveInt = MAX_POSITIONS
    """Positions visited in a seat before a certificate is given up; 1 million take about a second
    and 20 MB of disk, and longer with larger networks."""
    metrics: dict[str, str] = Field(default_factory=dict)
    """Your own metrics by name: a module:function, which is called with the agent at every
    evaluation and returns a number, or a dict of numbers; logged as custom/NAME."""

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: dict[str, str]) -> dict[str, str]:
        for name, path in value.items():
            if not re.fullmatch(METRIC_NAME, name):
                raise ValueError(
                    f"names a metric {name!r}; a name has up to 64 letters, digits and '_' only"
                )
            if not re.fullmatch(DOTTED_PATH, path):
                raise ValueError(
                    f"{name} is {path!r}; write module:function, as in my_module:{name}"
                )
        return value

    @model_validator(mode="after")
    def _measured_at_all(self) -> Evaluation:
        if self.metrics and not self.evaluation_interval:
            raise ValueError(
                "metrics is set, but evaluation_interval is 0, so nothing is measured; set it to "
                "1 or more"
            )
        return self

    @property
    def certificate_interval(self) -> int:
        """Evaluations between certificates during training; 0 = there are none."""
        return self.certificate if isinstance(self.certificate, int) else 0

    @property
    def certificate_positions(self) -> int:
        """Positions to reach for the certificate at the end; 0 = there is to be none."""
        return 0 if self.certificate == "never" else self.max_positions


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

    @property
    def limits(self) -> dict[str, float]:
        """The limits by the metrics that reach them."""
        limits = {metric: getattr(self, name) for name, metric in LIMITED.items()}
        return {metric: limit for metric, limit in limits.items() if limit is not None}

    def reached(self, figures: Mapping[str, float]) -> str | None:
        """Return the name of a limit that figures have reached; None if there is none."""
        for name, metric in LIMITED.items():
            if figures.get(metric, -math.inf) >= self.limits.get(metric, math.inf):
                return name
        return None


LIMITED = {
    "consecutive_unexploitable_evals": CONSECUTIVE_UNEXPLOITABLE_EVALS,
    "optimal_move_rate": OPTIMAL_MOVE_RATE,
    "moves": MOVES,
    "train_s": TRAIN_S,
    "iterations": ITERATION,
}
"""The fields of `Stop`, and the metrics that reach them."""


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
