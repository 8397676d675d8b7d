"""An experiment: the schema of the YAML files.

Defaults live here and nowhere else; a YAML file holds what differs. Section and field
names are RLlib's (`AlgorithmConfig`) and Tune's where the setting is theirs. Knows nothing
of ray: `rl.build` turns an `Experiment` into an `AlgorithmConfig`.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from ttt_envs.game import GAMES, Game
from ttt_rllib.wrong_input import nearest

__all__ = [
    "NAME",
    "TRAINING",
    "DQNTraining",
    "Env",
    "Experiment",
    "PPOTraining",
    "PettingZooEnv",
    "Section",
]

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""What can name an experiment or a run, and so a folder."""


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[NonNegativeInt, float]
Schedule = float | Annotated[tuple[Point, ...], Field(min_length=2)]
"""A number, or RLlib's piecewise linear schedule [[moves, value], ...] that starts at 0 moves."""


class Section(BaseModel):
    """A part of an experiment: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Env(Section):
    """The game: two players alternate, and whoever first owns a line wins."""

    rows: PositiveInt = 3
    """Rows of the board; rows x cols is at most 64 squares."""
    cols: PositiveInt = 3
    """Columns of the board."""
    connect: PositiveInt = 3
    """Length of a winning line in squares."""
    gravity: bool = False
    """Stones fall to the bottom of their column, and an action names a column."""

    @property
    def game(self) -> Game:
        """The rules."""
        return Game(self.rows, self.cols, self.connect, self.gravity)

    @model_validator(mode="after")
    def _check(self) -> Env:
        _ = self.game
        return self


class PettingZooEnv(Section):
    """An environment of PettingZoo's, trained on by RLlib's own env runner and learner."""

    pettingzoo: str
    """A module of pettingzoo.classic, or the dotted path of any other that has env()."""
    kwargs: dict[str, Any] = {}
    """Arguments of env()."""

    @property
    def game(self) -> Game | None:
        """The rules, if they are known to us.

        Raises:
            InputError: If the environment is not there or cannot be trained on.
        """
        from ttt_rllib.pettingzoo_games import known_game, make_env

        return known_game(make_env(self.pettingzoo, self.kwargs))


class MultiAgent(Section):
    """Who plays the seats (`AlgorithmConfig.multi_agent`)."""

    policies: Literal["shared", "separate"] = "shared"
    """One network plays both seats, or each seat has its own (only with env.pettingzoo)."""


class Opening(Section):
    """Exploring starts, without which self-play stays exploitable off its own lines."""

    random_plies: tuple[NonNegativeInt, NonNegativeInt] = (0, 8)
    """Least and greatest number of uniformly random plies before a game is played; the default
    is cut to what a small board allows."""

    @model_validator(mode="after")
    def _check(self) -> Opening:
        if self.random_plies[0] > self.random_plies[1]:
            raise ValueError(
                f"random_plies is {list(self.random_plies)}; the least number comes first"
            )
        return self


NO_OPENING = Opening(random_plies=(0, 0))


class Model(Section):
    """The network."""

    hiddens: tuple[PositiveInt, ...] = (128, 128)
    """Units of the hidden layers."""
    activation: Literal["relu", "tanh"] = "relu"
    """Activation of the hidden layers."""


class Training(Section):
    """What both algorithms have, with RLlib's names (`AlgorithmConfig.training`)."""

    gamma: Share = 1.0
    """Discount a ply."""
    grad_clip: PositiveFloat | None = 0.5
    """Greatest norm of the gradient; null = no limit."""

    @field_validator("lr", "entropy_coeff", "epsilon", check_fields=False)
    @classmethod
    def _check_schedule(cls, value: Schedule) -> Schedule:
        if isinstance(value, tuple):
            moves = [point[0] for point in value]
            if moves[0] != 0 or moves != sorted(set(moves)):
                raise ValueError(f"a schedule starts at 0 moves and ascends; its moves are {moves}")
        values = [point[1] for point in value] if isinstance(value, tuple) else [value]
        if min(values) < 0:
            raise ValueError(f"is {min(values)}; it is 0 or greater")
        return value


class PPOTraining(Training):
    """PPO."""

    lr: Schedule = 3e-3
    """Learning rate of Adam; a number or a schedule over moves."""
    lambda_: Share = 0.8
    """Weight of longer returns in the advantage estimates."""
    train_batch_size_per_learner: PositiveInt = 4096
    """Moves per learner an iteration, at least; only whole games are used."""
    minibatch_size: PositiveInt = 1024
    """Moves a gradient step, about; a batch is cut into equal parts of about this size."""
    num_epochs: PositiveInt = 4
    """Passes over a batch."""
    clip_param: PositiveFloat = 0.2
    """Greatest deviation of the probability ratio from 1 that is rewarded."""
    vf_loss_coeff: PositiveFloat = 0.5
    """Weight of the value loss."""
    vf_clip_param: PositiveFloat = 10.0
    """Greatest squared value error that counts."""
    entropy_coeff: Schedule = 0.0
    """Weight of the entropy bonus; a number or a schedule over moves."""
    exploring_starts: Share = 0.0
    """Share of games whose first move after the opening is uniformly random; it is learnt from
    where it turns out better than expected."""

    @model_validator(mode="after")
    def _check(self) -> PPOTraining:
        if self.minibatch_size > self.train_batch_size_per_learner:
            raise ValueError(
                f"minibatch_size is {self.minibatch_size}; it is at most "
                f"train_batch_size_per_learner, {self.train_batch_size_per_learner}"
            )
        return self


