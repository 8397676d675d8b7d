"""An experiment: the schema of the YAML files.

Defaults live here and in the sections beside it and nowhere else; a YAML file holds what
differs. Section and field names are RLlib's (`AlgorithmConfig`) and Tune's where the setting
is theirs. This module must not know ray: `rl.algorithm_config` turns an `Experiment` into an
`AlgorithmConfig`.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from ttt_envs.game import GAMES
from ttt_rllib.config.cluster import Ray
from ttt_rllib.config.combinations import refusals
from ttt_rllib.config.env import (
    NO_OPENING,
    Env,
    MultiAgent,
    Opening,
    OwnGameEnv,
    PettingZooEnv,
)
from ttt_rllib.config.own_code import DOTTED_PATH
from ttt_rllib.config.resources import EnvRunners, Learners, Resources
from ttt_rllib.config.search import Search
from ttt_rllib.config.section import NAME, Section
from ttt_rllib.config.self_play import SelfPlay
from ttt_rllib.config.stopping import Checkpoint, Evaluation, Stop
from ttt_rllib.config.tracking import Tracking
from ttt_rllib.config.training import (
    TRAINING,
    DQNTraining,
    Model,
    PPOTraining,
    TDTraining,
    Training,
)
from ttt_rllib.errors import did_you_mean
from ttt_rllib.metrics import BETTER, EXACT_GROUPS, NASH_CONV, OF_THE_TABLE, PENALISED_MOVES

__all__ = ["Experiment", "env_kind", "named_env"]

PETTINGZOO_TRAINING: dict[type[Training], dict[str, Any]] = {
    # Clipped, errors of more than its root would teach the value head nothing.
    PPOTraining: {"vf_clip_param": None},
    # RLlib's own DQN has no other targets.
    DQNTraining: {"zero_sum_targets": False},
}
"""Defaults that differ where RLlib's own learner learns from an environment of any kind."""


def named_env(name: str) -> dict[str, Any]:
    """Return the section `env` of a game by its name, or by the reference of one's own.

    Raises:
        ValueError: If there is no such game.
    """
    if ":" in name:
        return {"own_game": name}
    if name not in GAMES:
        raise ValueError(f"there is no game {name!r}{did_you_mean(name, list(GAMES))}")
    return asdict(GAMES[name])


def env_kind(env: Any) -> type[Env] | type[PettingZooEnv] | type[OwnGameEnv]:
    """Return which section `env` is, by the key that only one kind has."""
    keys = env if isinstance(env, dict) else ()
    return PettingZooEnv if "pettingzoo" in keys else OwnGameEnv if "own_game" in keys else Env


