"""The env runner's contract with RLlib, and its random streams."""

import numpy as np
import pytest
import torch
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.metrics import (
    NUM_ENV_STEPS_SAMPLED,
    NUM_EPISODES,
    WEIGHTS_SEQ_NO,
)

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.rl.env_runner import DRAWS, O_WINS, X_WINS, TorchBoardEnvRunner
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
from ttt_rllib.sampling.columns import EXPLORED
from ttt_rllib.sampling.env_runner import MODULE_ID


def runner(seed=0, worker_index=0, game=TIC_TAC_TOE, boards=50, exploring_starts=0.0):
    config = SelfPlayPPOConfig()
    config.self_play(game=game, random_plies=(0, 8), exploring_starts=exploring_starts)
    config.env_runners(num_envs_per_env_runner=boards).debugging(seed=seed)
    torch.manual_seed(0)
    return TorchBoardEnvRunner(config=config, worker_index=worker_index)


def actions(of, **kwargs):
    return of.sample(**kwargs)[0].policy_batches[MODULE_ID][Columns.ACTIONS]


def give_weights(to, seq_no):
    to.set_state({COMPONENT_RL_MODULE: to.module.get_state(), WEIGHTS_SEQ_NO: seq_no})


def test_columns_have_the_documented_types_and_one_row_a_move():
    batch = runner().sample(num_timesteps=200)[0]
    columns = batch.policy_batches[MODULE_ID]
    types = {key: (column.dtype, column.shape[1:]) for key, column in columns.items()}
    assert types == {
        Columns.OBS: (np.int8, (27,)),
        Columns.ACTIONS: (np.int64, ()),
        Columns.ACTION_LOGP: (np.float32, ()),
        EXPLORED: (np.bool_, ()),
        Postprocessing.ADVANTAGES: (np.float32, ()),
        Postprocessing.VALUE_TARGETS: (np.float32, ()),
    }
    assert {len(column) for column in columns.values()} == {batch.env_steps()}


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=str)
def test_sample_plays_at_least_what_is_asked_and_little_more(game):
    one = runner(game=game)
    assert 1000 <= one.sample(num_timesteps=1000)[0].env_steps() < 1200
    one.get_metrics()
    one.sample(num_episodes=120)
    metrics = one.get_metrics()
    assert metrics[NUM_EPISODES].peek() == 150, "whole rounds of 50 boards"


def test_every_worker_and_every_seed_has_its_own_stream():
    streams = [
        actions(runner(seed=seed, worker_index=worker))[:100].tolist()
        for seed in (0, 1)
        for worker in (1, 2)
    ]
    assert len({tuple(stream) for stream in streams}) == 4


def test_the_same_seed_worker_and_weights_repeat_the_same_games():
    assert np.array_equal(actions(runner(worker_index=1)), actions(runner(worker_index=1)))


def test_a_restarted_runner_continues_with_the_stream_of_the_current_weights():
    veteran, restarted = runner(worker_index=1), runner(worker_index=1)
    for seq_no in (1, 2):
        first = actions(veteran)
        give_weights(veteran, seq_no)
    give_weights(restarted, 2)
    later = actions(veteran)
    assert np.array_equal(actions(restarted), later)
    assert not np.array_equal(first[:100], later[:100])


def test_a_second_call_with_the_same_weights_plays_other_games():
    one = runner()
    assert not np.array_equal(actions(one)[:100], actions(one)[:100])


def test_state_carries_policy_and_critic_weights():
    source, target = runner(), runner()
    with torch.no_grad():
        for parameter in source.module[MODULE_ID].parameters():
            parameter.add_(1.0)
    target.set_state(source.get_state())
    ours, theirs = source.module[MODULE_ID].get_state(), target.module[MODULE_ID].get_state()
    assert {"value.weight", "policy.weight"} <= set(ours)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_random_actions_are_uniform_and_metrics_count_the_games():
    one = runner(boards=20_000)
    one.config.environment(env_config={"random_plies": (0, 0)})
    one.make_env()
    batch = one.sample(random_actions=True)[0]
    metrics = one.get_metrics()
    games = {key: metrics[key].peek() for key in (X_WINS, DRAWS, O_WINS)}
    assert sum(games.values()) == metrics[NUM_EPISODES].peek() == 20_000
    assert metrics[NUM_ENV_STEPS_SAMPLED].peek() == batch.env_steps()
    # 8/63 of random games are drawn (ground truth); 4 standard errors.
    assert abs(games[DRAWS] / 20_000 - 8 / 63) < 4 * (8 / 63 * 55 / 63 / 20_000) ** 0.5


def test_random_first_moves_are_learnt_from_only_where_they_turned_out_better_than_expected():
    batches = {}
    for share in (0.0, 1.0):
        one = runner(boards=400, exploring_starts=share)
        batches[share] = one.sample()[0]
    assert len(batches[0.0].policy_batches[MODULE_ID]) == batches[0.0].env_steps()
    assert not batches[0.0].policy_batches[MODULE_ID][EXPLORED].any()
    columns, moves = batches[1.0].policy_batches[MODULE_ID], batches[1.0].env_steps()
    explored = columns[EXPLORED]
    # Every game had one random move; about half of them are worse than expected.
    assert 100 < explored.sum() < 300
    assert len(columns) == moves - (400 - explored.sum())
    assert (columns[Postprocessing.ADVANTAGES][explored] > 0).all()
    assert (columns[Postprocessing.ADVANTAGES][~explored] <= 0).any()
