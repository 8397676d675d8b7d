"""Policy tables against hand examples."""

import numpy as np

from ttt_rllib.exact import greedy_table, uniform_table


def test_uniform_table_equals_one_over_the_number_of_empty_squares(truth, naive):
    table = uniform_table(truth.positions)
    assert (table.shape, table.dtype) == ((5478, 9), np.float64)
    for board, row in naive.rows.items():
        legal = naive.legal(board)
        expected = [1 / len(legal) if action in legal else 0.0 for action in range(9)]
        assert table[row].tolist() == expected


def test_greedy_takes_the_lowest_number_of_a_tie_by_hand(truth):
    table = uniform_table(truth.positions)
    table[0] = [0.0, 0.1, 0.3, 0.0, 0.3, 0.3, 0.0, 0.0, 0.0]
    greedy = greedy_table(truth.positions, table)
    assert greedy[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    after_0 = truth.positions.children[0, 0]
    assert greedy[after_0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_greedy_never_plays_an_occupied_square_whatever_the_table_says(truth, naive):
    table = np.zeros((5478, 9))
    for board, row in naive.rows.items():
        table[row] = [0.9 if square != "." else 0.0 for square in board]
    greedy = greedy_table(truth.positions, table)
    for board, row in naive.rows.items():
        lowest = naive.legal(board)[:1]
        assert np.flatnonzero(greedy[row]).tolist() == lowest
        assert greedy[row].sum() == len(lowest)


def test_greedy_keeps_its_argument_and_every_deterministic_table(truth, naive):
    table = naive.table_of(naive.random_deterministic(seed=2))
    before = table.copy()
    assert np.array_equal(greedy_table(truth.positions, table), before)
    assert np.array_equal(table, before)
