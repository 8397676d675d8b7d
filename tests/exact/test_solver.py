"""Values and optimal moves against naive negamax on Python tuples, and theorems."""

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE, Game
from ttt_rllib.exact import solve

SMALL_GAMES = (
    TIC_TAC_TOE,
    Game(3, 4, 3),
    Game(2, 4, 3),
    Game(3, 3, 2),
    Game(1, 7, 2),
    Game(4, 3, 3, gravity=True),
    Game(1, 1, 1),
)


@pytest.mark.parametrize("game", SMALL_GAMES, ids=str)
def test_every_value_and_optimal_move_equals_naive_negamax(game, solved):
    (positions, solution, _, _), naive = solved(game)
    assert solution.values.dtype == np.int8
    for board, row in naive.rows.items():
        assert solution.values[row] == naive.value(board)
        assert np.flatnonzero(solution.optimal[row]).tolist() == naive.keeping_value(board)
    assert len(naive.rows) == len(positions)


@pytest.mark.parametrize(
    ("game", "value"),
    [
        (TIC_TAC_TOE, 0),
        (Game(3, 4, 3), 1),  # three in a row needs one column more than three
        (Game(3, 3, 2), 1),
        (Game(1, 1, 1), 1),
        (Game(2, 2, 2), 1),
        (Game(4, 2, 4), 0),  # pairing: O answers in the same row
        (Game(1, 2, 2), 0),  # neither owns both squares
    ],
    ids=str,
)
def test_game_values_equal_those_known_from_the_literature_or_by_hand(game, value, solved):
    assert solved(game)[0].solution.game_value == value


def test_no_game_without_gravity_is_won_by_the_second_player_strategy_stealing(solved):
    games = [Game(r, c, k) for r in (1, 2, 3) for c in (3, 4) for k in (2, 3)]
    assert {solved(game)[0].solution.game_value for game in games} == {0, 1}


def test_1_961_moves_keep_the_value_in_a_decision_position_on_average(truth, naive):
    kept = int(truth.solution.optimal.sum())
    assert kept == sum(len(naive.keeping_value(board)) for board in naive.decisions())
    assert round(kept / 4520, 3) == 1.961


def test_all_nine_openings_of_tic_tac_toe_draw_and_only_the_centre_answers_a_corner(truth):
    positions, solution = truth.positions, truth.solution
    assert solution.optimal[0].all()
    corner, edge, centre = positions.children[0, [0, 1, 4]]
    assert np.flatnonzero(solution.optimal[corner]).tolist() == [4]
    assert np.flatnonzero(solution.optimal[edge]).tolist() == [0, 2, 4, 7]
    assert np.flatnonzero(solution.optimal[centre]).tolist() == [0, 2, 6, 8]


def test_terminal_positions_have_no_optimal_move_and_decisions_have_one(truth):
    moves = truth.solution.optimal.sum(axis=1)
    assert not moves[truth.positions.terminal].any()
    assert (moves[truth.positions.decisions] >= 1).all()


def test_solving_twice_gives_equal_answers_and_leaves_the_table_alone(truth):
    before = truth.positions.children.copy()
    again = solve(truth.positions)
    assert np.array_equal(again.values, truth.solution.values)
    assert np.array_equal(again.optimal, truth.solution.optimal)
    assert np.array_equal(truth.positions.children, before)
