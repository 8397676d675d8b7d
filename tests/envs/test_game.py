"""The geometry of a game against counts and hand examples."""

from dataclasses import FrozenInstanceError

import pytest

from ttt_envs import CONNECT_FOUR, GAMES, TIC_TAC_TOE, Game


@pytest.mark.parametrize(
    ("size", "named"),
    [
        ((0, 3, 1), "rows x cols is 0 x 3"),
        ((3, 0, 1), "rows x cols is 3 x 0"),
        ((-8, -8, 1), "rows x cols is -8 x -8"),
        ((5, 13, 4), "rows x cols is 5 x 13; a board has 1 to 64 squares"),
        ((3, 3, 0), "connect is 0; on a 3 x 3 board it is 1 to 3"),
        ((3, 3, 4), "connect is 4; on a 3 x 3 board it is 1 to 3"),
        ((2, 5, 6), "connect is 6; on a 2 x 5 board it is 1 to 5"),
    ],
)
def test_an_impossible_game_is_refused_and_its_values_named(size, named):
    with pytest.raises(ValueError, match=named):
        Game(*size)


@pytest.mark.parametrize("size", [(8, 8, 8), (64, 1, 64), (1, 64, 1), (2, 5, 5), (1, 1, 1)])
def test_the_largest_and_smallest_games_are_accepted(size):
    game = Game(*size)
    assert (game.rows, game.cols, game.connect) == size


@pytest.mark.parametrize(
    ("game", "by_direction"),
    [
        # rows, columns, falling diagonals, rising diagonals; counted by hand
        (TIC_TAC_TOE, (3, 3, 1, 1)),
        (CONNECT_FOUR, (24, 21, 12, 12)),
        (Game(4, 4, 3), (8, 8, 4, 4)),
        (Game(8, 8, 5), (32, 32, 16, 16)),
        (Game(2, 5, 3), (6,)),
    ],
)
def test_number_of_winning_lines_equals_the_count_by_hand(game, by_direction):
    assert tuple(starts.bit_count() for _, starts in game.lines) == by_direction


def test_tic_tac_toe_has_8_winning_lines_and_connect_four_69():
    totals = [sum(starts.bit_count() for _, starts in game.lines) for game in GAMES.values()]
    assert dict(zip(GAMES, totals, strict=True)) == {"tic_tac_toe": 8, "connect_four": 69}


def test_the_lines_of_tic_tac_toe_are_the_eight_written_by_hand():
    lines = {
        tuple(start + i * distance for i in range(3))
        for distance, starts in TIC_TAC_TOE.lines
        for start in range(9)
        if starts >> start & 1
    }
    rows = {(0, 1, 2), (3, 4, 5), (6, 7, 8)}
    assert lines == rows | {(0, 3, 6), (1, 4, 7), (2, 5, 8)} | {(0, 4, 8), (2, 4, 6)}


@pytest.mark.parametrize(
    ("game", "actions", "squares"),
    [(TIC_TAC_TOE, 9, 9), (CONNECT_FOUR, 7, 42), (Game(4, 5, 3), 20, 20), (Game(8, 8, 4), 64, 64)],
)
def test_actions_are_squares_or_with_gravity_columns(game, actions, squares):
    assert (game.num_actions, game.num_squares) == (actions, squares)


def test_bitboards_of_actions_and_of_column_0_by_hand():
    assert TIC_TAC_TOE.action_bits == 0b111_111_111
    assert CONNECT_FOUR.action_bits == 0b1111111
    assert TIC_TAC_TOE.column_bits == 0b001_001_001
    assert Game(8, 8, 5).action_bits == 2**64 - 1


def test_a_game_is_a_value_equal_hashable_and_frozen():
    assert Game(3, 3, 3) == TIC_TAC_TOE
    assert {Game(6, 7, 4, gravity=True): "found"}[CONNECT_FOUR] == "found"
    assert Game(6, 7, 4) != CONNECT_FOUR
    with pytest.raises(FrozenInstanceError):
        TIC_TAC_TOE.rows = 4


@pytest.mark.parametrize(
    ("game", "name", "title"),
    [
        (TIC_TAC_TOE, "tic_tac_toe", "Tic-tac-toe"),
        (CONNECT_FOUR, "connect_four", "Connect Four"),
        (Game(4, 4, 3), "4x4x3", "4 \N{MULTIPLICATION SIGN} 4, 3 in a row"),
        (
            Game(4, 5, 3, gravity=True),
            "4x5x3_gravity",
            "4 \N{MULTIPLICATION SIGN} 5, 3 in a row, stones fall",
        ),
    ],
)
def test_a_game_is_called_by_its_name_or_its_size(game, name, title):
    assert (game.name, game.title) == (name, title)
