"""The move that decided a game, against a plain recursion over the rules."""

import random

import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.turning_point import TurningPoint, turning_point

NUM_GAMES = 300
RESULTS = {"X": "X", "O": "O", None: "draw"}


def random_game(naive, rng):
    board, moves = naive.empty, []
    while naive.squares(board):
        moves.append(rng.choice(naive.squares(board)))
        board = naive.after(board, moves[-1])
    return moves, naive.winner(board)


def merit(naive, board, seat):
    """Return value and quickness for a seat, of a board after its move."""
    winner, moves = naive.fate(board)
    return (0, 0) if winner is None else (1, -moves) if winner == seat else (-1, moves)


def expected(naive, moves, winner, seat):
    """Return the seat's last move beside which another one leads to more than the game's end."""
    result = 0 if winner is None else 1 if winner == seat else -1
    boards = [naive.empty]
    for move in moves:
        boards.append(naive.after(boards[-1], move))
    for ply in reversed(range(0 if seat == "X" else 1, len(moves), 2)):
        board = boards[ply]
        merits = {one: merit(naive, naive.after(board, one), seat) for one in naive.squares(board)}
        best = max(merits.values())
        if best[0] > max(result, merits[moves[ply]][0]):
            better = tuple(one for one in merits if merits[one] == best)
            return TurningPoint(ply, moves[ply], better, best[0])
    return None


def test_the_turning_points_of_random_games_are_those_of_a_recursion(naive):
    rng = random.Random(4)
    kinds = set()
    for _ in range(NUM_GAMES):
        moves, winner = random_game(naive, rng)
        record = GameRecord(TIC_TAC_TOE, tuple(moves))
        for seat in "XO":
            found = turning_point(record, seat)
            won = winner == seat
            assert found == (None if won else expected(naive, moves, winner, seat))
            kinds.add((seat, RESULTS[winner], found.value if found else None))
            assert turning_point(record.undo(), seat) is None
    # Both seats win, lose for a draw or for a win, and draw with and without a win given away.
    assert len(kinds) == 2 * 5


def test_a_lost_game_by_hand():
    # O answers the corner beside it; the centre would have drawn.
    record = GameRecord(TIC_TAC_TOE, (0, 1, 4, 8, 6, 2, 3))
    assert record.result == "X"
    assert turning_point(record, "O") == TurningPoint(1, 1, (4,), 0)
    assert turning_point(record, "X") is None


def test_who_is_lost_from_the_first_move_on_made_no_mistake():
    # On 3 x 4 with lines of 3, X wins by force in the middle of a row.
    record = GameRecord(Game(3, 4, 3), (5, 0, 6, 7, 4))
    assert record.result == "X"
    assert turning_point(record, "O") is None


def test_in_a_large_game_only_what_is_proved_is_called_better():
    # X threatens to win on both sides, and O does not stop the open three in time.
    record = GameRecord(CONNECT_FOUR, (3, 3, 2, 2, 4, 0, 1))
    found = turning_point(record, "O")
    assert (found.ply, found.action) == (3, 2)
    assert found.better == ()
    assert found.value is None
    # O overlooks a win, which needs no search.
    missed = GameRecord(CONNECT_FOUR, (3, 0, 3, 0, 4, 0, 4, 1, 3, 1, 3))
    assert missed.result == "X"
    found = turning_point(missed, "O")
    assert (found.ply, found.action, found.better, found.value) == (9, 1, (0,), 1)


@pytest.mark.parametrize("seat", ["X", "O"])
def test_a_game_that_is_not_over_has_none(seat):
    assert turning_point(GameRecord(TIC_TAC_TOE, (0, 1)), seat) is None
