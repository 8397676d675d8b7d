"""A game's record against the same game as a string."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.analysis.game_record import GameRecord, IllegalMoveError


def as_text(record):
    x_stones, o_stones = record.stones
    return "".join(
        "X" if x_stones >> square & 1 else "O" if o_stones >> square & 1 else "."
        for square in range(record.game.num_squares)
    )


def test_random_games_follow_the_rules_played_with_strings(naive):
    rng = np.random.default_rng(0)
    results = set()
    for _ in range(60):
        record, board = GameRecord(TIC_TAC_TOE), naive.empty
        while choices := naive.squares(board):
            assert record.legal == tuple(choices)
            assert record.turn == naive.mover(board)
            assert record.result is None
            square = int(rng.choice(choices))
            record, board = record.play(square), naive.after(board, square)
            assert as_text(record) == board
        result = naive.winner(board) or "draw"
        assert (record.result, record.is_over, record.legal) == (result, True, ())
        results.add(result)
    assert results == {"X", "O", "draw"}


def test_boards_after_every_ply_and_undo_retrace_the_game():
    record = GameRecord(TIC_TAC_TOE, (4, 0, 8))
    assert [int(board.ply[0]) for board in record.boards] == [0, 1, 2, 3]
    assert as_text(record.undo()) == "O...X...."
    assert record.undo(3) == record.undo(4) == record.undo(7) == GameRecord(TIC_TAC_TOE)
    assert record.moves == (4, 0, 8)


def test_the_winning_squares_are_all_of_both_lines():
    # X completes the first row and the first column with its last stone.
    record = GameRecord(TIC_TAC_TOE, (1, 4, 2, 5, 3, 8, 6, 7, 0))
    assert (record.result, record.winning_squares) == ("X", (0, 1, 2, 3, 6))
    assert record.undo().winning_squares == ()


def test_a_line_does_not_go_on_at_the_other_edge():
    # X wins in the lowest row, squares 35 to 38, and holds 32 to 34, the end of the row above.
    record = GameRecord(CONNECT_FOUR, (0, 4, 1, 5, 2, 6, 4, 0, 5, 1, 6, 2, 3))
    assert (record.result, record.winning_squares) == ("X", (35, 36, 37, 38))
    assert all(record.stones[0] >> square & 1 for square in (32, 33, 34))


def test_connect_four_stacks_and_wins_upward():
    record = GameRecord(CONNECT_FOUR, (3, 4, 3, 4, 3, 4, 3))
    assert (record.result, record.winning_squares) == ("X", (17, 24, 31, 38))


@pytest.mark.parametrize(
    ("game", "moves", "sentence"),
    [
        (TIC_TAC_TOE, (4, 4), "square 4 is taken; legal are 0 1 2 3 5 6 7 8"),
        (
            TIC_TAC_TOE,
            (9,),
            "square 9: the board has squares 0 to 8; legal are 0 1 2 3 4 5 6 7 8",
        ),
        (
            TIC_TAC_TOE,
            (-1,),
            "square -1: the board has squares 0 to 8; legal are 0 1 2 3 4 5 6 7 8",
        ),
        (TIC_TAC_TOE, (0, 3, 1, 4, 2, 5), "move 5: the game is over; undo a move first"),
        (CONNECT_FOUR, (2,) * 7, "column 2 is full; legal are 0 1 3 4 5 6"),
    ],
)
def test_an_impossible_move_is_one_sentence(game, moves, sentence):
    with pytest.raises(IllegalMoveError) as error:
        GameRecord(game, moves)
    assert str(error.value) == sentence
