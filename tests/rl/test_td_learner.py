"""Our TD loss against hand calculations, and the learner's gradients against autograd's."""

import numpy as np
import pytest
import torch
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

from ttt_envs import TIC_TAC_TOE, random_openings
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.rl.td import SelfPlayTDConfig
from ttt_rllib.rl.td_learner import td_loss, td_loss_gradient
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import flat_observations

VALUES = torch.tensor([0.5, -0.25, 2.0])
TARGETS = torch.tensor([1.0, -1.0, -1.0])


def test_the_loss_by_hand():
    # The errors are -0.5, 0.75 and 3; Huber's is half the square up to 1, and |e| - 1/2 beyond.
    square = td_loss(VALUES, TARGETS, loss="mse")
    assert square.total.item() == pytest.approx((0.25 + 0.5625 + 9.0) / 3)
    assert square.td_error.item() == pytest.approx((0.5 + 0.75 + 3.0) / 3)
    huber = td_loss(VALUES, TARGETS, loss="huber")
    assert huber.total.item() == pytest.approx((0.125 + 0.28125 + 2.5) / 3)


@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_the_gradient_equals_autograds(loss):
    values = VALUES.clone().requires_grad_()
    td_loss(values, TARGETS, loss=loss).total.backward()
    parts, gradient = td_loss_gradient(VALUES, TARGETS, loss=loss)
    assert torch.allclose(gradient, values.grad)
    assert parts == td_loss(VALUES, TARGETS, loss=loss)


def learner_of(loss, autograd=False):
    config = SelfPlayTDConfig().training(td_error_loss_fn=loss, grad_clip=0.5)
    config = config.self_play(game=TIC_TAC_TOE).debugging(seed=0)
    config.rl_module(model_config={"hidden_sizes": (16, 12), "activation": "tanh"})
    spaces = {MODULE_ID: (config.observation_space, config.action_space)}
    learner = config.build_learner(spaces=spaces)
    learner.build()
    assert isinstance(learner._network, MLPGradients)
    if autograd:
        learner._network = None
    return learner


@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_an_update_equals_one_by_autograd(loss):
    rng = np.random.default_rng(0)
    boards = random_openings(TIC_TAC_TOE, 300, (0, 8), rng)
    columns = {
        "obs": flat_observations(boards),
        "value_targets": rng.choice(np.float32([-1, 0, 1]), size=300),
    }
    states, figures = [], []
    for autograd in (False, True):
        learner = learner_of(loss, autograd)
        before = {name: w.clone() for name, w in learner.module[MODULE_ID].state_dict().items()}
        batch = MultiAgentBatch({MODULE_ID: SampleBatch(columns)}, 300)
        results = learner.update(batch=batch, num_epochs=2, minibatch_size=100)
        states.append(learner.module[MODULE_ID].state_dict())
        figures.append(float(results[MODULE_ID]["vf_loss"].peek()))
        assert set(before) == {
            *(f"trunk.{layer}.{part}" for layer in (0, 1) for part in ("weight", "bias")),
            *("value.weight", "value.bias"),
        }
        assert all(not torch.equal(before[name], states[-1][name]) for name in before)
    assert figures[0] == pytest.approx(figures[1], rel=1e-5)
    for name, weight in states[0].items():
        assert torch.allclose(weight, states[1][name], atol=1e-5), name
