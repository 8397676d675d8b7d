"""The table of positions against known counts and naive enumeration."""

import tracemalloc
from math import comb

import numpy as np
import pytest

from ttt_envs import (
    CONNECT_FOUR,
    TIC_TAC_TOE,
    Boards,
    Game,
    TooManyPositionsError,
    enumerate_positions,
)


@pytest.fixture(scope="module")
def positions():
    return enumerate_positions(TIC_TAC_TOE)


def absolute(positions):
    """Every row as the pair (X's bitboard, O's bitboard)."""
    boards = positions.boards
    pairs = zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)
    return [
        pair if x_to_move else pair[::-1]
        for pair, x_to_move in zip(pairs, positions.x_to_move, strict=True)
    ]


def test_tic_tac_toe_has_5478_positions_of_which_958_are_terminal(positions):
    assert len(positions) == 5478
    assert int(positions.terminal.sum()) == 958
    assert len(positions.decisions) == 4520
    assert not positions.terminal[positions.decisions].any()


def test_positions_by_number_of_stones_equal_the_known_counts(positions):
    layers = [rows.stop - rows.start for rows in positions.plies()]
    assert layers == [1, 9, 72, 252, 756, 1260, 1520, 1140, 390, 78]
    assert positions.starts == (0, *np.cumsum(layers))
    for ply, rows in enumerate(positions.plies()):
        assert set(positions.boards.ply[rows].tolist()) == {ply}


def test_765_positions_remain_up_to_the_eight_symmetries(positions):
    square = np.arange(9).reshape(3, 3)
    symmetries = [np.rot90(s, turns).ravel() for s in (square, square.T) for turns in range(4)]
    assert len({tuple(symmetry) for symmetry in symmetries}) == 8
    classes = set()
    for x_stones, o_stones in absolute(positions):
        marks = [(x_stones >> s & 1) + 2 * (o_stones >> s & 1) for s in range(9)]
        classes.add(min(tuple(marks[s] for s in symmetry) for symmetry in symmetries))
    assert len(classes) == 765


def test_terminal_positions_are_626_x_wins_316_o_wins_and_16_draws(positions):
    lost, x_to_move = positions.lost, positions.x_to_move
    assert int((lost & ~x_to_move).sum()) == 626
    assert int((lost & x_to_move).sum()) == 316
    assert int((positions.terminal & ~lost).sum()) == 16
    assert not (lost & ~positions.terminal).any()


@pytest.mark.parametrize(
    "game",
    [TIC_TAC_TOE, Game(2, 5, 3), Game(4, 2, 3), Game(4, 3, 3, gravity=True), Game(1, 1, 1)],
    ids=str,
)
def test_table_equals_naive_enumeration_with_all_its_children(game, holds_line, squares_in):
    positions = enumerate_positions(game)
    rows = {pair: row for row, pair in enumerate(absolute(positions))}
    assert len(rows) == len(positions)
    seen, stack = set(), [(0, 0)]
    while stack:
        pair = stack.pop()
        if pair in seen:
            continue
        seen.add(pair)
        row, mover = rows[pair], (pair[0] | pair[1]).bit_count() % 2
        lost = holds_line(game.rows, game.cols, game.connect, squares_in(pair[1 - mover]))
        over = lost or (pair[0] | pair[1]) == 2**game.num_squares - 1
        assert (positions.lost[row], positions.terminal[row]) == (lost, over)
        for action in range(game.num_actions):
            child = None if over else naive_child(game, pair, mover, action)
            assert positions.children[row, action] == (-1 if child is None else rows[child])
            assert positions.legal[row, action] == (child is not None)
            stack += [] if child is None else [child]
    assert seen == set(rows)


def naive_child(game, pair, mover, action):
    occupied = pair[0] | pair[1]
    column = range(action, game.num_squares, game.cols) if game.gravity else (action,)
    empty = [square for square in column if not occupied >> square & 1]
    if not empty:
        return None
    stones = pair[mover] | 1 << empty[-1]
    return (stones, pair[1]) if mover == 0 else (pair[0], stones)


def test_find_returns_the_row_of_every_position_in_any_order(positions):
    rows = np.random.default_rng(0).permutation(len(positions))
    assert positions.find(positions.boards[rows]).tolist() == rows.tolist()
    assert positions.find(Boards.empty(TIC_TAC_TOE, 3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("mover", "opponent"),
    [
        (0b11, 0),  # the mover is two stones ahead
        (0b1, 0b1),  # both on one square
        (0b111, 0b111000),  # both have a line
        (2**9, 0),  # off the board
        (2**32 - 1, 2**32 - 1),  # beyond the largest key
    ],
)
def test_find_names_a_position_that_no_game_reaches(positions, mover, opponent):
    boards = Boards(
        TIC_TAC_TOE,
        np.array([0, mover], np.uint64),
        np.array([0, opponent], np.uint64),
    )
    with pytest.raises(KeyError, match=f"mover={mover:#x} opponent={opponent:#x}"):
        positions.find(boards)


def test_connect_four_is_too_large_because_of_its_42_squares():
    with pytest.raises(TooManyPositionsError, match=r"6 x 7 board has 42 squares.*at most 32"):
        enumerate_positions(CONNECT_FOUR)


def test_four_by_four_is_too_large_because_of_its_positions():
    with pytest.raises(TooManyPositionsError, match="more than 4,000,000 positions"):
        enumerate_positions(Game(4, 4, 4))


def test_a_ply_with_too_many_positions_is_counted_and_not_made():
    # Lines of 8 need 15 plies; until then any X and O stones are a position. The seventh ply would
    # have 52 million moves.
    counts = [comb(32, (ply + 1) // 2) * comb(32 - (ply + 1) // 2, ply // 2) for ply in range(7)]
    assert sum(counts[:6]) < 4_000_000 < sum(counts)
    tracemalloc.start()
    with pytest.raises(TooManyPositionsError, match=f"at least {sum(counts):,} within 6 plies"):
        enumerate_positions(Game(4, 8, 8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e9


@pytest.mark.parametrize(
    ("game", "count"),
    [(TIC_TAC_TOE, 5478), (Game(4, 4, 3, gravity=True), 41_750), (Game(3, 3, 1), 10)],
    ids=str,
)
def test_the_limit_is_the_number_of_positions_itself(game, count):
    assert len(enumerate_positions(game, count)) == count
    with pytest.raises(TooManyPositionsError, match=f"more than {count - 1:,} positions"):
        enumerate_positions(game, count - 1)
    with pytest.raises(ValueError, match="more than 5 positions"):
        enumerate_positions(game, 5)
