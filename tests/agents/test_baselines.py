"""The fixed players against the solver, a plain recursive negamax and hand positions."""

from functools import cache

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_rllib.agents.baselines import AlphaBetaPolicy, OnePlyPolicy
from ttt_rllib.agents.policies import policy_table
from ttt_rllib.exact import nash_conv
from ttt_rllib.exact.solved_game import solve_or_raise

WIN = 1000


class NaiveSearch:
    """Full-width negamax on tuples of '.', 'm' and 'o', without any cut-off.

    The value of a win in n plies is 1000 - n; 'm' is always the player to move.
    """

    def __init__(self, game):
        self.game = game
        cells = {divmod(s, game.cols): s for s in range(game.num_squares)}
        runs = [
            [(r + i * dr, c + i * dc) for i in range(game.connect)]
            for r, c in cells
            for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1))
        ]
        self.lines = [[cells[x] for x in run] for run in runs if all(x in cells for x in run)]
        self.value = cache(self._value)

    def board(self, boards, row):
        mover, opponent = int(boards.mover[row]), int(boards.opponent[row])
        return tuple(
            "m" if mover >> s & 1 else "o" if opponent >> s & 1 else "."
            for s in range(self.game.num_squares)
        )

    def play(self, board, action):
        """The board after the action, seen by the other player; None if it is illegal."""
        column = range(action, len(board), self.game.cols) if self.game.gravity else (action,)
        empty = [s for s in column if board[s] == "."]
        if not empty:
            return None
        stones = list(board)
        stones[empty[-1]] = "m"
        return tuple({"m": "o", "o": "m", ".": "."}[stone] for stone in stones)

    def _value(self, board, depth):
        if any(all(board[s] == "o" for s in line) for line in self.lines):
            return -WIN
        if "." not in board or depth == 0:
            return 0
        return max(self.move_values(board, depth).values())

    def move_values(self, board, depth):
        after = {a: self.play(board, a) for a in range(self.game.num_actions)}
        values = {a: -self.value(b, depth - 1) for a, b in after.items() if b is not None}
        return {a: v - (v > 0) + (v < 0) for a, v in values.items()}  # one ply further away

    def best(self, board, depth):
        values = self.move_values(board, depth)
        return {a for a, v in values.items() if v == max(values.values())}


def chosen(table):
    """The moves of each row with positive probability; they must be equally probable."""
    for row in table:
        assert len({float(p) for p in row if p}) == 1
        assert row.sum() == pytest.approx(1.0, abs=1e-12)
    return [set(np.flatnonzero(row).tolist()) for row in table]


def bits(*squares):
    return np.array([sum(1 << square for square in squares)], np.uint64)


# ---- alpha-beta ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("game", "depth"),
    [
        (CONNECT_FOUR, 1),
        (CONNECT_FOUR, 2),
        (CONNECT_FOUR, 3),
        (CONNECT_FOUR, 4),
        (Game(4, 5, 3, gravity=True), 2),
        (Game(4, 5, 3, gravity=True), 3),
        (Game(4, 5, 3, gravity=True), 5),
        (Game(4, 4, 4), 3),
        (Game(4, 4, 3), 4),
        (Game(3, 5, 3), 3),
    ],
    ids=str,
)
def test_best_moves_of_random_positions_equal_plain_negamax(game, depth):
    naive, rng = NaiveSearch(game), np.random.default_rng(1)
    late = random_openings(game, 25, (game.num_squares // 2, game.num_squares - 1), rng)
    early = random_openings(game, 2, (0, 5), rng)
    for boards in (late, early):
        moves = chosen(AlphaBetaPolicy(game, depth)(boards))
        assert moves == [naive.best(naive.board(boards, row), depth) for row in range(len(boards))]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(2, 4, 3), Game(4, 3, 3, gravity=True)], ids=str)
def test_full_depth_plays_the_solvers_moves_the_soonest_wins_and_the_latest_losses(game):
    positions, solution, *_ = solve_or_raise(game)
    rows = positions.decisions
    boards, optimal = positions.boards[rows], solution.optimal[rows]
    table = AlphaBetaPolicy(game, game.num_squares)(boards)
    assert not (table[~optimal] > 0).any(), "a move gives value away"
    drawn = solution.values[rows] == 0
    assert np.array_equal(table[drawn] > 0, optimal[drawn]), "among draws all are equal"
    naive, moves = NaiveSearch(game), chosen(table)
    for row in np.flatnonzero(~drawn):
        assert moves[row] == naive.best(naive.board(boards, row), game.num_squares)
    stricter = (table > 0).sum(axis=1) < optimal.sum(axis=1)
    assert stricter[~drawn].any(), "soonest wins were never fewer than all wins"


