"""Matches and ceilings against exact fractions, naive recursion and OpenSpiel."""

from fractions import Fraction

import numpy as np
import pyspiel
import pytest
from open_spiel.python.algorithms import expected_game_score

from ttt_envs import Game
from ttt_rllib.exact import best_response, match, score_ceilings, uniform_table

EXACT = 1e-12


def near(*fractions):
    return pytest.approx([float(Fraction(fraction)) for fraction in fractions], abs=EXACT, rel=0)


def test_uniform_against_itself_equals_the_known_fractions(truth):
    outcome = match(truth.positions, truth.uniform, truth.uniform)
    assert [*outcome, outcome.score] == near("737/1260", "8/63", "121/420", "187/630")


def test_ceilings_against_uniform_equal_the_known_fractions(truth):
    assert [*score_ceilings(truth.positions, truth.uniform)] == near("191/192", "874/945")
    assert [*truth.ceilings] == near("191/192", "874/945")


def test_uniform_over_value_preserving_moves_scores_the_known_shares(truth, naive):
    optimal = naive.over_moves(naive.keeping_value)
    table, uniform = naive.table_of(optimal), naive.uniform_policy()
    as_x = match(truth.positions, table, truth.uniform)
    as_o = match(truth.positions, truth.uniform, table)
    assert [round(share, 4) for share in as_x] == [0.9678, 0.0322, 0.0]
    assert [round(share, 4) for share in reversed(as_o)] == [0.7775, 0.2225, 0.0]
    assert [*as_x] == near(*naive.outcome(optimal, uniform))
    assert [*as_o] == near(*naive.outcome(uniform, optimal))


@pytest.mark.parametrize("seed", range(5))
def test_match_of_random_policies_equals_naive_fractions(seed, truth, naive):
    x_policy, o_policy = naive.random_policy(seed), naive.random_policy(seed + 100)
    x_table, o_table = naive.table_of(x_policy), naive.table_of(o_policy)
    outcome = match(truth.positions, x_table, o_table)
    assert [*outcome] == near(*naive.outcome(x_policy, o_policy))
    assert sum(outcome) == pytest.approx(1.0, abs=EXACT, rel=0)
    assert [*outcome] != near(*naive.outcome(o_policy, x_policy))


@pytest.mark.parametrize("seed", range(5))
def test_ceilings_against_random_policies_equal_naive_best_responses(seed, truth, naive):
    opponent = naive.random_policy(seed)
    ceilings = score_ceilings(truth.positions, naive.table_of(opponent))
    expected = (naive.best_score("X", opponent), naive.best_score("O", opponent))
    assert [ceilings.as_x, ceilings.as_o] == near(*expected)


@pytest.mark.parametrize("game", [Game(2, 4, 3), Game(4, 3, 3, gravity=True)], ids=str)
def test_match_and_ceilings_of_other_games_equal_naive_fractions(game, solved):
    (positions, _, _, ceilings), naive = solved(game)
    x_policy, uniform = naive.random_policy(1), naive.uniform_policy()
    outcome = match(positions, naive.table_of(x_policy), uniform_table(positions))
    assert [*outcome] == near(*naive.outcome(x_policy, uniform))
    assert [*ceilings] == near(naive.best_score("X", uniform), naive.best_score("O", uniform))


def test_the_best_response_to_uniform_reaches_its_value_and_the_known_shares(truth):
    positions = truth.positions
    greedy = response_table(positions, best_response(positions, truth.uniform))
    as_x = match(positions, greedy, truth.uniform)
    as_o = match(positions, truth.uniform, greedy)
    assert [as_x.score, -as_o.score] == near("191/192", "874/945")
    assert [round(share, 4) for share in as_x] == [0.9948, 0.0052, 0.0]
    assert [round(share, 4) for share in reversed(as_o)] == [0.9323, 0.0603, 0.0074]


def response_table(positions, response):
    """The best response as a table: the move after which the agent's value is least."""
    worth = np.where(positions.legal, -response.agent[positions.children], -np.inf)
    table = np.zeros(positions.legal.shape)
    table[positions.decisions, worth.argmax(axis=1)[positions.decisions]] = 1.0
    return table


def test_match_of_two_random_policies_equals_openspiels_expected_returns(
    truth, naive, openspiel_policy
):
    game = pyspiel.load_game("tic_tac_toe")
    policies = [naive.random_policy(seed) for seed in (7, 8)]
    outcome = match(truth.positions, *(naive.table_of(each) for each in policies))
    theirs = expected_game_score.policy_value(
        game.new_initial_state(), [openspiel_policy(game, each) for each in policies]
    )
    assert [outcome.score, -outcome.score] == pytest.approx(theirs, abs=EXACT, rel=0)
