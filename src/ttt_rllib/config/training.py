"""The network, and the settings of the three algorithms."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from ttt_rllib.config.own_code import DOTTED_PATH
from ttt_rllib.config.section import Schedule, Section, Share

__all__ = [
    "TRAINING",
    "DQNTraining",
    "Model",
    "PPOTraining",
    "ReplayBuffer",
    "TDTraining",
    "Training",
]


OF_OUR_NETWORK = (
    "hidden_sizes",
    "activation",
    "threat_planes",
    "tactical_rule",
    "symmetry_average",
    "lookahead",
)
"""Settings that describe our own network, and what it knows."""


class Model(Section):
    """The network."""

    hidden_sizes: tuple[PositiveInt, ...] = (128, 128)
    """Units of the hidden layers."""
    activation: Literal["relu", "tanh"] = "relu"
    """Activation of the hidden layers."""
    threat_planes: bool = False
    """Show the network where the mover, and where the opponent, would complete a line, and the
    lines on which each lacks two stones: four more planes of squares. Knowledge of the game that is
    not learnt."""
    tactical_rule: bool = False
    """Choose only moves that win at once; if there are none, only moves after which the opponent
    cannot win at once, if there are any. Knowledge of the game that is not learnt."""
    symmetry_average: bool = False
    """Value a position by the mean over all rotations and reflections of the board that keep the
    rules (2 with gravity, else 4, or 8 on a square board) where the agent is evaluated and saved;
    training games are played without. Only for algorithm td."""
    lookahead: int = Field(default=0, ge=0, le=6)
    """Plies that the agent looks ahead where it is evaluated and saved; training games are played
    without. An evaluation takes several times as long for every ply."""
    class_: str | None = Field(default=None, alias="class")
    """Your own network: module:Net, a subclass of torch.nn.Module; null = the network that
    hidden_sizes and activation describe."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Arguments of that class, beside the game."""

    @model_validator(mode="after")
    def _check(self) -> Model:
        if self.class_ is None:
            if self.kwargs:
                raise ValueError("kwargs is for your own network; give its class, too")
            return self
        if not re.fullmatch(DOTTED_PATH, self.class_):
            raise ValueError(f"class is {self.class_!r}; write module:Net, as in my_module:Net")
        for name in OF_OUR_NETWORK:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} is set, and so is class, {self.class_}: your own network has "
                    f"no such setting; leave {name} out, or give it among kwargs"
                )
        return self


class Training(Section):
    """Settings of all algorithms, with RLlib's names (`AlgorithmConfig.training`)."""

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

    @field_validator("epsilon", check_fields=False)
    @classmethod
    def _check_share(cls, value: Schedule) -> Schedule:
        greatest = max(point[1] for point in value) if isinstance(value, tuple) else value
        if greatest > 1.0:
            raise ValueError(f"is {greatest}; it is at most 1")
        return value


class PPOTraining(Training):
    """PPO."""

    gamma: Share = 1.0
    """Discount per ply."""
    lr: Schedule = 3e-3
    """Learning rate of Adam; a number or a schedule over moves."""
    lambda_: Share = 0.8
    """Weight of longer returns in the advantage estimates."""
    train_batch_size_per_learner: PositiveInt = 4096
    """Least number of moves per learner and iteration; only whole games are used."""
    minibatch_size: PositiveInt = 1024
    """Approximate number of moves per gradient step; a batch is cut into equal parts of about this
    size."""
    num_epochs: PositiveInt = 4
    """Passes over a batch."""
    clip_param: PositiveFloat = 0.2
    """Greatest deviation of the probability ratio from 1 that is rewarded."""
    vf_loss_coeff: PositiveFloat = 0.5
    """Weight of the value loss."""
    vf_clip_param: PositiveFloat | None = 10.0
    """Greatest squared value error that counts; null = no limit, the default with env.pettingzoo,
    whose rewards may be of any size."""
    entropy_coeff: Schedule = 0.0
    """Weight of the entropy bonus; a number or a schedule over moves."""
    exploring_starts: Share = 0.0
    """Share of games whose first move after the opening is uniformly random; such a move is learnt
    from only where it turns out better than expected."""

    @model_validator(mode="after")
    def _check(self) -> PPOTraining:
        _check_minibatch(self.minibatch_size, self.train_batch_size_per_learner)
        return self


class ReplayBuffer(Section):
    """Where DQN's moves are kept (`replay_buffer_config`)."""

    capacity: PositiveInt = 100_000
    """Moves kept; the oldest are overwritten."""


class DQNTraining(Training):
    """Double DQN."""

    gamma: Share = 1.0
    """Discount per ply."""
    lr: Schedule = 1e-3
    """Learning rate of Adam; a number or a schedule over moves."""
    train_batch_size_per_learner: PositiveInt = 512
    """Moves per gradient step of each learner, drawn from the replay buffer."""
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


class TDTraining(Training):
    """TD(lambda) on afterstates."""

    lr: Schedule = 1e-3
    """Learning rate of Adam; a number or a schedule over moves."""
    lambda_: Share = 0.7
    """Weight of longer returns in the targets."""
    epsilon: Schedule = 0.1
    """Share of uniformly random moves while sampling; a number or a schedule over moves."""
    train_batch_size_per_learner: PositiveInt = 4096
    """Least number of moves per learner and iteration; only whole games are used."""
    minibatch_size: PositiveInt = 512
    """Approximate number of positions per gradient step; a batch is cut into equal parts of about
    this size."""
    num_epochs: PositiveInt = 1
    """Passes over a batch."""
    mirrored_copies: bool = True
    """Learn from every position twice: as it was, and rotated or reflected."""
    td_error_loss_fn: Literal["huber", "mse"] = "mse"
    """Loss of the value error."""

    @model_validator(mode="after")
    def _check(self) -> TDTraining:
        _check_minibatch(self.minibatch_size, self.train_batch_size_per_learner)
        return self


def _check_minibatch(minibatch_size: int, batch_size: int) -> None:
    if minibatch_size > batch_size:
        raise ValueError(
            f"minibatch_size is {minibatch_size}; it is at most "
            f"train_batch_size_per_learner, {batch_size}"
        )


TRAINING: dict[str, type[PPOTraining] | type[DQNTraining] | type[TDTraining]] = {
    "ppo": PPOTraining,
    "dqn": DQNTraining,
    "td": TDTraining,
}
"""The section `training` of each algorithm."""
