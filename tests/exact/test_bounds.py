"""Bounds against the table of the game, the labels of Connect Four and a plain recursion."""

from functools import cache

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game
from ttt_envs.boards import unpack_bits
from ttt_envs.symmetry import symmetries
from ttt_envs.threats import winning_actions
from ttt_rllib.evaluation.test_positions import ILLEGAL, labelled_positions
from ttt_rllib.exact.bounds import bound_moves, plies_of_merit
from ttt_rllib.exact.distance import plies_to_end
from ttt_rllib.exact.solved_game import solve_or_raise

BANDS = {(0, 7): 0.0, (8, 11): 0.1, (12, 15): 0.35, (16, 19): 0.6, (20, 23): 0.8, (24, 41): 0.95}
"""Plies, and the share of the positions whose value is known at least."""

ALL = 10**9
SMALL = [
    TIC_TAC_TOE,
    Game(3, 3, 1),
    Game(3, 3, 2),
    Game(4, 3, 3),
    Game(4, 4, 3, gravity=True),
    Game(4, 4, 4, gravity=True),
    Game(2, 6, 4),
    Game(3, 5, 3, gravity=True),
]


@cache
def table(game):
    """Return all positions and their merits, from the values and lengths of the table."""
    solved = solve_or_raise(game)
    plies = plies_to_end(solved.positions, solved.solution)
    last_stone = solved.positions.boards.ply.astype(int) + plies
    return solved.positions, solved.solution.values * (game.num_squares + 1 - last_stone)


def decisions(game, count):
    """Yield some positions as rows of the table, with the merits of their moves."""
    positions, merits = table(game)
    rows = np.random.default_rng(0).permutation(positions.decisions)[:count]
    for row in rows:
        actions = np.flatnonzero(positions.legal[row])
        yield positions.boards[[row]], actions, -merits[positions.children[row, actions]]


@pytest.mark.parametrize(
    ("game", "count"),
    [(game, 300) for game in SMALL]
    + [pytest.param(game, ALL, marks=pytest.mark.long) for game in SMALL[:3]],
    ids=str,
)
def test_without_a_limit_both_bounds_are_the_merit_of_the_table(game, count):
    for board, actions, merits in decisions(game, count):
        bounds = bound_moves(board, ALL)
        assert np.array_equal(bounds.actions, actions)
        assert np.array_equal(bounds.lower, merits)
        assert np.array_equal(bounds.upper, merits)
        assert bounds.merit == (merits.max(), merits.max())


@pytest.mark.parametrize("limit", [0, 60, 600])
@pytest.mark.parametrize("game", SMALL, ids=str)
def test_with_few_positions_the_bounds_hold_and_a_known_value_has_its_length(game, limit):
    unknown = 0
    for board, actions, merits in decisions(game, 200):
        bounds = bound_moves(board, limit)
        assert bounds.positions <= max(limit, len(actions))
        assert (bounds.lower <= merits).all()
        assert (merits <= bounds.upper).all()
        is_known = np.sign(bounds.lower) == np.sign(bounds.upper)
        assert np.array_equal(bounds.lower[is_known], merits[is_known])
        assert np.array_equal(bounds.upper[is_known], merits[is_known])
        unknown += int((~is_known).sum())
    if limit == 0 and game.connect > 2:
        assert unknown > 0, "else the limit would not have been tested"


def test_equal_positions_are_merged():
    # 1,921 of the 5,478: most games have a win at once, or a move that cannot be better.
    assert bound_moves(Boards.empty(TIC_TAC_TOE, 1), ALL).positions < 2_000


def check_labels(rows):
    """Hold the bounds of test positions to the labels; return which values are known."""
    positions = labelled_positions(CONNECT_FOUR)
    known = []
    for row in rows:
        bounds = bound_moves(positions.boards[[row]])
        values = positions.values[row]
        assert np.array_equal(bounds.actions, np.flatnonzero(values != ILLEGAL))
        assert (np.sign(bounds.lower) <= values[bounds.actions]).all()
        assert (values[bounds.actions] <= np.sign(bounds.upper)).all()
        known.append(np.sign(bounds.merit[0]) == np.sign(bounds.merit[1]))
    return np.array(known)


