"""Tianshou's tic-tac-toe recipe: double DQN as the second player against random moves.

The settings are those of the defaults in Tianshou's own tic-tac-toe example; the
observation is PettingZoo's, flat. Its policy is asked in both seats, as everybody's here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from pettingzoo.classic import tictactoe_v3
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.env.pettingzoo_env import PettingZooEnv
from tianshou.policy import DQNPolicy, MultiAgentPolicyManager, RandomPolicy
from tianshou.trainer import OffpolicyTrainer
from tianshou.utils.net.common import Net

from benchmarks.race import Standing, run_contestant
from ttt_envs.game import TIC_TAC_TOE
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import Table

HIDDENS = (128, 128, 128, 128)
LR = 1e-4
DISCOUNT = 0.9
ESTIMATION_STEPS = 3
TARGET_UPDATE_STEPS = 320
BUFFER_MOVES = 20_000
NUM_ENVS = 10
MOVES_PER_COLLECT = 10
MOVES_PER_EPOCH = 1000
UPDATES_PER_MOVE = 0.1
BATCH_MOVES = 64
TRAIN_EPSILON, TEST_EPSILON = 0.1, 0.05
MAX_EPOCHS = 100_000


def train(seed: int) -> Iterator[Standing]:
    """Train for ever; after every epoch yield the moves and the policy so far."""
    np.random.seed(seed)  # noqa: NPY002 - Tianshou draws from the global generators
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    trainer, learner = _trainer(seed)
    for _ in trainer:
        yield int(trainer.env_step), lambda: _table(learner)


def _trainer(seed: int) -> tuple[Any, Any]:
    square_planes = 2 * TIC_TAC_TOE.num_squares
    network = Net((square_planes,), TIC_TAC_TOE.num_actions, hidden_sizes=HIDDENS)
    learner = DQNPolicy(
        network,
        torch.optim.Adam(network.parameters(), lr=LR),
        discount_factor=DISCOUNT,
        estimation_step=ESTIMATION_STEPS,
        target_update_freq=TARGET_UPDATE_STEPS,
    )
    policy = MultiAgentPolicyManager([RandomPolicy(), learner], _env())
    train_envs, test_envs = (DummyVectorEnv([_env] * NUM_ENVS) for _ in range(2))
    train_envs.seed(seed)
    test_envs.seed(seed)
    learner.set_eps(TRAIN_EPSILON)
    buffer = VectorReplayBuffer(BUFFER_MOVES, NUM_ENVS)
    collector = Collector(policy, train_envs, buffer, exploration_noise=True)
    collector.collect(n_step=BATCH_MOVES * NUM_ENVS)
    trainer = OffpolicyTrainer(
        policy=policy,
        train_collector=collector,
        test_collector=Collector(policy, test_envs, exploration_noise=True),
        max_epoch=MAX_EPOCHS,
        step_per_epoch=MOVES_PER_EPOCH,
        step_per_collect=MOVES_PER_COLLECT,
        update_per_step=UPDATES_PER_MOVE,
        episode_per_test=NUM_ENVS,
        batch_size=BATCH_MOVES,
        train_fn=lambda epoch, move: learner.set_eps(TRAIN_EPSILON),
        test_fn=lambda epoch, move: learner.set_eps(TEST_EPSILON),
        reward_metric=lambda rewards: rewards[:, 1],
        verbose=False,
        show_progress=False,
    )
    return trainer, learner


def _env() -> Any:
    return PettingZooEnv(tictactoe_v3.env())


def _table(learner: Any) -> Table:
    """Return the greedy policy; the network itself does not know which moves are legal."""
    positions = solve_or_raise(TIC_TAC_TOE).positions
    observations = positions.boards.observe().reshape(len(positions), -1)
    with torch.inference_mode():
        values = learner.model(observations)[0].double().numpy()
    best = np.where(positions.legal, values, -np.inf).argmax(axis=1)
    return np.eye(TIC_TAC_TOE.num_actions)[best]


if __name__ == "__main__":
    run_contestant(train)
