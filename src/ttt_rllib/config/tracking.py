"""Where the figures of a run are logged besides its own folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator

from ttt_rllib.config.section import Section

__all__ = ["Tracking", "Wandb"]

UNSAFE = "/\\#?%:"
"""Characters that W&B does not allow in the name of a project or an entity."""

Name = Annotated[str, Field(min_length=1, max_length=128)]
Tag = Annotated[str, Field(min_length=1, max_length=64)]


class Wandb(Section):
    """Weights & Biases, with one W&B run per trial."""

    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    """auto = what WANDB_MODE says, else online if a key is known (WANDB_API_KEY or netrc), else
    offline: files under wandb/ in the run directory."""
    project: Name = "ttt_rllib"
    """Project at W&B."""
    entity: Name | None = None
    """User or team; null = the owner of the key."""
    group: Name | None = None
    """Group of the trials; null = experiment and run id."""
    tags: tuple[Tag, ...] = ()
    """Tags of every W&B run."""
    init_timeout: PositiveFloat = 30.0
    """Seconds until a server that does not answer counts as absent (`wandb.Settings`)."""
    finish_timeout: PositiveFloat = 60.0
    """Seconds that the end of the run waits for uploads (`wandb.Settings`)."""

    @field_validator("project", "entity")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        if value and set(UNSAFE) & set(value):
            raise ValueError(f"is {value!r}; W&B takes none of {' '.join(UNSAFE)} in it")
        return value


class Tracking(Section):
    """What is logged to besides metrics.csv, which always has every figure."""

    wandb: Wandb = Wandb()
