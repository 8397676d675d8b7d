"""Many trials: what is searched, how configurations are chosen, and which trials end early."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, model_serializer, model_validator

from ttt_rllib.config.foreign_words import meant_instead
from ttt_rllib.config.section import Section, Share
from ttt_rllib.errors import did_you_mean
from ttt_rllib.metrics import BETTER, CUSTOM

__all__ = ["ASHA", "PBT", "Distribution", "Search"]

Pair = tuple[float, float]
IntPair = tuple[int, int]
Values = Annotated[tuple[Any, ...], Field(min_length=1)]


class Distribution(Section):
    """What a setting is drawn from: exactly one of these."""

    choice: Values | None = None
    """One of these values, all equally probable."""
    grid: Values | None = None
    """Each of these values in turn; num_samples counts rounds through the grid."""
    uniform: Pair | None = None
    """A number from least to greatest."""
    loguniform: Pair | None = None
    """A number from least to greatest whose logarithm is uniform."""
    randint: IntPair | None = None
    """A whole number from least to greatest, both included."""

    @property
    def kind(self) -> str:
        """The name of the distribution that is set."""
        return next(name for name, value in self if value is not None)

    @property
    def values(self) -> tuple[Any, ...]:
        """All values of a choice or a grid; least and greatest of a range."""
        return tuple(getattr(self, self.kind))

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        kinds = ", ".join(cls.model_fields)
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(f"write one distribution, for example {{choice: [1, 2]}}; of {kinds}")
        kind, values = next(iter(value.items()))
        if kind not in cls.model_fields:
            raise ValueError(
                f"{kind}: no such distribution{did_you_mean(kind, list(cls.model_fields))}"
            )
        # After a "before" validator pydantic no longer knows that it reads JSON, where it takes a
        # list for a tuple.
        return {kind: tuple(values) if isinstance(values, list) else values}

    @model_validator(mode="after")
    def _range(self) -> Distribution:
        if self.kind in {"choice", "grid"}:
            return self
        least, greatest = self.values
        if not least < greatest:
            raise ValueError(f"{self.kind} is [{least}, {greatest}]; the least number comes first")
        if self.kind == "loguniform" and least <= 0:
            raise ValueError(f"loguniform is [{least}, {greatest}]; it begins above 0")
        return self

    @model_serializer
    def _set_one(self) -> dict[str, Any]:
        return {self.kind: list(self.values)}


class ASHA(Section):
    """Asynchronous successive halving: at each rung the worse trials are stopped.

    Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020.
    """

    grace_period: PositiveInt = 20_000
    """Moves before a trial may be stopped."""
    reduction_factor: Annotated[float, Field(gt=1.0)] = 3.0
    """One trial in this many continues past a rung; each rung has this many times the moves of the
    rung before it."""


class PBT(Section):
    """Population based training: the worse trials continue as changed copies of the better ones.

    Jaderberg et al., "Population Based Training of Neural Networks", 2017.
    """

    perturbation_interval: PositiveInt = 20_000
    """Moves between comparisons."""
    quantile_fraction: Annotated[float, Field(gt=0.0, le=0.5)] = 0.25
    """Share of the population that copies others, and share that is copied."""
    resample_probability: Share = 0.25
    """How often a setting is drawn again instead of being multiplied by 1.2 or 0.8."""


class Search(Section):
    """Dotted keys of settings with their distributions, and how they are searched."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Distribution]

    algorithm: Literal["random", "optuna", "pbt"] = "random"
    """How configurations are chosen: randomly, by Optuna's TPE, or by population based training."""
    scheduler: Literal["none", "asha", "pbt"] = "none"
    """What stops or changes trials early; pbt requires the algorithm pbt."""
    num_samples: PositiveInt = 8
    """Number of configurations; with grids, of rounds through the grid; with pbt, of the
    population."""
    num_seeds: PositiveInt = 1
    """Trials per configuration: seed, seed + 1, ... Their mean objective counts."""
    max_concurrent: PositiveInt | None = None
    """Most trials at once; null = as many as the cluster holds."""
    objective: str | None = None
    """The metric that decides; null = search/penalised_moves where the trials stop by
    consecutive_unexploitable_evals and moves, else exact/nash_conv."""
    mode: Literal["min", "max"] | None = None
    """Whether lower or higher is better; null = as docs/metrics.md says."""
    asha: ASHA = ASHA()
    pbt: PBT = PBT()

    @property
    def space(self) -> dict[str, Distribution]:
        """The searched settings: distributions by dotted keys, in the order of the file."""
        return self.__pydantic_extra__

    @property
    def grid_size(self) -> int:
        """Combinations of all grids; 1 without any."""
        return math.prod(len(one.values) for one in self.space.values() if one.kind == "grid")

    @property
    def num_configurations(self) -> int:
        """Number of configurations."""
        return self.num_samples * self.grid_size

    @property
    def num_trials(self) -> int:
        """Number of trials: every configuration with every seed."""
        return self.num_configurations * self.num_seeds

    @model_validator(mode="before")
    @classmethod
    def _dotted(cls, value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields and "." not in key:
                meant = meant_instead(key) or did_you_mean(key, list(cls.model_fields))
                raise ValueError(
                    f"{key}: unknown key{meant}; "
                    "a setting to search is dotted, for example training.lr"
                )
        return value

    @model_validator(mode="after")
    def _check(self) -> Search:
        if not self.space:
            raise ValueError("nothing to search; name a setting, for example training.lr")
        kinds = {key: one.kind for key, one in self.space.items()}
        grid = next((key for key, kind in kinds.items() if kind == "grid"), None)
        if grid and self.algorithm != "random":
            raise ValueError(
                f"{grid}: grid goes with algorithm random, not {self.algorithm}; "
                "write choice, or set algorithm to random"
            )
        if (self.algorithm == "pbt") != (self.scheduler == "pbt"):
            raise ValueError(
                f"algorithm is {self.algorithm} and scheduler {self.scheduler}; "
                "pbt is both or neither"
            )
        # A file that says `scheduler: none` has switched its scheduler off on purpose.
        is_off = self.scheduler == "none" and "scheduler" in self.model_fields_set
        for name, default in (("asha", ASHA()), ("pbt", PBT())):
            if getattr(self, name) != default and self.scheduler != name and not is_off:
                raise ValueError(
                    f"{name} is set, but scheduler is {self.scheduler}, which does not use it; set "
                    f"scheduler to {name}, or leave {name} out"
                )
        if self.objective is not None:
            self._check_objective(self.objective)
        return self._check_pbt() if self.algorithm == "pbt" else self

    def _check_objective(self, objective: str) -> None:
        is_custom = objective.startswith(CUSTOM)
        if objective not in BETTER and not is_custom:
            raise ValueError(
                f"objective: there is no metric {objective!r}"
                + did_you_mean(objective, list(BETTER))
            )
        if self.mode is None and not BETTER.get(objective):
            raise ValueError(f"mode: of {objective} neither way is better; set min or max")

    def _check_pbt(self) -> Search:
        if self.num_seeds != 1:
            raise ValueError(
                f"num_seeds is {self.num_seeds}; members of a population have one seed each"
            )
        if self.num_samples < 2:
            raise ValueError("num_samples is 1; a population has two members or more")
        for key in self.space:
            if not key.startswith("training."):
                raise ValueError(
                    f"{key}: pbt changes settings while it trains, and so only those of training"
                )
        return self
