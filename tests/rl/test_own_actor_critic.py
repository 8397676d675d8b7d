"""A user's network is trained by RLlib, sampled from by env runners, measured and resumed."""

import numpy as np
import pytest
import torch
from ray.rllib.core.columns import Columns

from ttt_envs import TIC_TAC_TOE, enumerate_positions
from ttt_rllib.agents.bundle import load_bundle
from ttt_rllib.agents.policies import policy_table
from ttt_rllib.metrics import NASH_CONV, flatten
from ttt_rllib.sampling.env_runner import MODULE_ID

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, game, channels):
        super().__init__()
        self.first = nn.Conv2d(2, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.heads = nn.Linear(channels * game.num_squares, game.num_actions + 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, planes):
        hidden = torch.tanh(self.first(planes.permute(0, 3, 1, 2)))
        outputs = self.heads(self.dropout(torch.tanh(self.second(hidden)).flatten(1)))
        return outputs[:, :-1], outputs[:, -1]
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "conv_for_rllib.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return {"class": "conv_for_rllib:Net", "kwargs": {"channels": 8}}


def test_it_is_measured_by_its_own_forward_pass_saved_and_restored(build, model, tmp_path):
    algorithm = build(model=model)
    first = flatten(algorithm.train())
    module = algorithm.env_runner.module[MODULE_ID]
    positions = enumerate_positions(TIC_TAC_TOE)
    boards = positions.boards[positions.decisions]
    with torch.no_grad():
        logits, _ = module.network(torch.from_numpy(boards.observe()).float())
    odds = logits.double().exp().numpy() * boards.legal_mask()
    table = policy_table(positions, algorithm.agent_policy())
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert np.abs(table[positions.decisions] - expected).max() < 1e-4
    assert 0 < first[NASH_CONV] <= 2
    saved = algorithm.save_to_path(str(tmp_path / "checkpoint"))
    weights = load_bundle(tmp_path / "checkpoint" / "agent").weights_sha256
    second = flatten(algorithm.train())
    assert second[NASH_CONV] != first[NASH_CONV]
    resumed = build(model=model)
    resumed.restore_from_path(saved)
    policy = resumed.agent_policy()
    assert (policy_table(positions, policy) == table).all()
    resumed.save_to_path(str(tmp_path / "again"))
    assert load_bundle(tmp_path / "again" / "agent").weights_sha256 == weights
    # It goes on as it would have without the interruption.
    assert flatten(resumed.train())[NASH_CONV] == second[NASH_CONV]


def test_it_is_learnt_from_in_the_mode_in_which_it_is_played(build, model):
    module = build(model=model).learner_group._learner.module[MODULE_ID]
    boards = enumerate_positions(TIC_TAC_TOE).boards[:40]
    stones = boards.observe().reshape(len(boards), -1)
    batch = {Columns.OBS: torch.from_numpy(np.concatenate([stones, boards.legal_mask()], axis=1))}
    # RLlib puts a module into the mode for training, in which dropout is random.
    learning = module.forward_train(batch)[Columns.ACTION_DIST_INPUTS]
    playing = module.forward_inference(batch)[Columns.ACTION_DIST_INPUTS]
    assert torch.equal(learning, playing)


def test_env_runners_in_other_processes_import_the_runs_copy(build, tmp_path):
    from ttt_rllib.config.experiment import Experiment
    from ttt_rllib.rl.algorithm_config import algorithm_config

    code = tmp_path / "own_code"
    code.mkdir()
    (code / "only_in_the_run.py").write_text(SOURCE)
    experiment = Experiment.model_validate(
        {
            "model": {"class": "only_in_the_run:Net", "kwargs": {"channels": 4}},
            "training": {"train_batch_size_per_learner": 200, "minibatch_size": 100},
            "env_runners": {
                "num_env_runners": 1,
                "num_envs_per_env_runner": 16,
                "num_cpus_per_env_runner": 0.5,
            },
        }
    )
    algorithm = algorithm_config(experiment, code=code).build_algo()
    try:
        assert flatten(algorithm.train())["play/moves"] >= 200
    finally:
        algorithm.stop()
