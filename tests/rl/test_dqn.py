"""SelfPlayDQN on a real Ray cluster: counts of runners and learners, replay, checkpoints."""

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE, Boards
from ttt_envs.positions import enumerate_positions
from ttt_rllib.agents.bundle import load_bundle, weights_sha256
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.metrics import METRICS, flatten
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import flat_observations


def weights_hash(algorithm):
    return weights_sha256(algorithm.network_policy().weights)


@pytest.mark.parametrize(
    ("num_env_runners", "num_learners"),
    [(0, 0), (0, 2), pytest.param(2, 0, marks=pytest.mark.long)],
)
def test_any_number_of_runners_and_learners_trains_as_often_as_the_intensity_asks(
    build, num_env_runners, num_learners
):
    algorithm = build("dqn", num_env_runners=num_env_runners, num_learners=num_learners)
    before = weights_hash(algorithm)
    for _ in range(3):
        result = algorithm.train()
    assert weights_hash(algorithm) != before
    states = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: runner.get_state()["rl_module"]["main"]
    )
    assert {weights_sha256(state) for state in states} == {weights_hash(algorithm)}
    moves = result["play"]["moves"]
    if not num_learners:
        passes = result["learners"][MODULE_ID]["num_module_steps_trained_lifetime"]
        # 4 passes a move after the first 300, in whole gradient steps of 128.
        assert 4 * (moves - 300) - 128 < passes <= 4 * (moves - 300)


def test_every_metric_is_reported_and_equals_what_evaluate_says_of_the_checkpoint(build, tmp_path):
    algorithm = build("dqn")
    for _ in range(2):
        row = flatten(algorithm.train())
    reported = ("", "dqn", "dqn, td", "zero-sum games")
    assert set(row) == {metric.name for metric in METRICS if metric.only in reported}
    assert 0.2 <= row["play/epsilon"] < 1.0
    algorithm.save_to_path(tmp_path / "checkpoint")
    report = evaluate_agent(load_bundle(tmp_path / "checkpoint" / "agent").policy)
    assert report.metrics().items() <= row.items()


def test_a_restored_checkpoint_has_its_replay_buffer_and_continues_like_the_uninterrupted_run(
    build, tmp_path
):
    whole, first = build("dqn", seed=3), build("dqn", seed=3)
    for _ in range(4):
        whole.train()
        first.train()
    first.save_to_path(tmp_path / "checkpoint")
    second = build("dqn", seed=3)
    second.restore_from_path(tmp_path / "checkpoint")
    kept, restored = (a.replay_buffer.get_state() for a in (first, second))
    assert len(kept["columns"]["actions"]) == 900, "the ring is full and has gone round"
    assert kept["next"] == restored["next"]
    assert all(
        np.array_equal(kept["columns"][name], restored["columns"][name]) for name in kept["columns"]
    )
    for _ in range(4):
        expected, result = whole.train(), second.train()
    assert weights_hash(second) == weights_hash(whole)
    for group in ("exact", "play", "learner"):
        assert result[group] == expected[group]


def test_the_policy_of_the_bundle_is_the_modules_greatest_legal_q_value(build):
    algorithm = build("dqn")
    algorithm.train()
    positions = enumerate_positions(TIC_TAC_TOE)
    boards = positions.boards[positions.decisions]
    runner = algorithm.env_runner_group.local_env_runner
    q_values, values = runner.evaluate(flat_observations(boards))
    assert np.all(np.isneginf(q_values) == ~boards.legal_mask())
    policy = algorithm.network_policy()
    assert np.array_equal(policy(boards).argmax(axis=1), q_values.argmax(axis=1))
    assert policy(boards).sum() == len(boards) == 4520
    assert policy.values(boards) == pytest.approx(values, abs=1e-5)


def test_no_illegal_move_in_thousands_of_moves_at_any_epsilon(build):
    algorithm = build("dqn")
    runner = algorithm.env_runner_group.local_env_runner
    for epsilon in (0.0, 0.5, 1.0):
        games = runner.sample_games(3_000, epsilon).games
        columns = games.columns
        stones = columns["obs"][:, :18].reshape(-1, 9, 2)
        chosen = stones[np.arange(len(stones)), columns["actions"]]
        assert not chosen.any(), "every stone went to an empty square"


@pytest.mark.parametrize("zero_sum", [True, False])
def test_learning_moves_the_policy_towards_optimal_play(build, zero_sum):
    algorithm = build("dqn", zero_sum_targets=zero_sum, replay_buffer_config={"capacity": 20_000})
    rates = [algorithm.train()["exact"]["optimal_move_rate"] for _ in range(40)]
    # A move drawn at random keeps the value in about 59 % of the positions.
    assert rates[0] < 0.7
    assert rates[-1] > 0.75


def test_an_empty_board_has_a_value_of_at_most_1(build):
    policy = build("dqn").network_policy()
    assert abs(float(policy.values(Boards.empty(TIC_TAC_TOE, 1))[0])) < 1.0
