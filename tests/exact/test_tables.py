"""Policy tables against hand examples."""

import numpy as np
import pytest

from ttt_rllib.exact import best_response, greedy_table, match, nash_conv, uniform_table


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


def spoiled(table, row, probabilities):
    table = table.copy()
    table[row] = probabilities
    return table


UNIFORM = [1 / 9] * 9


@pytest.mark.parametrize(
    "probabilities",
    [
        [0.2] * 9,
        [0.1] * 9,
        [0.0] * 9,
        [np.nan, *UNIFORM[1:]],
        [-1.0, 2.0, *[0.0] * 7],
        [np.inf, *UNIFORM[1:]],
    ],
    ids=["too much", "too little", "nothing", "nan", "negative", "inf"],
)
def test_what_is_no_policy_has_no_figures(truth, probabilities):
    uniform = uniform_table(truth.positions)
    table = spoiled(uniform, 0, probabilities)
    for refuse in (
        lambda: nash_conv(truth.positions, table),
        lambda: best_response(truth.positions, table),
        lambda: match(truth.positions, table, uniform),
        lambda: match(truth.positions, uniform, table),
    ):
        with pytest.raises(ValueError, match="row 0 of the policy is "):
            refuse()


def test_illegal_moves_and_other_shapes_are_refused_and_float32_is_exact_enough(truth):
    positions = truth.positions
    uniform = uniform_table(positions)
    after_0 = positions.children[0, 0]
    with pytest.raises(ValueError, match=f"row {after_0} of the policy"):
        nash_conv(positions, spoiled(uniform, after_0, UNIFORM))
    for shape in ((5477, 9), (5478,), (9, 5478), (0, 9)):
        with pytest.raises(ValueError, match=r"has the shape \(5478, 9\)"):
            nash_conv(positions, np.zeros(shape))
    in_float32 = uniform.astype(np.float32)
    assert nash_conv(positions, in_float32) == pytest.approx(
        nash_conv(positions, uniform), abs=1e-6
    )
