"""Self-play TD(lambda) on afterstates, on RLlib's new API stack, with exact evaluation.

RLlib has no such algorithm: `SelfPlayTD` is its `Algorithm` with our env runners, module and
learner. The network is trained to know what positions are worth, and plays by what follows its
moves (Sutton and Barto, "Reinforcement Learning: An Introduction", 2nd edition, sections 6.8 and
12; Tesauro, "Temporal Difference Learning and TD-Gammon", 1995).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.core.learner.learner import DEFAULT_OPTIMIZER, LR_KEY, VF_LOSS_KEY
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.from_config import NotProvided
from ray.rllib.utils.metrics import LEARNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from ttt_rllib.metrics import LR, TD_ERROR, VF_LOSS
from ttt_rllib.rl.self_play import EpsilonGreedyMixin, SelfPlayConfig
from ttt_rllib.rl.td_learner import TD_ERROR_KEY, SelfPlayTDLearner
from ttt_rllib.rl.value_network import BoardValueNetwork
from ttt_rllib.sampling.columns import (
    Columns,
    epsilon_greedy_exploration,
    td_columns,
    with_mirrored_copies,
)
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import Games

__all__ = ["SelfPlayTD", "SelfPlayTDConfig"]


class SelfPlayTDConfig(SelfPlayConfig, AlgorithmConfig):
    """AlgorithmConfig for board games; call `self_play` to choose the game."""

    MODULE = BoardValueNetwork
    HEAD = "value"
    LEARNER = SelfPlayTDLearner
    EXPLORATION = staticmethod(epsilon_greedy_exploration)

    def __init__(self, algo_class: type[Algorithm] | None = None) -> None:
        super().__init__(algo_class=algo_class or SelfPlayTD)
        self.training(
            gamma=1.0,
            lr=1e-3,
            grad_clip=0.5,
            train_batch_size_per_learner=4096,
            minibatch_size=512,
            num_epochs=1,
            lambda_=0.7,
            epsilon=0.1,
            mirrored_copies=True,
            td_error_loss_fn="mse",
        )
        self.set_up_self_play()

    def training(
        self,
        *,
        lambda_: float = NotProvided,
        epsilon: Any = NotProvided,
        mirrored_copies: bool = NotProvided,
        td_error_loss_fn: str = NotProvided,
        **kwargs: Any,
    ) -> Any:
        """Set what RLlib's `training` sets, and what TD alone has.

        Args:
            lambda_: Weight of longer returns in the targets, in [0, 1].
            epsilon: Share of random moves while sampling; a number or a schedule over moves.
            mirrored_copies: Whether to learn from every position twice: as it was, and rotated or
                reflected.
            td_error_loss_fn: "huber" or "mse".
            **kwargs: As for `AlgorithmConfig.training`.

        Returns:
            This config.
        """
        for name, value in (
            ("lambda_", lambda_),
            ("epsilon", epsilon),
            ("mirrored_copies", mirrored_copies),
            ("td_error_loss_fn", td_error_loss_fn),
        ):
            if value is not NotProvided:
                setattr(self, name, value)
        return super().training(**kwargs)

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """Return the spec of the one module, which knows the rules."""
        known = {name: self.env_config[name] for name in ("game", "inputs")}
        return RLModuleSpec(module_class=self.MODULE, model_config={**self.model_config, **known})

    def columns(self) -> Callable[[Games], Columns]:
        """Return what turns games into the columns that TD learns from."""
        num_actions = self.env_config["game"].num_actions
        return partial(td_columns, lambda_=self.lambda_, num_actions=num_actions)


class SelfPlayTD(EpsilonGreedyMixin, Algorithm):
    """TD(lambda) self-play with exact evaluation."""

    ALGORITHM = "TD"
    LEARNER_FIGURES: ClassVar[dict[str, str]] = {
        VF_LOSS: VF_LOSS_KEY,
        TD_ERROR: TD_ERROR_KEY,
        LR: f"{DEFAULT_OPTIMIZER}_{LR_KEY}",
    }

    @classmethod
    def get_default_config(cls) -> SelfPlayTDConfig:
        """Return a config for tic-tac-toe."""
        return SelfPlayTDConfig()

    def moves_to_sample(self) -> tuple[int, float]:
        """Return the size of the training batch of all learners, and the share of random moves."""
        moves = self.config.train_batch_size_per_learner * max(1, self.config.num_learners)
        return moves, self.epsilon()

    def learn(self, batch: MultiAgentBatch) -> None:
        """Make `num_epochs` passes over the positions and their mirrored copies."""
        columns = dict(batch.policy_batches[MODULE_ID])
        if self.config.mirrored_copies:
            env = self.config.env_config
            columns = with_mirrored_copies(columns, env["game"], env["inputs"], self.rng())
        # Cut to equal shards: DDP hangs on unequal ones.
        num_shards = max(1, self.config.num_learners)
        shards = SampleBatch(columns)
        rows = len(shards) // num_shards * num_shards
        results = self.learner_group.update(
            batch=MultiAgentBatch({MODULE_ID: shards[:rows]}, rows),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: self.moves()},
            num_epochs=self.config.num_epochs,
            minibatch_size=self.config.minibatch_size,
        )
        self.metrics.aggregate(results, key=LEARNER_RESULTS)
