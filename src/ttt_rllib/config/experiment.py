"""An experiment: the schema of the YAML files.

Defaults live here and in the sections beside it and nowhere else; a YAML file holds what
differs. Section and field names are RLlib's (`AlgorithmConfig`) and Tune's where the setting
is theirs. This module must not know ray: `rl.algorithm_config` turns an `Experiment` into an
`AlgorithmConfig`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
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
from ttt_rllib.metrics import (
    BETTER,
    CUSTOM,
    EXACT_GROUPS,
    NASH_CONV,
    OF_THE_TABLE,
    PENALISED_MOVES,
)

__all__ = ["Experiment", "env_kind", "named_env"]

PETTINGZOO_TRAINING: dict[type[Training], dict[str, Any]] = {
    # Clipped, errors of more than its root would teach the value head nothing.
    PPOTraining: {"vf_clip_param": None},
    # RLlib's own DQN has no other targets.
    DQNTraining: {"zero_sum_targets": False},
}
"""Defaults that differ where RLlib's own learner learns from an environment of any kind."""

OF_THE_RUN = (
    *("stop.", "checkpoint.", "tracking.", "ray."),
    *("evaluation.certificate", "evaluation.max_positions"),
)
"""Settings that decide nothing in a single trial, so that to search them would do nothing."""

