"""Evaluations that walk what opponents can bring an agent to, while it is trained."""

import numpy as np
import pytest

from ttt_envs import Game
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.evaluation.in_training import (
    POSITIONS_IN_TRAINING,
    refuted_positions,
    walk_in_training,
)
from ttt_rllib.exact.walks import MAX_POSITIONS
from ttt_rllib.rl.algorithm_config import algorithm_config

FOUR_BY_FOUR = {"rows": 4, "cols": 4, "connect": 4, "gravity": True}
STARTS = {"random_plies": [0, 10], "refuted_starts": 0.5}


def weights_of(algorithm):
    return algorithm.network_policy().weights


def test_a_large_game_is_walked_and_sampled_at_every_evaluation(build):
    algorithm = build(env="connect_four")
    result = algorithm.train()
    report = evaluate_agent(algorithm.network_policy(), max_positions=100_000)
    assert report.certificate.unexploitable is False
    exact = result["exact"]
    assert exact["nash_conv_greedy"] == report.nash_conv_greedy == 2.0
    assert exact["best_response_x"] == exact["best_response_o"] == 1.0
    assert exact["consecutive_unexploitable_evals"] == 0
    assert "nash_conv" not in exact
    assert "optimal_move_rate" not in exact
    # A longer search may find a shorter game, but none is shorter than four stones of one player.
    assert exact["shortest_refutation"] >= 7
    assert set(result["eval"]) > {"score_vs_random", "optimal_rate_decisive"}


def test_a_walk_during_training_is_longer_where_a_certificate_is_due(build):
    algorithm = build(env="connect_four", evaluation={"certificate": 2, "evaluation_interval": 3})
    limits = []
    for iteration in range(12):
        algorithm._iteration = iteration
        if (iteration + 1) % 3 == 0:
            limits.append(algorithm._walk_positions())
    assert limits == [POSITIONS_IN_TRAINING, MAX_POSITIONS] * 2


@pytest.mark.parametrize("runners", [0, 1])
def test_a_run_with_refuted_starts_is_resumed_exactly(build, tmp_path, runners):
    settings = {"env": FOUR_BY_FOUR, "opening": STARTS, "seed": 3, "num_env_runners": runners}
    whole, first = build(**settings), build(**settings)
    for _ in range(3):
        whole.train()
        first.train()
    first.save_to_path(tmp_path / "checkpoint")
    second = build(**settings)
    second.restore_from_path(tmp_path / "checkpoint")
    for _ in range(2):
        expected, result = whole.train(), second.train()
    assert result["play"] == expected["play"]
    for name, array in weights_of(whole).items():
        assert np.array_equal(array, weights_of(second)[name])


def test_refuted_starts_change_what_is_played(build):
    rates = []
    for share in (0.0, 1.0):
        algorithm = build(env=FOUR_BY_FOUR, opening={**STARTS, "refuted_starts": share})
        rates.append([algorithm.train()["play"]["moves_per_game"] for _ in range(3)])
    # The first evaluation comes after the second iteration's games were asked for.
    assert rates[0][0] == rates[1][0]
    assert rates[0][2] != rates[1][2]


def test_refuted_positions_are_positions_of_lost_games_and_follow_from_the_seed(new_network):
    policy = new_network(Game(4, 4, 4, gravity=True))
    walks = walk_in_training(policy)
    positions = refuted_positions(walks, 1)
    again = refuted_positions(walks, 1)
    assert np.array_equal(positions.mover, again.mover)
    assert len(positions) > 256
    assert (positions.legal_bits() != 0).all()


def test_on_five_by_five_all_refutations_are_found_and_not_only_those_of_a_search(new_network):
    policy = new_network(Game(5, 5, 4, gravity=True))
    walks = walk_in_training(policy)
    assert walks.is_complete
    assert walks.refuted_reply_rate == evaluate_agent(policy).refuted_reply_rate
    assert sum(found.games for found in walks.refutations) > 1000


def test_a_table_of_millions_is_asked_for_only_where_something_needs_it(build, monkeypatch):
    monkeypatch.setattr("ttt_rllib.rl.exact_evaluation.MAX_POSITIONS_IN_TRAINING", 100)
    algorithm = build()
    walked = algorithm.train()["exact"]
    assert "nash_conv" not in walked
    assert "refuted_reply_rate" in walked
    algorithm.config._is_frozen = False
    algorithm.config.needs_table = True
    looked_up = algorithm.train()["exact"]
    assert {"nash_conv", "optimal_move_rate"} < set(looked_up)


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({}, False),
        ({"stop": {"optimal_move_rate": 1.0}}, True),
        ({"stop": {"consecutive_unexploitable_evals": 1}}, False),
        ({"checkpoint": {"checkpoint_score_attribute": "exact/optimal_move_rate"}}, True),
        ({"checkpoint": {"checkpoint_score_attribute": "exact/nash_conv_greedy"}}, False),
    ],
)
def test_a_limit_that_needs_the_table_is_handed_on(changes, needs):
    from ttt_rllib.config.experiment import Experiment

    assert algorithm_config(Experiment.model_validate(changes)).needs_table is needs
