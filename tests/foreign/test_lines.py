"""Lines of moves to positions, played again by the rules."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.foreign.lines import line_to, place


def played(game, line):
    board = Boards.empty(game, 1)
    for action in line:
        assert board.legal_mask()[0, action]
        board, _, done = board.step(np.array([action]))
        assert not done[0]
    return board


def assert_leads_to(line, board):
    reached = played(board.game, line)
    assert (reached.mover[0], reached.opponent[0]) == (board.mover[0], board.opponent[0])


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(3, 3, 3, gravity=True)], ids=str)
def test_both_lines_lead_to_the_position_and_mostly_differ(game):
    positions = solve_or_raise(game).positions
    differ = 0
    rows = positions.decisions[::7]
    for row in rows:
        board = positions.boards[row : row + 1]
        lines = line_to(board), line_to(board, from_the_right=True)
        for line in lines:
            assert_leads_to(line, board)
        differ += lines[0] != lines[1]
    assert differ > len(rows) / 2


def test_a_line_leads_to_positions_of_connect_four():
    boards = random_openings(CONNECT_FOUR, 300, (0, 41), np.random.default_rng(0))
    for row in range(len(boards)):
        assert_leads_to(line_to(boards[row : row + 1]), boards[row : row + 1])


def test_a_position_that_no_game_reaches_has_no_line():
    game = Game(3, 3, 3, gravity=True)
    # Both stones of X lie on stones that O has not yet put there.
    x_stones, o_stones = np.array([0b000_000_011], np.uint64), np.array([0b0], np.uint64)
    with pytest.raises(ValueError, match="no game reaches this position"):
        line_to(Boards(game, x_stones, o_stones))


def test_a_position_is_named_by_its_moves():
    assert place(Boards.empty(TIC_TAC_TOE, 1)) == "on the empty board"
    assert place(played(TIC_TAC_TOE, (4, 0, 2))) == "in the position after the moves 2 0 4"
