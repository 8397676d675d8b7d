"""Payoffs against the walk of one pair, sampled games and OpenSpiel's expected returns."""

import numpy as np
import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import expected_game_score

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game
from ttt_rllib.agents.fixed_players import FIXED_PLAYERS, fixed_player
from ttt_rllib.agents.policies import GreedyPolicy, RandomPolicy, policy_table
from ttt_rllib.evaluation.matches import play_match
from ttt_rllib.exact.scores import outcome
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.league import payoffs as module
from ttt_rllib.league.payoffs import exact_results, payoffs, sampled_results

POSITIONS = solve_or_raise(TIC_TAC_TOE).positions
SAMPLES = 20_000


@pytest.fixture(scope="module")
def pool(new_network):
    """Return three networks, one of them greedy, and the fixed players."""
    networks = [new_network(seed=seed) for seed in range(2)]
    fixed = [fixed_player(name, TIC_TAC_TOE) for name in FIXED_PLAYERS]
    return [*networks, GreedyPolicy(networks[0]), *fixed]


@pytest.fixture(scope="module")
def exact(pool):
    return payoffs(pool)


def test_every_pair_is_that_of_the_forward_walk(pool, exact):
    tables = [policy_table(POSITIONS, policy) for policy in pool]
    for i, x_table in enumerate(tables):
        for j, o_table in enumerate(tables):
            wanted = outcome(POSITIONS, x_table, o_table)
            found = exact.x_wins[i, j], exact.draws[i, j], exact.o_wins[i, j]
            assert found == pytest.approx(tuple(wanted), abs=1e-12)


def test_many_opponents_in_several_parts_are_the_same(monkeypatch, pool, exact):
    tables = [policy_table(POSITIONS, policy) for policy in pool]
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 2 * POSITIONS.legal.size)
    results = exact_results(POSITIONS, tables[1], tables)
    assert results.wins_as_x == pytest.approx(exact.x_wins[1], abs=1e-12)
    assert results.wins_as_o == pytest.approx(exact.o_wins[:, 1], abs=1e-12)
    assert results.scores == pytest.approx(exact.scores[1], abs=1e-12)
    assert exact_results(POSITIONS, tables[1], []).scores.shape == (0,)


def test_scores_are_antisymmetric_and_known_for_random_play(exact):
    assert np.array_equal(exact.scores, -exact.scores.T)
    assert exact.is_exact
    random = list(FIXED_PLAYERS).index("random") + 3
    # Ground truth of random play: 737/1260 X wins, 121/420 O wins.
    assert exact.x_wins[random, random] == pytest.approx(737 / 1260, abs=1e-12)
    assert exact.o_wins[random, random] == pytest.approx(121 / 420, abs=1e-12)


@pytest.mark.parametrize("last", [3, pytest.param(7, marks=pytest.mark.long)])
def test_sampled_games_agree_within_four_standard_errors(pool, exact, last):
    for i, player in enumerate(pool[:last]):
        found = sampled_results(player, pool[: i + 1], seed=i, num_games=SAMPLES)
        for j in range(i):
            gap = abs(found.scores[j] - exact.scores[i, j])
            assert gap <= 4 * found.standard_errors[j], (i, j)
        as_x = exact.x_wins[i, i] - exact.o_wins[i, i]
        itself = found.wins_as_x[i] - found.losses_as_x[i]
        assert abs(itself - as_x) <= 4 * found.standard_errors[i] * np.sqrt(2)


@pytest.mark.long  # OpenSpiel walks through all games, in Python
def test_the_results_are_openspiels_expected_returns(pool, exact):
    game = pyspiel.load_game("tic_tac_toe")
    policies = [_to_openspiel(game, policy) for policy in pool[:2]]
    for i, x_policy in enumerate(policies):
        for j, o_policy in enumerate(policies):
            returns = expected_game_score.policy_value(
                game.new_initial_state(), [x_policy, o_policy]
            )
            assert returns[0] == pytest.approx(exact.x_wins[i, j] - exact.o_wins[i, j], abs=1e-12)


def test_a_large_game_is_sampled_and_says_so():
    players = [RandomPolicy(CONNECT_FOUR), fixed_player("one_ply", CONNECT_FOUR)]
    found = payoffs(players, seed=3, num_games=40)
    assert not found.is_exact
    assert found.standard_errors[0, 1] > 0.0
    assert found.scores[1, 0] > 0.5, "one ply ahead beats random play"
    again = payoffs(players, seed=3, num_games=40)
    assert np.array_equal(again.x_wins, found.x_wins)
    assert not np.array_equal(payoffs(players, seed=4, num_games=40).x_wins, found.x_wins)


def test_a_match_without_greed_draws_the_agents_moves_too():
    rng = np.random.default_rng(0)
    agent = other = RandomPolicy(TIC_TAC_TOE)
    greedy = play_match(agent, other, 4_000, rng)
    drawn = play_match(agent, other, 4_000, rng, is_greedy=False)
    exact_of = payoffs([GreedyPolicy(agent), agent, other]).scores[:, 2]
    for result, wanted in zip((greedy, drawn), exact_of, strict=False):
        assert abs(result.score - wanted) < 4 * result.standard_error
    assert abs(exact_of[0] - exact_of[1]) > 8 * greedy.standard_error, "the two differ"


def test_players_of_two_games_are_refused():
    with pytest.raises(ValueError, match="plays one game"):
        payoffs([RandomPolicy(TIC_TAC_TOE), RandomPolicy(Game(3, 4, 3))])


def _to_openspiel(game, policy):
    """Return the same move probabilities for OpenSpiel, state by state."""
    table = policy_table(POSITIONS, policy)
    theirs = spiel_policy.TabularPolicy(game)
    for row, state in enumerate(theirs.states):
        stones = [one for one in str(state) if one in ".xo"]
        mover = "x" if stones.count("x") == stones.count("o") else "o"
        own = sum(1 << square for square, one in enumerate(stones) if one == mover)
        taken = sum(1 << square for square, one in enumerate(stones) if one != ".")
        position = np.array([own], np.uint64), np.array([taken - own], np.uint64)
        theirs.action_probability_array[row] = table[POSITIONS.find(Boards(TIC_TAC_TOE, *position))]
    return theirs
