"""Our PPO loss and loop against RLlib's own."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchCategorical
from ray.rllib.core.learner.learner import ENTROPY_KEY, POLICY_LOSS_KEY, VF_LOSS_KEY
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics.metrics_logger import MetricsLogger

from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
from ttt_rllib.rl.ppo import SelfPlayPPOConfig, _prepare
from ttt_rllib.rl.ppo_learner import ppo_loss
from ttt_rllib.sampling.columns import EXPLORED
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.network import ILLEGAL_LOGIT


def random_batch(rows=64, actions=9):
    generator = torch.Generator().manual_seed(0)
    legal = torch.rand(rows, actions, generator=generator) < 0.6
    legal[:, 0] = True
    logits = torch.randn(rows, actions, generator=generator)
    old = torch.where(
        legal, logits + 0.3 * torch.randn(rows, actions, generator=generator), ILLEGAL_LOGIT
    )
    logits = torch.where(legal, logits, ILLEGAL_LOGIT)
    taken = torch.distributions.Categorical(logits=old).sample()
    batch = {
        Columns.ACTIONS: taken,
        Columns.ACTION_LOGP: old.log_softmax(1).gather(1, taken[:, None])[:, 0],
        Columns.ACTION_DIST_INPUTS: old,
        EXPLORED: torch.zeros(rows, dtype=torch.bool),
        Postprocessing.ADVANTAGES: torch.randn(rows, generator=generator),
        Postprocessing.VALUE_TARGETS: torch.randn(rows, generator=generator),
    }
    return logits, torch.randn(rows, generator=generator), batch


def rllib_loss(config, logits, values, batch):
    """Call the loss of RLlib's own PPO learner on the same numbers."""
    module = SimpleNamespace(
        get_train_action_dist_cls=lambda: TorchCategorical,
        get_exploration_action_dist_cls=lambda: TorchCategorical,
        compute_values=lambda batch, embeddings=None: values,
    )
    module.unwrapped = lambda: module
    learner = SimpleNamespace(
        module={MODULE_ID: module},
        metrics=MetricsLogger(root=True),
        entropy_coeff_schedulers_per_module={
            MODULE_ID: SimpleNamespace(get_current_value=lambda: config.entropy_coeff)
        },
    )
    total = PPOTorchLearner.compute_loss_for_module(
        learner,
        module_id=MODULE_ID,
        config=config,
        batch=batch,
        fwd_out={Columns.ACTION_DIST_INPUTS: logits},
    )
    return total, {
        key: learner.metrics.peek((MODULE_ID, key))
        for key in (POLICY_LOSS_KEY, VF_LOSS_KEY, ENTROPY_KEY)
    }


@pytest.mark.parametrize("vf_clip_param", [0.5, 10.0])
def test_the_loss_equals_that_of_rllibs_ppo_learner(vf_clip_param):
    logits, values, batch = random_batch()
    config = PPOConfig().training(
        clip_param=0.2,
        vf_loss_coeff=0.7,
        vf_clip_param=vf_clip_param,
        entropy_coeff=0.03,
        use_kl_loss=False,
    )
    total, parts = rllib_loss(config, logits, values, batch)
    ours = ppo_loss(
        logits,
        values,
        batch,
        clip_param=0.2,
        vf_loss_coeff=0.7,
        vf_clip_param=vf_clip_param,
        entropy_coeff=0.03,
    )
    assert ours.total.item() == pytest.approx(total.item(), abs=1e-6)
    assert ours.policy.item() == pytest.approx(float(parts[POLICY_LOSS_KEY]), abs=1e-6)
    assert ours.value.item() == pytest.approx(float(parts[VF_LOSS_KEY]), abs=1e-6)
    assert ours.entropy.item() == pytest.approx(float(parts[ENTROPY_KEY]), abs=1e-6)


def test_what_followed_a_random_move_does_not_move_the_value():
    logits, values, batch = random_batch()
    settings = {"clip_param": 0.2, "vf_loss_coeff": 1.0, "vf_clip_param": 100.0}
    batch[EXPLORED][:32] = True
    loss = ppo_loss(logits, values.requires_grad_(), batch, entropy_coeff=0.0, **settings)
    loss.value.backward()
    errors = values.detach() - batch[Postprocessing.VALUE_TARGETS]
    by_hand = torch.where(batch[EXPLORED], 0.0, 2 * errors / len(errors))
    assert torch.allclose(values.grad, by_hand, atol=1e-7)


def test_an_epoch_sees_every_move_exactly_once():
    config = SelfPlayPPOConfig().env_runners(num_envs_per_env_runner=100).debugging(seed=0)
    batch = TorchBoardEnvRunner(config=config, worker_index=0).sample(num_timesteps=500)[0]
    learner = config.build_learner()
    seen = []
    learner._gradient_step = lambda rows, *_: (seen.append(rows), torch.zeros(5))[1]
    learner.update(batch=_prepare(batch, 1), num_epochs=2, minibatch_size=128)
    columns = batch.policy_batches[MODULE_ID]
    targets = np.sort(columns[Postprocessing.VALUE_TARGETS])
    half = len(seen) // 2
    for epoch in (seen[:half], seen[half:]):
        together = torch.cat([rows[Postprocessing.VALUE_TARGETS] for rows in epoch])
        assert np.array_equal(np.sort(together.numpy()), targets)
    sizes = {len(rows[Columns.ACTIONS]) for rows in seen}
    assert max(sizes) - min(sizes) <= 1
    first = [epoch[0][Postprocessing.VALUE_TARGETS] for epoch in (seen[:half], seen[half:])]
    assert not torch.equal(*first), "each epoch has another order"


def test_diverged_weights_are_refused_with_a_remedy():
    config = SelfPlayPPOConfig().training(lr=1e30).env_runners(num_envs_per_env_runner=50)
    batch = TorchBoardEnvRunner(config=config, worker_index=0).sample()[0]
    learner = config.build_learner()
    with pytest.raises(FloatingPointError, match=r"training diverged: .* lower training\.lr"):
        learner.update(batch=_prepare(batch, 1), num_epochs=20, minibatch_size=64)


def test_shards_are_equal_and_advantages_standardised():
    rows = 1001
    advantages = np.random.default_rng(0).normal(3.0, 5.0, rows).astype(np.float32)
    columns = {Postprocessing.ADVANTAGES: advantages, Columns.ACTIONS: np.arange(rows)}
    batch = MultiAgentBatch({MODULE_ID: SampleBatch(columns)}, env_steps=rows)
    prepared = _prepare(batch, 2).policy_batches[MODULE_ID]
    assert len(prepared) == 1000
    whole = _prepare(batch, 1).policy_batches[MODULE_ID][Postprocessing.ADVANTAGES]
    assert whole.dtype == np.float32
    assert (whole.mean(), whole.std()) == pytest.approx((0.0, 1.0), abs=1e-5)
