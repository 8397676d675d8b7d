"""What a trial reserves: env runners, learners and its own process."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from ttt_rllib.config.section import Section

__all__ = ["EnvRunners", "Learners", "Resources"]


class EnvRunners(Section):
    """The actors that sample (`AlgorithmConfig.env_runners`)."""

    num_env_runners: NonNegativeInt = 0
    """Number of actors; 0 = the trial's own process samples."""
    num_envs_per_env_runner: PositiveInt = 512
    """Boards played in lockstep by each."""
    num_cpus_per_env_runner: Annotated[float, Field(gt=0.0)] = 1.0
    """CPUs reserved for each; Ray places no actor of 0."""
    sample_beside_learning: bool = False
    """Whether they play the next iteration's moves while the learners work on this one's, so with
    weights that are one iteration older."""

    @model_validator(mode="after")
    def _check(self) -> EnvRunners:
        if self.sample_beside_learning and self.num_env_runners == 0:
            raise ValueError(
                "sample_beside_learning is true and num_env_runners is 0; the process of the trial "
                "can't sample while it learns: set num_env_runners to 1 or more"
            )
        return self


class Learners(Section):
    """The actors that learn (`AlgorithmConfig.learners`)."""

    num_learners: NonNegativeInt = 0
    """Number of actors that compute gradients (DDP); 0 = the trial's own process does."""
    num_cpus_per_learner: Annotated[float, Field(gt=0.0)] = 1.0
    """CPUs reserved for each learner actor."""
    num_gpus_per_learner: Annotated[float, Field(ge=0.0)] = 0.0
    """GPUs reserved for each learner."""


class Resources(Section):
    """What else a trial reserves (`AlgorithmConfig.resources`)."""

    num_cpus_for_main_process: Annotated[float, Field(gt=0.0)] = 1.0
    """CPUs reserved for the trial's own process."""
