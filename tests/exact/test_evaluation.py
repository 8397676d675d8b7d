"""The report against naive recursion and known fractions."""

from fractions import Fraction

import pytest

from ttt_envs import Game
from ttt_rllib.exact import evaluate
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.metrics import NORMALIZED_SCORE_O, NORMALIZED_SCORE_X, SCORE_VS_RANDOM_X

EXACT = 1e-12


def near(*fractions):
    return pytest.approx([float(Fraction(fraction)) for fraction in fractions], abs=EXACT, rel=0)


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_a_deterministic_policy_equal_naive_fractions(seed, truth, naive):
    policy = naive.random_deterministic(seed, mistake_rate=0.5)
    uniform = naive.uniform_policy()
    report = evaluate(truth, naive.table_of(policy))
    exploited = naive.best_score("X", policy) + naive.best_score("O", policy)
    assert [report.nash_conv, report.nash_conv_greedy] == near(exploited, exploited)
    as_x, as_o = naive.outcome(policy, uniform), naive.outcome(uniform, policy)
    assert [*report.vs_random_x] == near(*as_x)
    assert [*report.vs_random_o] == near(*as_o)
    assert [report.score_vs_random_x, report.score_vs_random_o] == near(
        as_x[0] - as_x[2], as_o[2] - as_o[0]
    )
    kept = sum(set(policy[b]) <= set(naive.keeping_value(b)) for b in naive.decisions())
    assert report.optimal_move_rate == pytest.approx(kept / 4520, abs=EXACT, rel=0)
    assert report.facts.mistakes == 4520 - kept


def test_a_stochastic_policy_has_two_nash_convs_of_which_one_is_116101_over_60480(truth, naive):
    report = evaluate(truth, truth.uniform)
    lowest = {board: {naive.legal(board)[0]: Fraction(1)} for board in naive.decisions()}
    greedy = naive.best_score("X", lowest) + naive.best_score("O", lowest)
    assert [report.nash_conv, report.nash_conv_greedy] == near("116101/60480", greedy)
    assert report.nash_conv != report.nash_conv_greedy
    assert [*report.ceilings] == near("191/192", "874/945")


def test_a_perfect_policy_scores_zero_nash_conv_and_the_full_rate(truth, naive):
    table = naive.table_of(naive.over_moves(naive.keeping_value))
    report = evaluate(truth, table)
    assert (report.nash_conv, report.nash_conv_greedy, report.optimal_move_rate) == (0.0, 0.0, 1.0)
    assert report.facts.mistakes == 0
    assert report.vs_random_x.o_wins == report.vs_random_o.x_wins == 0.0


def test_a_normalised_score_is_left_out_where_its_ceiling_is_not_above_zero():
    # 2 x 3, connect 3: only rows win, and no player can do better than 0 as O against random.
    truth = solve_or_raise(Game(2, 3, 3))
    figures = evaluate(truth, truth.uniform).metrics()
    assert truth.ceilings.as_o <= 0.0 < truth.ceilings.as_x
    assert NORMALIZED_SCORE_O not in figures
    assert figures[NORMALIZED_SCORE_X] == figures[SCORE_VS_RANDOM_X] / truth.ceilings.as_x
