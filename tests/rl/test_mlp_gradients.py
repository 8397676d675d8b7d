"""Gradients that we compute ourselves against autograd's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.dqn.dqn_learner import QF_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from torch import nn

from tests.rl import test_dqn_learner, test_ppo_learner
from ttt_rllib.rl.actor_critic import ACTIVATIONS, run_trunk
from ttt_rllib.rl.dqn_learner import dqn_loss, dqn_loss_gradient
from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
from ttt_rllib.rl.mlp_gradients import MLPGradients
from ttt_rllib.rl.ppo import SelfPlayPPOConfig, _prepare
from ttt_rllib.rl.ppo_learner import ppo_loss, ppo_loss_gradients
from ttt_rllib.sampling.columns import EXPLORED
from ttt_rllib.sampling.env_runner import MODULE_ID

ROWS = 50


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden_sizes", [(), (24,), (16, 8, 12)])
def test_the_gradients_of_an_mlp_with_two_heads_are_those_of_autograd(hidden_sizes, activation):
    torch.manual_seed(0)
    sizes = [18, *hidden_sizes]
    trunk = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
    heads = nn.ModuleList((nn.Linear(sizes[-1], 9), nn.Linear(sizes[-1], 1)))
    weights = [*trunk.parameters(), *heads.parameters()]
    inputs = torch.randn(ROWS, 18)
    by_outputs = (torch.randn(ROWS, 9), torch.randn(ROWS, 1))

    hidden = run_trunk(trunk, inputs, ACTIVATIONS[activation])
    outputs = [head(hidden) for head in heads]
    wanted = torch.autograd.grad(outputs, weights, by_outputs)
    network = MLPGradients(trunk, heads, activation)
    with torch.no_grad():
        for _ in range(2):  # the second pass overwrites what the first has left
            ours = network.forward(inputs)
            network.backward(by_outputs)
    for one, other in zip(ours, outputs, strict=True):
        torch.testing.assert_close(one, other)
    for weight, gradient in zip(weights, wanted, strict=True):
        torch.testing.assert_close(weight.grad, gradient)

    norm = torch.nn.utils.get_total_norm(wanted)
    for limit in (0.5 * norm, 2.0 * norm):
        with torch.no_grad():
            network.forward(inputs)
            network.backward(by_outputs)
        network.clip_(float(limit))
        torch.testing.assert_close(network.flat.norm(), torch.minimum(norm, limit))
        torch.testing.assert_close(weights[0].grad, wanted[0] * min(1.0, float(limit / norm)))


@pytest.mark.parametrize("vf_clip_param", [0.5, 10.0])
def test_the_gradients_of_the_ppo_loss_are_those_of_autograd(vf_clip_param):
    logits, values, batch = test_ppo_learner.random_batch(rows=400)
    batch[EXPLORED][:50] = True
    batch[Postprocessing.ADVANTAGES][50:60] = 0.0
    settings = {
        "clip_param": 0.2,
        "vf_loss_coeff": 0.7,
        "vf_clip_param": vf_clip_param,
        "entropy_coeff": 0.03,
    }
    logits.requires_grad_()
    values.requires_grad_()
    wanted = ppo_loss(logits, values, batch, **settings)
    wanted.total.backward()
    logp = logits.detach().log_softmax(1).gather(1, batch[Columns.ACTIONS][:, None])[:, 0]
    ratios = (logp - batch[Columns.ACTION_LOGP]).exp()
    assert ratios.min() < 0.8, "the clipping is tested"
    assert ratios.max() > 1.2
    with torch.no_grad():
        loss, by_logits, by_values = ppo_loss_gradients(logits, values, batch, **settings)
    for one, other in zip(loss, wanted, strict=True):
        torch.testing.assert_close(one, other.detach())
    torch.testing.assert_close(by_logits, logits.grad, rtol=1e-4, atol=1e-8)
    torch.testing.assert_close(by_values, values.grad, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("double_q", [True, False])
@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_the_gradient_of_the_dqn_loss_is_that_of_autograd(loss, double_q):
    out, batch = test_dqn_learner.random_batch()
    settings = {"gamma": 0.9, "double_q": double_q, "loss": loss}
    out[QF_PREDS].requires_grad_()
    wanted = dqn_loss(out, batch, **settings)
    wanted.total.backward()
    with torch.no_grad():
        found, gradient = dqn_loss_gradient(out, batch, **settings)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other.detach())
    torch.testing.assert_close(gradient, out[QF_PREDS].grad)


def test_a_learner_of_ours_learns_what_it_would_with_autograd():
    config = SelfPlayPPOConfig().env_runners(num_envs_per_env_runner=100).debugging(seed=0)
    config.training(lr=1e-3, grad_clip=0.5, entropy_coeff=0.02)
    batch = _prepare(TorchBoardEnvRunner(config=config, worker_index=0).sample()[0], 1)
    weights = []
    for has_autograd in (False, True):
        learner = config.build_learner()
        if has_autograd:
            learner._network = None
        before = learner.module[MODULE_ID].get_state()
        learner.update(batch=batch, num_epochs=2, minibatch_size=128)
        weights.append(learner.module[MODULE_ID].get_state())
    for name, ours in weights[0].items():
        # Adam divides by the gradients' size, which enlarges roundings where they are tiny.
        np.testing.assert_allclose(ours, weights[1][name], atol=2e-5)
        assert np.abs(ours - before[name]).max() > 1e-3
