"""Our DQN loss and learner against RLlib's own and against hand calculations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.dqn import DQNConfig
from ray.rllib.algorithms.dqn.dqn_learner import (
    QF_LOSS_KEY,
    QF_NEXT_PREDS,
    QF_PREDS,
    QF_TARGET_NEXT_PREDS,
)
from ray.rllib.algorithms.dqn.torch.dqn_torch_learner import DQNTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.rllib.utils.metrics.metrics_logger import MetricsLogger

from ttt_rllib.rl.dqn import SelfPlayDQNConfig
from ttt_rllib.rl.dqn_learner import dqn_loss
from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
from ttt_rllib.sampling.env_runner import MODULE_ID

ROWS, ACTIONS = 64, 9


def random_batch():
    """Q-values with illegal moves at -inf, and transitions; successors of ended games are empty."""
    generator = torch.Generator().manual_seed(0)

    def masked(legal):
        return torch.randn(ROWS, ACTIONS, generator=generator).masked_fill(~legal, -torch.inf)

    legal, next_legal = (torch.rand(ROWS, ACTIONS, generator=generator) < 0.6 for _ in range(2))
    legal[:, 0] = next_legal[:, 1] = True
    ended = torch.rand(ROWS, generator=generator) < 0.3
    next_legal[ended] = False
    out = {
        QF_PREDS: masked(legal),
        QF_NEXT_PREDS: masked(next_legal),
        QF_TARGET_NEXT_PREDS: masked(next_legal),
    }
    batch = {
        Columns.ACTIONS: torch.multinomial(legal.float(), 1, generator=generator)[:, 0],
        Columns.REWARDS: torch.randint(-1, 2, (ROWS,), generator=generator).float(),
        Columns.TERMINATEDS: ended,
        "n_step": torch.randint(1, 3, (ROWS,), generator=generator, dtype=torch.int8),
        "weights": torch.ones(ROWS),
    }
    return out, batch


@pytest.mark.parametrize("double_q", [True, False])
@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_the_plain_loss_equals_that_of_rllibs_dqn_learner(double_q, loss):
    out, batch = random_batch()
    # After an even number of plies the mover itself is to move, as RLlib supposes.
    batch["n_step"] = 2 * batch["n_step"]
    config = DQNConfig().training(gamma=0.9, double_q=double_q, td_error_loss_fn=loss)
    learner = SimpleNamespace(config=config, metrics=MetricsLogger(root=True))
    theirs = DQNTorchLearner.compute_loss_for_module(
        learner, module_id=MODULE_ID, config=config, batch=batch, fwd_out=out
    )
    ours = dqn_loss(out, batch, gamma=0.9, double_q=double_q, loss=loss)
    assert ours.total.item() == pytest.approx(theirs.item(), abs=1e-6)
    assert ours.total.item() == pytest.approx(
        float(learner.metrics.peek((MODULE_ID, QF_LOSS_KEY))), abs=1e-6
    )
    assert ours.td_error.item() > 0.1


def test_the_zero_sum_target_by_hand():
    # Online prefers action 2 of the successor, which the target network values 0.25; the
    # illegal action 0 has no value at all. Target: 0 - 0.5 * 0.25; the second game is won.
    out = {
        QF_PREDS: torch.tensor([[0.5, 0.0, -torch.inf], [0.75, 0.0, 0.0]]),
        QF_NEXT_PREDS: torch.tensor([[-torch.inf, 0.1, 0.9], [-torch.inf] * 3]),
        QF_TARGET_NEXT_PREDS: torch.tensor([[-torch.inf, 0.8, 0.25], [-torch.inf] * 3]),
    }
    batch = {
        Columns.ACTIONS: torch.tensor([0, 0]),
        Columns.REWARDS: torch.tensor([0.0, 1.0]),
        Columns.TERMINATEDS: torch.tensor([False, True]),
        "n_step": torch.tensor([1, 1], dtype=torch.int8),
    }
    loss = dqn_loss(out, batch, gamma=0.5, double_q=True, loss="mse")
    assert loss.total.item() == pytest.approx((0.625**2 + 0.25**2) / 2)
    assert loss.td_error.item() == pytest.approx((0.625 + 0.25) / 2)
    assert loss.q_mean.item() == pytest.approx(0.625)
    single = dqn_loss(out, batch, gamma=0.5, double_q=False, loss="mse")
    assert single.total.item() == pytest.approx(((0.5 + 0.4) ** 2 + 0.25**2) / 2)


def learner_and_batch(**training):
    config = SelfPlayDQNConfig().training(**training)
    config.env_runners(num_envs_per_env_runner=60).debugging(seed=0)
    runner = TorchBoardEnvRunner(config=config, worker_index=0)
    runner.epsilon = 1.0
    columns = runner.sample()[0].policy_batches[MODULE_ID]
    return config.build_learner(), MultiAgentBatch({MODULE_ID: SampleBatch(columns)}, len(columns))


def parameters(module, of_target):
    pairs = module.get_target_network_pairs()
    return [
        weight.detach().clone()
        for pair in pairs
        for weight in pair[1 if of_target else 0].parameters()
    ]


def update(learner, batch, moves):
    learner.update(
        batch=batch, timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: moves}, minibatch_size=64
    )


def test_the_target_network_follows_every_so_many_moves_and_never_in_between():
    learner, batch = learner_and_batch(target_network_update_freq=1000, lr=1e-3, tau=1.0)
    module = learner.module[MODULE_ID].unwrapped()
    first = parameters(module, of_target=True)
    update(learner, batch, 999)
    assert all(map(torch.equal, parameters(module, of_target=True), first))
    assert not all(map(torch.equal, parameters(module, of_target=False), first))
    update(learner, batch, 1000)
    online = parameters(module, of_target=False)
    assert all(map(torch.equal, parameters(module, of_target=True), online))


def test_when_the_target_network_was_updated_survives_a_checkpoint():
    learner, batch = learner_and_batch(target_network_update_freq=1000, lr=1e-3)
    update(learner, batch, 1500)
    other, _ = learner_and_batch(target_network_update_freq=1000, lr=1e-3)
    other.set_state(learner.get_state())
    before = parameters(other.module[MODULE_ID].unwrapped(), of_target=True)
    update(other, batch, 2400)
    after = parameters(other.module[MODULE_ID].unwrapped(), of_target=True)
    assert all(map(torch.equal, before, after)), "900 moves after the last update"


def test_illegal_and_ended_successors_leave_no_trace_in_gradients():
    learner, batch = learner_and_batch(lr=1e-3)
    for moves in range(1000, 5000, 1000):
        update(learner, batch, moves)
    weights = learner.module[MODULE_ID].unwrapped().state_dict()
    assert all(bool(torch.isfinite(weight).all()) for weight in weights.values())
    columns = batch.policy_batches[MODULE_ID]
    ended = columns[Columns.TERMINATEDS]
    assert ended.any(), "the test saw what it is about"
    assert not columns[Columns.NEXT_OBS][ended].any()
    legal = columns[Columns.OBS][:, -ACTIONS:]
    assert legal[np.arange(len(legal)), columns[Columns.ACTIONS]].all()