class ReplayBuffer(Section):
    """Where DQN's moves are kept (`replay_buffer_config`)."""

    capacity: PositiveInt = 100_000
    """Moves kept; the oldest are overwritten."""


class DQNTraining(Training):
    """Double DQN."""

    lr: Schedule = 1e-3
    """Learning rate of Adam; a number or a schedule over moves."""
    train_batch_size_per_learner: PositiveInt = 512
    """Moves a gradient step of each learner, drawn from the replay buffer."""
    training_intensity: PositiveFloat = 4.0
    """How often a move is learnt from on average: moves learnt from by moves sampled."""
    num_steps_sampled_before_learning_starts: NonNegativeInt = 2_000
    """Moves sampled before the first gradient step."""
    epsilon: Schedule = 0.5
    """Share of uniformly random moves while sampling; a number or a schedule over moves."""
    double_q: bool = True
    """Choose the successor's move with the online network, value it with the target network."""
    tau: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the online weights in an update of the target network."""
    target_network_update_freq: PositiveInt = 10_000
    """Moves between updates of the target network, rounded up to whole iterations."""
    td_error_loss_fn: Literal["huber", "mse"] = "huber"
    """Loss of the temporal-difference error."""
    zero_sum_targets: bool = True
    """Bootstrap from the opponent's next position, which counts negative; false: from the
    mover's own next turn, as RLlib does."""
    replay_buffer_config: ReplayBuffer = ReplayBuffer()

    @field_validator("epsilon")
    @classmethod
    def _check_share(cls, value: Schedule) -> Schedule:
        greatest = max(point[1] for point in value) if isinstance(value, tuple) else value
        if greatest > 1.0:
            raise ValueError(f"is {greatest}; it is at most 1")
        return value


TRAINING: dict[str, type[PPOTraining] | type[DQNTraining]] = {
    "ppo": PPOTraining,
    "dqn": DQNTraining,
}
"""The section `training` of each algorithm."""


class EnvRunners(Section):
    """Who samples (`AlgorithmConfig.env_runners`)."""

    num_env_runners: NonNegativeInt = 0
    """Actors that sample; 0 = the trial's own process does it, reproducibly to the bit."""
    num_envs_per_env_runner: PositiveInt = 512
    """Boards played in lockstep by each."""
    num_cpus_per_env_runner: Annotated[float, Field(ge=0.0)] = 1.0
    """CPUs reserved for each."""


class Learners(Section):
    """Who learns (`AlgorithmConfig.learners`)."""

    num_learners: NonNegativeInt = 0
    """Actors that compute gradients (DDP); 0 = the trial's own process does it."""
    num_cpus_per_learner: Annotated[float, Field(ge=0.0)] = 1.0
    """CPUs reserved for each learner actor."""
    num_gpus_per_learner: Annotated[float, Field(ge=0.0)] = 0.0
    """GPUs reserved for each learner."""


class Resources(Section):
    """What else a trial reserves (`AlgorithmConfig.resources`)."""

    num_cpus_for_main_process: Annotated[float, Field(ge=0.0)] = 1.0
    """CPUs reserved for the trial's own process."""


class Evaluation(Section):
    """How the agent is measured."""

    exact_interval: NonNegativeInt = 1
    """Iterations between evaluations; 0 = never. Games too large to enumerate are evaluated by
    sampled matches against fixed players instead of exactly."""


class Stop(Section):
    """When a trial ends: whichever comes first; null = does not count."""

    unexploitable_evals: PositiveInt | None = None
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
    """What is kept to resume from (Tune's CheckpointConfig); one is always made at the end."""

    checkpoint_frequency: NonNegativeInt = 50
    """Iterations between checkpoints; 0 = only at the end and on Ctrl-C."""
    num_to_keep: PositiveInt | None = 2
    """Newest checkpoints kept of a trial; null = all."""


