"""The torch network against its numpy twin, and its mask."""

import numpy as np
import pytest
import torch
from ray.rllib.core.columns import Columns

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game, enumerate_positions, random_openings
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.rl.actor_critic import BoardActorCritic
from ttt_rllib.rl.env_runner import board_spaces
from ttt_rllib.sampling.rollout import flat_observations


def module_for(game, activation="relu"):
    torch.manual_seed(0)
    observation_space, action_space = board_spaces(game)
    return BoardActorCritic(
        observation_space=observation_space,
        action_space=action_space,
        model_config={"hidden_sizes": (32, 16), "activation": activation},
    )


def forward(module, boards):
    observations = torch.from_numpy(flat_observations(boards)).float()
    with torch.no_grad():
        out = module.forward_exploration({Columns.OBS: observations})
    return out[Columns.ACTION_DIST_INPUTS], out[Columns.VF_PREDS]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_numpy_computes_the_same_network_in_all_4520_decision_positions(activation):
    module = module_for(TIC_TAC_TOE, activation)
    policy = NetworkPolicy(TIC_TAC_TOE, module.get_state(), activation)
    positions = enumerate_positions(TIC_TAC_TOE)
    boards = positions.boards[positions.decisions]
    logits, values = forward(module, boards)
    assert len(boards) == 4520
    assert policy(boards) == pytest.approx(logits.softmax(dim=1).numpy(), abs=1e-6)
    assert policy.values(boards) == pytest.approx(values.numpy(), abs=1e-5)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 5, 4), CONNECT_FOUR], ids=str)
def test_illegal_actions_have_probability_exactly_0_on_every_board_size(game):
    boards = random_openings(game, 500, (0, game.num_squares - 1), np.random.default_rng(0))
    logits, _ = forward(module_for(game), boards)
    probabilities = logits.softmax(dim=1).numpy()
    assert np.array_equal(probabilities == 0.0, ~boards.legal_mask())
