"""Threats against the naive rules: look along every line after a stone is placed there."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_envs.threats import (
    line_completing_squares,
    safe_actions,
    tactical_actions,
    threat_actions,
    winning_actions,
)

GAMES = (
    TIC_TAC_TOE,
    CONNECT_FOUR,
    Game(2, 5, 3),
    Game(3, 3, 2),
    Game(4, 3, 3, gravity=True),
    Game(8, 8, 5),
    Game(1, 64, 4),
    Game(5, 4, 3, gravity=True),
    Game(3, 3, 1),
)


def landing_square(game, occupied, action):
    column = range(action, game.num_squares, game.cols) if game.gravity else (action,)
    empty = [square for square in column if not occupied >> square & 1]
    return empty[-1] if empty else None


def naive_wins(game, holds_line, squares_in, stones, occupied):
    """The actions with which the owner of `stones` would complete a line."""
    squares = {a: landing_square(game, occupied, a) for a in range(game.num_actions)}
    return [
        action
        for action, square in squares.items()
        if square is not None
        and holds_line(game.rows, game.cols, game.connect, [*squares_in(stones), square])
    ]


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_wins_and_threats_equal_trying_every_stone_by_the_naive_rules(game, holds_line, squares_in):
    rng = np.random.default_rng(0)
    boards = random_openings(game, 2000 // game.num_squares, (0, game.num_squares - 1), rng)
    wins, threats = winning_actions(boards), threat_actions(boards)
    seen = 0
    for row, (mover, opponent) in enumerate(
        zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)
    ):
        for stones, found in ((mover, wins[row]), (opponent, threats[row])):
            expected = naive_wins(game, holds_line, squares_in, stones, mover | opponent)
            assert squares_in(found) == expected
            seen += len(expected)
    assert seen > 0, "no position of the sample had a win or a threat"


@pytest.mark.parametrize("game", [game for game in GAMES if game.num_actions < 20], ids=str)
def test_safe_actions_equal_playing_each_and_trying_every_answer(game):
    rng = np.random.default_rng(1)
    boards = random_openings(game, 80, (0, game.num_squares - 1), rng)
    safe, legal = safe_actions(boards), boards.legal_mask()
    kinds = set()
    for action in range(game.num_actions):
        rows = np.flatnonzero(legal[:, action])
        after, won, done = boards[rows].step(np.full(len(rows), action))
        for row, board, is_won, is_done in zip(rows, range(len(rows)), won, done, strict=True):
            if is_won:
                continue  # the game is over; not asked
            answers = after[board : board + 1]
            can_win = not is_done and any(
                answers.step(np.array([answer])).won[0]
                for answer in np.flatnonzero(answers.legal_mask()[0])
            )
            assert bool(int(safe[row]) >> action & 1) == (not can_win)
            kinds.add(can_win)
    assert kinds == ({False, True} if game.connect > 1 else set())


@pytest.mark.parametrize(
    ("x", "o", "allowed"),
    [
        pytest.param((0, 1), (3, 4), [2], id="X wins with 2, though O threatens 5"),
        pytest.param((1, 5), (0, 8), [4], id="X parries on 4"),
        pytest.param((1, 3, 7), (0, 2, 4), [5, 6, 8], id="O wins on 6 or 8 whatever X does"),
        pytest.param((0,), (1,), [2, 3, 4, 5, 6, 7, 8], id="nobody threatens"),
    ],
)
def test_the_tactical_rule_by_hand(x, o, allowed):
    stones = [np.array([sum(1 << square for square in side)], np.uint64) for side in (x, o)]
    (actions,) = tactical_actions(Boards(TIC_TAC_TOE, *stones)).tolist()
    assert [square for square in range(9) if actions >> square & 1] == allowed


def test_a_gap_in_a_connect_four_row_is_a_win_by_hand_and_a_square_in_the_air_is_not():
    # Bottom row 35..41: stones on 35, 36, 38 wait for 37. Row above 28..34: 28, 29, 30 wait
    # for 31, below which 38 is taken.
    stones = sum(1 << square for square in (35, 36, 38, 28, 29, 30))
    other = np.uint64(1 << 37)
    on_ground = Boards(CONNECT_FOUR, np.array([stones], np.uint64), np.zeros(1, np.uint64))
    assert winning_actions(on_ground).tolist() == [1 << 2 | 1 << 3]
    without_38 = np.array([stones & ~(1 << 38)], np.uint64)
    in_the_air = Boards(CONNECT_FOUR, without_38, np.array([other]))
    assert winning_actions(in_the_air).tolist() == [0]
    assert line_completing_squares(CONNECT_FOUR, without_38).tolist() == [1 << 31]