class Experiment(Section):
    """One question, and all settings of the runs that answer it."""

    name: str = "experiment"
    """Name of the folder below the storage; the YAML file's name unless given."""
    algorithm: Literal["ppo", "dqn", "td"] = "ppo"
    """The training algorithm."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed from which all randomness follows."""
    env: Env | PettingZooEnv | OwnGameEnv = Env()
    """The game: its name (tic_tac_toe, connect_four) or rows, cols, connect and gravity; or one's
    own, such as my_module:Class; or pettingzoo, the name of an environment."""
    multi_agent: MultiAgent = MultiAgent()
    opening: Opening = Opening()
    self_play: SelfPlay = SelfPlay()
    initialize_from: str | None = None
    """A run, checkpoint or bundle whose agent's weights training starts from; null = random
    weights."""
    model: Model = Model()
    training: PPOTraining | DQNTraining | TDTraining = Field(
        default_factory=PPOTraining, validate_default=True
    )
    """The algorithm's settings."""
    env_runners: EnvRunners = EnvRunners()
    learners: Learners = Learners()
    resources: Resources = Resources()
    evaluation: Evaluation = Evaluation()
    stop: Stop = Stop()
    checkpoint: Checkpoint = Checkpoint()
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """How often a failed trial is restarted from its last checkpoint (Tune); -1 = always."""
    search: Search | None = None
    """Many trials instead of one."""
    callbacks: tuple[str, ...] = ()
    """Callbacks of one's own: module:Class each, derived from RLlib's RLlibCallback."""
    tracking: Tracking = Tracking()
    ray: Ray = Ray()

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(NAME, value):
            raise ValueError(
                f"is {value!r}; a name has up to 128 letters, digits, '.', '_' and '-' only: "
                "rename the file, or set another name"
            )
        return value

    @field_validator("callbacks")
    @classmethod
    def _check_callbacks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            if not re.fullmatch(DOTTED_PATH, path):
                raise ValueError(f"names {path!r}; write module:Class, as in my_module:MyCallback")
        return value

    @field_validator("training", mode="wrap")
    @classmethod
    def _of_this_algorithm(
        cls, value: Any, union: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> PPOTraining | DQNTraining | TDTraining:
        # Not left to the union, which would name all algorithms in every error.
        section = TRAINING[info.data.get("algorithm", "ppo")]
        on_pettingzoo = isinstance(info.data.get("env"), PettingZooEnv)
        if isinstance(value, Training):
            # The default is PPO's, on our own boards.
            given = value.model_dump(mode="json", exclude_unset=True)
            if given and type(value) is not section:
                raise ValueError(
                    f"is {type(value).__name__}; with algorithm {info.data.get('algorithm')} give "
                    f"{section.__name__}"
                )
            value = given
        if on_pettingzoo and isinstance(value, dict):
            value = {**PETTINGZOO_TRAINING.get(section, {}), **value}
        # Validated as JSON again: only there does pydantic take a list for a tuple, and what this
        # validator is given are Python's lists.
        return section.model_validate_json(json.dumps(value), strict=info.mode == "json")

    @field_validator("env", mode="wrap")
    @classmethod
    def _env_of_one_kind(
        cls, value: Any, union: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Env | PettingZooEnv | OwnGameEnv:
        if isinstance(value, (Env, PettingZooEnv, OwnGameEnv)):
            return value
        value = named_env(value) if isinstance(value, str) else value
        kind = env_kind(value)
        # Not left to the union, which would name both kinds in every error.
        return kind.model_validate_json(json.dumps(value), strict=info.mode == "json")

    @model_validator(mode="after")
    def _check(self) -> Experiment:
        for refusal in refusals(self):
            raise ValueError(refusal)
        opening = self._opening_of_the_game()
        return self if opening is self.opening else self.model_copy(update={"opening": opening})

    @property
    def num_trials(self) -> int:
        """Trials in all."""
        return self.search.num_trials if self.search else 1

    @property
    def needs_table(self) -> bool:
        """Whether a limit, or what trials or checkpoints are chosen by, needs the game's table."""
        objective = self.objective[0] if self.search else ""
        is_exact = objective.startswith(EXACT_GROUPS) and objective != PENALISED_MOVES
        by_table = self.checkpoint.checkpoint_score_attribute in OF_THE_TABLE
        return self.stop.optimal_move_rate is not None or is_exact or by_table

    @property
    def stops_by_proof(self) -> bool:
        """Whether trials can be ranked by the moves until they are unexploitable.

        Those that never get there need `stop.moves` for their penalty.
        """
        return bool(self.stop.consecutive_unexploitable_evals and self.stop.moves)

    @property
    def objective(self) -> tuple[str, Literal["min", "max"]]:
        """The metric that decides which trial is best, and whether it is minimised or maximised."""
        name = PENALISED_MOVES if self.stops_by_proof else NASH_CONV
        search = self.search
        if search and search.objective:
            name = search.objective
        mode: Literal["min", "max"] = "max" if BETTER.get(name) == "higher" else "min"
        return name, (search.mode if search and search.mode else mode)

    @property
    def on_pettingzoo(self) -> bool:
        """Whether RLlib's own env runner plays in a PettingZoo environment."""
        return isinstance(self.env, PettingZooEnv)

    def _opening_of_the_game(self) -> Opening:
        """Return the opening, its default cut to what the environment or a small board allows."""
        if self.on_pettingzoo:
            return NO_OPENING if any(self.opening.random_plies) else self.opening
        if not isinstance(self.env, Env):
            return self.opening
        most = self.env.game.num_squares - 1
        if self.opening.random_plies[1] <= most:
            return self.opening
        return self.opening.model_copy(update={"random_plies": (0, most)})
