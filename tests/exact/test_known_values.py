"""Published values of games against enumeration and against another perfect player."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, enumerate_positions
from ttt_rllib.exact import solve
from ttt_rllib.exact.known_values import known_value

ENUMERABLE = {
    Game(4, 4, 4, gravity=True): 161_029,
    Game(5, 4, 4, gravity=True): 1_706_255,
    Game(4, 5, 4, gravity=True): 3_945_711,
    Game(3, 5, 3): 2_286_668,
    Game(5, 3, 3): 2_286_668,
    Game(3, 5, 4): 3_414_564,
}
"""Numbers of positions."""


@pytest.mark.parametrize("game", ENUMERABLE, ids=str)
def test_known_values_equal_those_of_enumeration(game):
    positions = enumerate_positions.__wrapped__(game)  # uncached: large
    assert len(positions) == ENUMERABLE[game]
    assert solve(positions).game_value == known_value(game).value


@pytest.mark.long
def test_the_value_of_connect_four_is_that_of_another_perfect_player():
    pytest.importorskip("bitbully")
    from benchmarks.label_positions import exact_scores

    scores = exact_scores(Boards.empty(CONNECT_FOUR, 1))[0]
    assert scores.tolist() == [-2, -1, 0, 1, 0, -1, -2]
    assert int(np.sign(scores.max())) == known_value(CONNECT_FOUR).value


@pytest.mark.parametrize(
    ("rows", "cols", "value"),
    [
        (5, 5, 0),
        (5, 6, 0),
        (6, 5, 0),
        (4, 6, -1),
        (6, 4, 0),  # not its transpose
        (6, 6, -1),
        (6, 7, 1),
        (7, 6, 1),
        (7, 7, 0),
    ],
)
def test_rows_and_columns_are_not_confused(rows, cols, value):
    # Written down from C. Steininger's table, which is headed width and height:
    # https://github.com/ChristopheSteininger/c4
    assert known_value(Game(rows, cols, 4, gravity=True)).value == value


def test_allis_is_named_for_connect_four_alone():
    assert "Allis" in known_value(CONNECT_FOUR).source
    assert "Tromp" in known_value(Game(6, 6, 4, gravity=True)).source
    assert "Allis" not in known_value(Game(7, 6, 4, gravity=True)).source


def test_five_in_a_row_of_length_four_is_a_draw_by_the_pairing_that_is_its_source():
    # The second player always gets square 1 or square 2 of a row; every line of four has both.
    lines = [{start + i for i in range(4)} for start in range(2)]
    assert all({1, 2} <= line for line in lines)
    assert "the second square with the third" in known_value(Game(3, 5, 4)).source


@pytest.mark.parametrize(
    "game",
    [
        TIC_TAC_TOE,
        Game(6, 7, 4),
        Game(6, 7, 5, gravity=True),
        Game(3, 5, 3, gravity=True),
        Game(3, 4, 4, gravity=True),
        Game(8, 8, 4, gravity=True),
        Game(4, 8, 4, gravity=True),
    ],
    ids=str,
)
def test_games_that_are_not_listed_have_no_known_value(game):
    assert known_value(game) is None
