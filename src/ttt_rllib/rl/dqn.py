"""Self-play DQN on RLlib's new API stack, with vectorised boards and exact evaluation.

`SelfPlayDQN` is RLlib's DQN with another `training_step`: every iteration each board plays
one game, the moves go into a ring buffer that is part of the checkpoint, and the
LearnerGroup makes as many gradient steps as `training_intensity` asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.dqn.dqn import DQN, DQNConfig
from ray.rllib.algorithms.dqn.dqn_learner import QF_LOSS_KEY, QF_MEAN_KEY, TD_ERROR_MEAN_KEY
from ray.rllib.core.learner.learner import DEFAULT_OPTIMIZER, LR_KEY
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.from_config import NotProvided
from ray.rllib.utils.metrics import LEARNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from ttt_rllib.metrics import LR, Q_MEAN, TD_ERROR, TD_LOSS
from ttt_rllib.rl.dqn_learner import SelfPlayDQNLearner
from ttt_rllib.rl.q_network import BoardQNetwork
from ttt_rllib.rl.replay_buffer import ReplayBuffer
from ttt_rllib.rl.self_play import EpsilonGreedyMixin, SelfPlayConfig
from ttt_rllib.sampling.columns import Columns, dqn_columns, epsilon_greedy_exploration
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import Games

__all__ = ["REPLAY_BUFFER", "SelfPlayDQN", "SelfPlayDQNConfig"]

REPLAY_BUFFER = "replay_buffer"


class SelfPlayDQNConfig(SelfPlayConfig, DQNConfig):
    """DQNConfig for board games; call `self_play` to choose the game."""

    MODULE = BoardQNetwork
    HEAD = "q"
    LEARNER = SelfPlayDQNLearner
    EXPLORATION = staticmethod(epsilon_greedy_exploration)

    def __init__(self, algo_class: type[Algorithm] | None = None) -> None:
        super().__init__(algo_class=algo_class or SelfPlayDQN)
        self.zero_sum_targets = True
        self.training(
            gamma=1.0,
            # RLlib's own buffers hold episodes and are not checkpointed, so it makes none.
            replay_buffer_config={
                "type": "EpisodeReplayBuffer",
                "capacity": 100_000,
                "no_local_replay_buffer": True,
            },
        )
        self.set_up_self_play()

    def training(self, *, zero_sum_targets: bool = NotProvided, **kwargs: Any) -> Any:
        """Set what DQN's `training` sets, and the kind of target.

        Args:
            zero_sum_targets: Whether to bootstrap from the opponent's next position, with a
                negative sign, instead of the mover's own next turn.
            **kwargs: As for `DQNConfig.training`.

        Returns:
            This config.
        """
        if zero_sum_targets is not NotProvided:
            self.zero_sum_targets = zero_sum_targets
        return super().training(**kwargs)

    def columns(self) -> Callable[[Games], Columns]:
        """Return what turns games into the transitions that DQN learns from."""
        return partial(dqn_columns, zero_sum=self.zero_sum_targets)


class SelfPlayDQN(EpsilonGreedyMixin, DQN):
    """DQN self-play with exact evaluation."""

    ALGORITHM = "DQN"
    LEARNER_FIGURES: ClassVar[dict[str, str]] = {
        TD_LOSS: QF_LOSS_KEY,
        TD_ERROR: TD_ERROR_MEAN_KEY,
        Q_MEAN: QF_MEAN_KEY,
        LR: f"{DEFAULT_OPTIMIZER}_{LR_KEY}",
    }

    @classmethod
    def get_default_config(cls) -> SelfPlayDQNConfig:
        """Return a config for tic-tac-toe."""
        return SelfPlayDQNConfig()

    def setup(self, config: Any) -> None:
        """Build everything, as RLlib does, and the replay buffer."""
        super().setup(config)
        self.replay_buffer = ReplayBuffer(self.config.replay_buffer_config["capacity"])

    def training_step(self) -> None:
        """Sample, learn from the replay buffer, send the weights, evaluate."""
        self._moves_before = self.moves()
        super().training_step()

    def moves_to_sample(self) -> tuple[int, float]:
        """Return that every board plays a game, and the share of random moves."""
        return 0, self.epsilon()

    def learn(self, batch: MultiAgentBatch) -> None:
        """Keep the batch, and make the gradient steps that are due."""
        self.replay_buffer.add(dict(batch.policy_batches[MODULE_ID]))
        due = self._gradient_steps(self.moves()) - self._gradient_steps(self._moves_before)
        if due:
            self._make_gradient_steps(due)

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return RLlib's state and the replay buffer."""
        state = super().get_state(*args, **kwargs)
        return {**state, REPLAY_BUFFER: self.replay_buffer.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`."""
        super().set_state(state)
        if REPLAY_BUFFER in state:
            self.replay_buffer.set_state(state[REPLAY_BUFFER])

    def _gradient_steps(self, moves: int) -> int:
        """Return the number of gradient steps that are due after so many moves."""
        config = self.config
        learning = max(0, moves - config.num_steps_sampled_before_learning_starts)
        return int(learning * config.training_intensity / self._moves_per_step())

    def _moves_per_step(self) -> int:
        learners = max(1, self.config.num_learners)
        return int(self.config.train_batch_size_per_learner * learners)

    def _make_gradient_steps(self, gradient_steps: int) -> None:
        rows = gradient_steps * self._moves_per_step()
        drawn = SampleBatch(self.replay_buffer.sample(rows, self.rng()))
        results = self.learner_group.update(
            batch=MultiAgentBatch({MODULE_ID: drawn}, rows),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: self.moves()},
            num_epochs=1,
            minibatch_size=self.config.train_batch_size_per_learner,
        )
        self.metrics.aggregate(results, key=LEARNER_RESULTS)