def test_full_depth_is_unexploitable_by_the_exact_nash_conv_and_depth_one_is_not():
    positions = solve_or_raise(TIC_TAC_TOE).positions
    conv = [
        nash_conv(positions, policy_table(positions, AlphaBetaPolicy(TIC_TAC_TOE, depth)))
        for depth in (1, 9)
    ]
    assert conv[1] == 0.0 < 1.0 < conv[0]


def test_many_boards_get_the_same_as_one_by_one():
    boards = random_openings(CONNECT_FOUR, 520, (0, 30), np.random.default_rng(2))
    policy = AlphaBetaPolicy(CONNECT_FOUR, 4)
    single = [policy(boards[row : row + 1])[0] for row in range(len(boards))]
    assert np.array_equal(policy(boards), np.array(single))


OPEN_TWO, ABOVE_IT = (37, 38), (30, 31)
"""Connect Four's bottom row, columns 2 and 3: with column 1 or 4 it becomes an open three."""


def test_depth_three_makes_the_open_three_by_hand_and_depth_two_does_not_see_it():
    boards = Boards(CONNECT_FOUR, bits(*OPEN_TWO), bits(*ABOVE_IT))
    assert chosen(AlphaBetaPolicy(CONNECT_FOUR, 3)(boards)) == [{1, 4}]
    assert chosen(AlphaBetaPolicy(CONNECT_FOUR, 2)(boards)) == [set(range(7))]


def test_depth_four_prevents_the_open_three_by_hand_and_depth_three_does_not_see_it():
    boards = Boards(CONNECT_FOUR, bits(*ABOVE_IT), bits(*OPEN_TWO))
    assert chosen(AlphaBetaPolicy(CONNECT_FOUR, 4)(boards)) == [{1, 4}]
    assert chosen(AlphaBetaPolicy(CONNECT_FOUR, 3)(boards)) == [set(range(7))]


def test_depth_two_does_not_lift_the_opponent_to_its_winning_square_by_hand():
    # The opponent's 28, 29, 30 wait for 31, which a stone on 38 (column 3) would make reachable.
    boards = Boards(CONNECT_FOUR, bits(35, 36, 41), bits(37, 28, 29, 30))
    assert chosen(AlphaBetaPolicy(CONNECT_FOUR, 2)(boards)) == [{0, 1, 2, 4, 5, 6}]
    assert chosen(AlphaBetaPolicy(CONNECT_FOUR, 1)(boards)) == [set(range(7))]


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused(depth):
    with pytest.raises(ValueError, match=f"depth is {depth}; it is 1 or more"):
        AlphaBetaPolicy(TIC_TAC_TOE, depth)


# ---- one ply -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mover", "opponent", "expected"),
    [
        ((0, 1), (3, 4), {2}),  # wins, although it could parry at 5
        ((0, 1, 3), (4, 8), {2, 6}),  # two ways to win
        ((0,), (3, 4), {5}),  # parries
        ((1, 5), (0, 2, 8), {4}),  # 0, 2 and 8: 1 is taken, 5 too, the diagonal lacks 4
        ((4,), (0, 1, 8), {2}),
        ((7, 5), (0, 2, 6), {1, 3, 4}),  # three threats; any of them
        ((0,), (4,), {1, 2, 3, 5, 6, 7, 8}),  # nothing to see
    ],
)
def test_one_ply_wins_else_parries_else_plays_anything_by_hand(mover, opponent, expected):
    boards = Boards(TIC_TAC_TOE, bits(*mover), bits(*opponent))
    assert chosen(OnePlyPolicy(TIC_TAC_TOE)(boards)) == [expected]


def test_one_ply_parries_under_gravity_only_where_the_stone_would_land():
    # The opponent's 35, 36, 37 wait for 38, on the ground; 28, 29, 30 for 31, in the air.
    boards = Boards(CONNECT_FOUR, np.zeros(1, np.uint64), bits(35, 36, 37, 28, 29, 30))
    assert chosen(OnePlyPolicy(CONNECT_FOUR)(boards)) == [{3}]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR, Game(4, 4, 3)], ids=str)
def test_one_ply_equals_a_search_by_trying_out(game):
    naive = NaiveSearch(game)
    boards = random_openings(game, 100, (0, game.num_squares - 1), np.random.default_rng(3))
    moves = chosen(OnePlyPolicy(game)(boards))
    for row, found in enumerate(moves):
        board = naive.board(boards, row)
        turned = tuple({"m": "o", "o": "m", ".": "."}[stone] for stone in board)
        wins, threats = (
            {a for a, value in naive.move_values(b, 1).items() if value > 0}
            for b in (board, turned)
        )
        assert found == (wins or threats or set(naive.move_values(board, 1)))
