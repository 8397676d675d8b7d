"""Self-play PPO on RLlib's new API stack, with vectorised boards and exact evaluation.

`SelfPlayPPO` is RLlib's PPO with another `training_step`: board env runners return
columns, the LearnerGroup updates on them, the weights go back, and the network is
evaluated exactly. Everything else - actors, fault tolerance, learners, DDP,
checkpoints, Tune - is RLlib's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo.ppo import (
    LEARNER_RESULTS_CURR_ENTROPY_COEFF_KEY,
    LEARNER_RESULTS_KL_KEY,
    PPO,
    PPOConfig,
)
from ray.rllib.core.learner.learner import (
    DEFAULT_OPTIMIZER,
    ENTROPY_KEY,
    LR_KEY,
    POLICY_LOSS_KEY,
    VF_LOSS_KEY,
)
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import LEARNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from ttt_rllib.metrics import ENTROPY, ENTROPY_COEFF, KL, LR, POLICY_LOSS, VF_LOSS
from ttt_rllib.rl.actor_critic import BoardActorCritic
from ttt_rllib.rl.ppo_learner import SelfPlayPPOLearner
from ttt_rllib.rl.self_play import SelfPlayConfig, SelfPlayMixin
from ttt_rllib.sampling.columns import Columns, policy_exploration, ppo_columns
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import Games

__all__ = ["SelfPlayPPO", "SelfPlayPPOConfig"]


class SelfPlayPPOConfig(SelfPlayConfig, PPOConfig):
    """PPOConfig for board games; call `self_play` to choose the game."""

    MODULE = BoardActorCritic
    LEARNER = SelfPlayPPOLearner
    EXPLORATION = staticmethod(policy_exploration)

    def __init__(self, algo_class: type[Algorithm] | None = None) -> None:
        super().__init__(algo_class=algo_class or SelfPlayPPO)
        self.training(use_kl_loss=False)
        self.set_up_self_play()

    def columns(self) -> Callable[[Games], Columns]:
        """Return what turns games into the columns that PPO learns from."""
        return partial(ppo_columns, gamma=self.gamma, lambda_=self.lambda_)


class SelfPlayPPO(SelfPlayMixin, PPO):
    """PPO self-play with exact evaluation."""

    ALGORITHM = "PPO"
    LEARNER_FIGURES: ClassVar[dict[str, str]] = {
        POLICY_LOSS: POLICY_LOSS_KEY,
        VF_LOSS: VF_LOSS_KEY,
        ENTROPY: ENTROPY_KEY,
        KL: LEARNER_RESULTS_KL_KEY,
        LR: f"{DEFAULT_OPTIMIZER}_{LR_KEY}",
        ENTROPY_COEFF: LEARNER_RESULTS_CURR_ENTROPY_COEFF_KEY,
    }

    @classmethod
    def get_default_config(cls) -> SelfPlayPPOConfig:
        """Return a config for tic-tac-toe."""
        return SelfPlayPPOConfig()

    def moves_to_sample(self) -> tuple[int, float]:
        """Return the size of the training batch of all learners."""
        return self.config.train_batch_size_per_learner * max(1, self.config.num_learners), 0.0

    def learn(self, batch: MultiAgentBatch) -> None:
        """Make `num_epochs` passes over the batch."""
        results = self.learner_group.update(
            batch=_prepare(batch, max(1, self.config.num_learners)),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: self.moves()},
            num_epochs=self.config.num_epochs,
            minibatch_size=self.config.minibatch_size,
        )
        self.metrics.aggregate(results, key=LEARNER_RESULTS)


def _prepare(batch: MultiAgentBatch, num_shards: int) -> MultiAgentBatch:
    """Standardise the advantages, and cut the batch to equal shards: DDP hangs on unequal ones."""
    columns = batch.policy_batches[MODULE_ID]
    advantages = columns[Postprocessing.ADVANTAGES]
    spread = max(1e-4, float(advantages.std()))
    columns[Postprocessing.ADVANTAGES] = (advantages - advantages.mean()) / np.float32(spread)
    rows = len(columns) // num_shards * num_shards
    return MultiAgentBatch({MODULE_ID: columns[:rows]}, rows)