@pytest.mark.parametrize(("plies", "share"), BANDS.items())
def test_bounds_of_connect_four_hold_the_labels_and_many_values_are_known(plies, share):
    ply = labelled_positions(CONNECT_FOUR).boards.ply
    rows = np.flatnonzero((plies[0] <= ply) & (ply <= plies[1]))
    known = check_labels(np.random.default_rng(1).permutation(rows)[:50])
    assert known.mean() >= share


@pytest.mark.long
def test_bounds_hold_the_labels_of_all_positions():
    ply = labelled_positions(CONNECT_FOUR).boards.ply
    known = check_labels(range(len(ply)))
    for (first, last), share in BANDS.items():
        assert known[(first <= ply) & (ply <= last)].mean() >= share


def board_of(game, mover, opponent):
    return Boards(
        game, *(np.array([sum(1 << s for s in own)], np.uint64) for own in (mover, opponent))
    )


def test_wins_at_once_and_double_threats_by_hand():
    # X has the middle three of the bottom row: O, to move, can close one end only.
    board = board_of(CONNECT_FOUR, mover=(30, 31), opponent=(37, 38, 39))
    bounds = bound_moves(board, max_positions=0)
    assert set(bounds.lower.tolist()) == set(bounds.upper.tolist()) == {-(42 + 1 - 7)}
    assert plies_of_merit(board, bounds.merit[0]) == 2
    # Were X to move, it would win with the sixth stone, at either end.
    board = board_of(CONNECT_FOUR, mover=(37, 38, 39), opponent=(30, 31))
    bounds = bound_moves(board, max_positions=0)
    assert bounds.merit == (42 + 1 - 6, 42 + 1 - 6)
    assert bounds.actions[bounds.lower == bounds.merit[0]].tolist() == [1, 5]
    assert plies_of_merit(board, bounds.merit[0]) == 1


def test_a_board_without_an_open_line_is_a_draw_at_sight():
    # X . O X
    # . X O O
    # O . O X
    # . O X .
    board = board_of(Game(4, 4, 4), mover=(0, 3, 5, 11, 14), opponent=(2, 6, 7, 8, 10, 13))
    assert bound_moves(board, max_positions=0).merit == (0, 0)
    assert plies_of_merit(board, 0) == 5


def test_mirrored_positions_have_mirrored_bounds():
    positions = labelled_positions(CONNECT_FOUR)
    mirror = next(one for one in symmetries(CONNECT_FOUR) if one[0] == 6)

    def mirrored(stones):
        return sum(1 << to for square, to in enumerate(mirror) if int(stones) >> square & 1)

    for row in range(0, len(positions), 300):
        board = positions.boards[[row]]
        sides = [np.array([mirrored(one[0])], np.uint64) for one in (board.mover, board.opponent)]
        one, other = bound_moves(board), bound_moves(Boards(CONNECT_FOUR, *sides))
        assert np.array_equal(one.lower, other.lower[::-1])
        assert np.array_equal(one.upper, other.upper[::-1])


def nearly_full(game, rng):
    """Return a board with six empty squares and without a line, filled at random."""
    while True:
        board = Boards.empty(game, 1)
        while int(board.ply[0]) < game.num_squares - 6:
            harmless = board.legal_bits() & ~winning_actions(board)
            actions = np.flatnonzero(unpack_bits(harmless, game.num_actions)[0])
            if not len(actions):
                break
            board = board.place(rng.choice(actions, 1))
        else:
            return board


def naive_value(game, board):
    """Return the value for the mover by recursion over the rules."""
    if not board.legal_mask().any():
        return 0
    best = -1
    for action in np.flatnonzero(board.legal_mask()[0]):
        after, won, _ = board.step(np.array([action]))
        best = max(best, 1 if won[0] else -naive_value(game, after))
    return best


@pytest.mark.parametrize("game", [Game(8, 8, 5), Game(8, 8, 6, gravity=True), Game(7, 7, 5)])
def test_the_end_on_the_largest_boards_is_that_of_a_recursion(game):
    rng = np.random.default_rng(5)
    values = set()
    for _ in range(12):
        board = nearly_full(game, rng)
        lower, upper = bound_moves(board).merit
        assert lower == upper
        assert np.sign(lower) == naive_value(game, board)
        values.add(np.sign(lower))
    assert len(values) > 1