LEAST_KEPT_BY_PBT = 3
"""Checkpoints to keep, so that none is removed while another trial copies it."""


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
    """The game: its name (tic_tac_toe, connect_four) or rows, cols, connect and gravity; or your
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
    """Your own callbacks: module:Class each, derived from RLlib's RLlibCallback."""
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
        for name in ("consecutive_unexploitable_evals", "optimal_move_rate"):
            if getattr(self.stop, name) and not self.evaluation.evaluation_interval:
                raise ValueError(
                    f"stop.{name} needs exact evaluation; "
                    "set evaluation.evaluation_interval to 1 or more"
                )
        if self.opening.refuted_starts and not self.evaluation.evaluation_interval:
            raise ValueError(
                f"opening.refuted_starts is {self.opening.refuted_starts:g}, but only evaluations "
                "find such positions; set evaluation.evaluation_interval to 1 or more"
            )
        self._check_search()
        if not any(limit for _, limit in self.stop):
            raise ValueError("stop has no limit at all; set one of " + ", ".join(Stop.model_fields))
        self._check_own_network()
        if self.model.symmetry_average and self.algorithm != "td":
            raise ValueError(
                f"model.symmetry_average is true; {self.algorithm} chooses moves, and only td "
                "values positions: set it to false, or algorithm to td"
            )
        return self._check_pettingzoo() if self.on_pettingzoo else self._check_opening()

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

    def _check_own_network(self) -> None:
        """Refuse what a network of one's own cannot do."""
        if self.model.class_ is None:
            return
        own = f"with model.class {self.model.class_}"
        if self.algorithm != "ppo":
            raise ValueError(
                f"algorithm is {self.algorithm}; {own} only ppo trains: set algorithm to ppo"
            )
        if self.on_pettingzoo:
            raise ValueError(
                f"env.pettingzoo is set; {own} the game is one of our boards: set env to one"
            )
        if self.self_play.is_on:
            raise ValueError(
                f"self_play.matchmaking is {self.self_play.matchmaking}; {own} there is no league, "
                "whose players are asked without torch: set it to none"
            )
        if self.initialize_from is not None:
            raise ValueError(
                f"initialize_from is {self.initialize_from}; {own} training starts from the "
                "weights that the class gives itself: leave it out"
            )

    def _check_search(self) -> None:
        search, (objective, _) = self.search, self.objective
        if search is None:
            return
        for key in ("initialize_from", "self_play.members"):
            if key in search.space:
                raise ValueError(
                    f"search.{key}: agents are not searched, as a run has one copy of each; set "
                    f"{key} for all trials"
                )
        of_the_run = next((key for key in search.space if key.startswith(OF_THE_RUN)), None)
        if of_the_run is not None:
            raise ValueError(
                f"search.{of_the_run}: all trials of a run have the same; set {of_the_run} for all"
            )
        if any(key.split(".")[:2] == ["evaluation", "metrics"] for key in search.space):
            raise ValueError(
                "search.evaluation.metrics: trials that measure different things cannot be "
                "compared; set evaluation.metrics for all trials"
            )
        if objective.startswith(CUSTOM):
            self._check_own_objective(objective)
        self._check_searched_network(search)
        if objective == PENALISED_MOVES and not self.stops_by_proof:
            raise ValueError(
                f"search.objective {PENALISED_MOVES} needs both "
                "stop.consecutive_unexploitable_evals and stop.moves"
            )
        if objective.startswith(EXACT_GROUPS) and not self.evaluation.evaluation_interval:
            raise ValueError(
                f"search.objective {objective} needs exact evaluation; "
                "set evaluation.evaluation_interval to 1 or more"
            )
        kept = self.checkpoint.num_to_keep
        if search.algorithm == "pbt" and kept is not None and kept < LEAST_KEPT_BY_PBT:
            raise ValueError(
                f"checkpoint.num_to_keep is {kept}; with pbt it is {LEAST_KEPT_BY_PBT} or more, or "
                "null: a checkpoint must not be gone before it is copied"
            )

    def _check_own_objective(self, objective: str) -> None:
        """Refuse an objective that nothing reports; what a callback reports nobody can tell."""
        known = [f"{CUSTOM}{name}" for name in self.evaluation.metrics]
        if not self.callbacks and not f"{objective}/".startswith(
            tuple(f"{name}/" for name in known)
        ):
            meant = did_you_mean(objective, known) or "; name it in evaluation.metrics"
            raise ValueError(f"search.objective: there is no metric {objective!r}{meant}")

    def _check_searched_network(self, search: Search) -> None:
        """Refuse to search what a given agent decides: most of the trials would not start."""
        given = {
            "initialize_from": ("model.", "env.") if self.initialize_from else (),
            "self_play.members": ("env.",) if self.self_play.members else (),
        }
        for setting, sections in given.items():
            for key in search.space:
                if key.startswith(sections):
                    raise ValueError(
                        f"search.{key}: {setting} names an agent with its own game and network; "
                        f"search neither, or leave {setting} out"
                    )

    def _check_pettingzoo(self) -> Experiment:
        for refusal in self._refused_on_pettingzoo():
            raise ValueError(refusal)
        if self.opening.random_plies == NO_OPENING.random_plies:
            return self
        if "random_plies" in self.opening.model_fields_set:
            raise ValueError(
                f"opening.random_plies is {list(self.opening.random_plies)}; with env.pettingzoo "
                "games begin as the environment begins them: leave it out"
            )
        return self.model_copy(update={"opening": NO_OPENING})

    def _refused_on_pettingzoo(self) -> Iterator[str]:
        """Yield a sentence for every setting that RLlib's own path has nothing for."""
        yield from self._refused_learning_on_pettingzoo()
        if self.self_play.is_on:
            yield (
                f"self_play.matchmaking is {self.self_play.matchmaking}; with env.pettingzoo "
                "RLlib's own env runner plays, which knows no league: set it to none"
            )
        if self.initialize_from is not None:
            yield (
                f"initialize_from is {self.initialize_from}; with env.pettingzoo RLlib's own "
                "learner learns, which starts from random weights: leave it out"
            )
        if self.env_runners.sample_beside_learning:
            yield (
                "env_runners.sample_beside_learning is true; with env.pettingzoo RLlib's own env "
                "runner plays, which learns and samples in turns: set it to false"
            )
        if self.learners.num_learners > 1:
            yield (
                f"learners.num_learners is {self.learners.num_learners}; with env.pettingzoo "
                "RLlib's own learner learns, which fails where its shards of a batch differ in "
                "their numbers of games: set it to 0 or 1"
            )
        if self.opening.refuted_starts:
            yield (
                f"opening.refuted_starts is {self.opening.refuted_starts:g}; with env.pettingzoo "
                "games begin as the environment begins them: set it to 0"
            )

    def _refused_learning_on_pettingzoo(self) -> Iterator[str]:
        training = self.training
        if isinstance(training, TDTraining):
            yield (
                "algorithm is td; with env.pettingzoo RLlib's own learners learn, and nothing "
                "knows what follows a move without playing it: set it to ppo or dqn"
            )
        if self.model.threat_planes:
            yield (
                "model.threat_planes is true; with env.pettingzoo the network sees what the "
                "environment shows it, and its lines may not be ours: set it to false"
            )
        if self.model.tactical_rule:
            yield (
                "model.tactical_rule is true; with env.pettingzoo the environment's own mask says "
                "which moves may be chosen: set it to false"
            )
        if self.model.lookahead:
            yield (
                f"model.lookahead is {self.model.lookahead}; with env.pettingzoo nothing knows "
                "what follows a move without playing it: set it to 0"
            )
        if isinstance(training, DQNTraining) and training.zero_sum_targets:
            yield (
                "training.zero_sum_targets is true; with env.pettingzoo RLlib's own DQN learns, "
                "whose targets are the mover's own next turn: set it to false"
            )
        if isinstance(training, PPOTraining) and training.exploring_starts:
            yield (
                f"training.exploring_starts is {training.exploring_starts}; with "
                "env.pettingzoo RLlib's own env runner plays, which has none: set it to 0"
            )

    def _check_own_game(self) -> None:
        """Refuse what needs squares and lines, or a position from what the network sees of it."""
        refused = {"threat_planes": False, "tactical_rule": False, "lookahead": 0}
        for name, plain in refused.items():
            if getattr(self.model, name) != plain:
                raise ValueError(
                    f"model.{name} knows lines on a board, and env.own_game has none: set it to "
                    f"{json.dumps(plain)}"
                )
        if self.algorithm == "td":
            raise ValueError(
                "algorithm is td, which plays moves to value what follows them; with env.own_game "
                "set it to ppo or dqn"
            )

    def _check_opening(self) -> Experiment:
        if self.multi_agent.policies != "shared":
            raise ValueError(
                f"multi_agent.policies is {self.multi_agent.policies}; one network plays both "
                "seats of our own boards: set it to shared, or play on env.pettingzoo"
            )
        if not isinstance(self.env, Env):
            # How long its games are is known once it is enumerated; a random opening ends before
            # the game does.
            self._check_own_game()
            return self
        most = self.env.game.num_squares - 1
        if self.opening.random_plies[1] <= most:
            return self
        if "random_plies" in self.opening.model_fields_set:
            raise ValueError(
                f"opening.random_plies is {list(self.opening.random_plies)}; a game of "
                f"{most + 1} squares takes at most {most}"
            )
        opening = self.opening.model_copy(update={"random_plies": (0, most)})
        return self.model_copy(update={"opening": opening})
