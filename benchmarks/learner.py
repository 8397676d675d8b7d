"""Passes over moves per CPU second of a learner, minibatch 512, on one thread.

Everybody learns from the same columns, with the same network, loss and gradient clipping,
and with fused Adam; RLlib's own learner with the Adam it comes with. A pass is one move seen
once by one gradient step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.rows import Row, Target, interleaved, ratios

__all__ = ["learner", "sampled_batch"]

UNIT = "passes per CPU second"
OURS, STOCK, BARE = "SelfPlayPPOLearner", "stock PPOTorchLearner", "bare PyTorch loop"
MINIBATCHES = (512, 1024)
"""512 is compared everywhere; 1,024 is the default of an experiment."""
MOVES = 16_384
EPOCHS = 4
LR, ENTROPY_COEFF, GRAD_CLIP = 1e-4, 0.01, 0.5


def learner(quick: bool) -> list[Row]:
    """Measure our learner, RLlib's and a loop without any framework."""
    import torch

    torch.set_num_threads(1)
    batch = sampled_batch(MOVES // 8 if quick else MOVES)
    makers = {BARE: _bare, OURS: _ours, STOCK: _stock}
    contestants = {
        (minibatch, name): make(batch, minibatch)
        for minibatch in MINIBATCHES[: 1 if quick else None]
        for name, make in makers.items()
    }
    for measure in contestants.values():
        measure()
    figures = interleaved(contestants, 2 if quick else 5)
    rows = []
    for minibatch, name in contestants:
        what = f"{name}, minibatch {minibatch:,}"
        rows.append(Row("learner", what, UNIT, figures[minibatch, name]))
    for minibatch in sorted({minibatch for minibatch, _ in contestants}):
        for name, target in ((OURS, Target(at_least=0.8)), (STOCK, None)):
            quotients = ratios(figures[minibatch, name], figures[minibatch, BARE])
            what = f"{name} / bare loop, minibatch {minibatch:,}"
            rows.append(Row("learner", what, "x", quotients, target))
    return rows


def sampled_batch(moves: int) -> Any:
    """Return moves as the board env runner samples them, advantages standardised."""
    import numpy as np
    from ray.rllib.evaluation.postprocessing import Postprocessing

    from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig
    from ttt_rllib.sampling.env_runner import MODULE_ID

    config = SelfPlayPPOConfig().env_runners(num_envs_per_env_runner=1024).debugging(seed=0)
    runner = TorchBoardEnvRunner(config=config, worker_index=0)
    batch = runner.sample(num_timesteps=moves)[0]
    columns = batch.policy_batches[MODULE_ID]
    advantages = columns[Postprocessing.ADVANTAGES]
    columns[Postprocessing.ADVANTAGES] = (advantages - advantages.mean()) / np.std(advantages)
    return batch


def _rate(update: Callable[[], Any], passes: int) -> Callable[[], float]:
    def measure() -> float:
        start_s = time.process_time()
        update()
        return passes / (time.process_time() - start_s)

    return measure


def _ours(batch: Any, minibatch: int) -> Callable[[], float]:
    return _rllib(batch, minibatch, None)


def _stock(batch: Any, minibatch: int) -> Callable[[], float]:
    import numpy as np
    from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
    from ray.rllib.core.columns import Columns
    from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

    from ttt_rllib.sampling.env_runner import MODULE_ID

    columns = dict(batch.policy_batches[MODULE_ID])
    columns[Columns.OBS] = columns[Columns.OBS].astype(np.float32)
    # RLlib builds the old distribution too, also where no loss needs it.
    columns[Columns.ACTION_DIST_INPUTS] = np.zeros((batch.env_steps(), 9), np.float32)
    stock_batch = MultiAgentBatch({MODULE_ID: SampleBatch(columns)}, batch.env_steps())
    return _rllib(stock_batch, minibatch, PPOTorchLearner)


def _rllib(batch: Any, minibatch: int, learner_class: Any) -> Callable[[], float]:
    from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

    from ttt_rllib.rl.ppo import SelfPlayPPOConfig

    config = SelfPlayPPOConfig().debugging(seed=0)
    config.training(lr=LR, entropy_coeff=ENTROPY_COEFF, grad_clip=GRAD_CLIP, vf_loss_coeff=0.5)
    if learner_class is not None:
        config.learners(learner_class=learner_class)
    built = config.build_learner()

    def step() -> None:
        built.update(
            batch=batch,
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: 0},
            num_epochs=EPOCHS,
            minibatch_size=minibatch,
        )

    return _rate(step, EPOCHS * batch.env_steps())


def _bare(batch: Any, minibatch: int) -> Callable[[], float]:
    import torch

    from benchmarks.bare_loop import Network, adam, update

    columns = _tensors(batch)
    torch.manual_seed(0)
    network = Network()
    optimizer = adam(network, lr=LR)

    def step() -> None:
        update(
            network,
            optimizer,
            columns,
            entropy_coeff=ENTROPY_COEFF,
            epochs=EPOCHS,
            minibatch=minibatch,
        )

    return _rate(step, EPOCHS * batch.env_steps())


def _tensors(batch: Any) -> dict[str, Any]:
    """Return RLlib's columns under the names of the bare loop."""
    import torch
    from ray.rllib.core.columns import Columns
    from ray.rllib.evaluation.postprocessing import Postprocessing

    from ttt_rllib.sampling.env_runner import MODULE_ID

    names = {
        "observations": Columns.OBS,
        "actions": Columns.ACTIONS,
        "logp": Columns.ACTION_LOGP,
        "advantages": Postprocessing.ADVANTAGES,
        "targets": Postprocessing.VALUE_TARGETS,
    }
    columns = batch.policy_batches[MODULE_ID]
    tensors = {name: torch.from_numpy(columns[key]) for name, key in names.items()}
    return {**tensors, "observations": tensors["observations"].float()}