class Experiment(Section):
    """One question, and all settings that answer it."""

    name: str = "experiment"
    """Folder under the storage; the YAML file's name unless given."""
    algorithm: Literal["ppo", "dqn"] = "ppo"
    """The training algorithm."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """All randomness follows from it."""
    env: Env | PettingZooEnv = Env()
    """The game: its name (tic_tac_toe, connect_four) or rows, cols, connect and gravity; or
    pettingzoo, the name of an environment."""
    multi_agent: MultiAgent = MultiAgent()
    opening: Opening = Opening()
    model: Model = Model()
    training: PPOTraining | DQNTraining = Field(default_factory=PPOTraining, validate_default=True)
    """The algorithm's settings."""
    env_runners: EnvRunners = EnvRunners()
    learners: Learners = Learners()
    resources: Resources = Resources()
    evaluation: Evaluation = Evaluation()
    stop: Stop = Stop()
    checkpoint: Checkpoint = Checkpoint()
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """How often a failed trial goes back to its last checkpoint (Tune); -1 = always."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(NAME, value):
            raise ValueError(
                f"is {value!r}; a name has letters, digits, '.', '_' and '-' only: "
                "rename the file, or set another name"
            )
        return value

    @field_validator("training", mode="wrap")
    @classmethod
    def _of_this_algorithm(
        cls, value: Any, union: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> PPOTraining | DQNTraining:
        # Not left to the union: it would name both algorithms in every error.
        section = TRAINING[info.data.get("algorithm", "ppo")]
        if isinstance(value, Training):
            # The default is PPO's.
            if type(value) is section:
                return value
            value = {}
        on_pettingzoo = isinstance(info.data.get("env"), PettingZooEnv)
        if section is DQNTraining and on_pettingzoo and isinstance(value, dict):
            # The only target that RLlib's own DQN has.
            value = {"zero_sum_targets": False, **value}
        # What was read from a file is JSON, where a list is good for a tuple.
        return section.model_validate_json(json.dumps(value), strict=info.mode == "json")

    @field_validator("env", mode="wrap")
    @classmethod
    def _env_of_one_kind(
        cls, value: Any, union: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Env | PettingZooEnv:
        if isinstance(value, (Env, PettingZooEnv)):
            return value
        value = cls._named_env(value)
        kind = PettingZooEnv if isinstance(value, dict) and "pettingzoo" in value else Env
        # Not left to the union: it would name both kinds in every error.
        return kind.model_validate_json(json.dumps(value), strict=info.mode == "json")

    @classmethod
    def _named_env(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in GAMES:
            raise ValueError(f"there is no game {value!r}{nearest(value, list(GAMES))}")
        game = GAMES[value]
        return {
            "rows": game.rows,
            "cols": game.cols,
            "connect": game.connect,
            "gravity": game.gravity,
        }

    @model_validator(mode="after")
    def _check(self) -> Experiment:
        for name in ("unexploitable_evals", "optimal_move_rate"):
            if getattr(self.stop, name) and not self.evaluation.exact_interval:
                raise ValueError(
                    f"stop.{name} needs exact evaluation; "
                    "set evaluation.exact_interval to 1 or more"
                )
        if not any(limit for _, limit in self.stop):
            raise ValueError("stop has no limit at all; set one of " + ", ".join(Stop.model_fields))
        return self._check_pettingzoo() if self.on_pettingzoo else self._check_opening()

    @property
    def on_pettingzoo(self) -> bool:
        """Whether RLlib's own env runner plays, in an environment of PettingZoo's."""
        return isinstance(self.env, PettingZooEnv)

    def _check_pettingzoo(self) -> Experiment:
        if isinstance(self.training, DQNTraining) and self.training.zero_sum_targets:
            raise ValueError(
                "training.zero_sum_targets is true; with env.pettingzoo RLlib's own DQN learns, "
                "whose targets are the mover's own next turn: set it to false"
            )
        if isinstance(self.training, PPOTraining) and self.training.exploring_starts:
            raise ValueError(
                f"training.exploring_starts is {self.training.exploring_starts}; with "
                "env.pettingzoo RLlib's own env runner plays, which has none: set it to 0"
            )
        if self.opening.random_plies == NO_OPENING.random_plies:
            return self
        if "random_plies" in self.opening.model_fields_set:
            raise ValueError(
                f"opening.random_plies is {list(self.opening.random_plies)}; with env.pettingzoo "
                "games begin as the environment begins them: leave it out"
            )
        return self.model_copy(update={"opening": NO_OPENING})

    def _check_opening(self) -> Experiment:
        assert isinstance(self.env, Env)  # noqa: S101 - for the type checker
        if self.multi_agent.policies != "shared":
            raise ValueError(
                f"multi_agent.policies is {self.multi_agent.policies}; one network plays both "
                "seats of our own boards: set it to shared, or play on env.pettingzoo"
            )
        most = self.env.game.num_squares - 1
        if self.opening.random_plies[1] <= most:
            return self
        if "random_plies" in self.opening.model_fields_set:
            raise ValueError(
                f"opening.random_plies is {list(self.opening.random_plies)}; a game of "
                f"{most + 1} squares takes at most {most}"
            )
        return self.model_copy(update={"opening": Opening(random_plies=(0, most))})
