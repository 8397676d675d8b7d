"""The vectorised rules against perft counts, naive Python rules and hand examples."""

from itertools import pairwise

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, has_line, random_openings

PERFT = (1, 9, 72, 504, 3024, 15120, 54720, 148176, 200448, 127872)
SIZES = ((3, 3, 3), (4, 4, 3), (5, 4, 4), (6, 7, 4), (8, 8, 5), (1, 7, 3), (9, 2, 2))
CHI_SQUARE_999 = {1: 10.83, 3: 16.27, 4: 18.47, 6: 22.46, 8: 26.12, 63: 103.44}
"""The 99.9 % quantiles of the chi-square distribution, by degrees of freedom."""


def bits(*squares):
    return np.array([sum(1 << square for square in squares)], np.uint64)


def board(game, mover=(), opponent=()):
    return Boards(game, bits(*mover), bits(*opponent))


def chi_square(observed, expected):
    return float((((observed - expected) ** 2) / expected).sum())


# ---- counts ------------------------------------------------------------------------------


def test_perft_and_results_of_all_games_equal_the_known_counts():
    boards, nodes, wins, draws = Boards.empty(TIC_TAC_TOE, 1), [1], {0: 0, 1: 0}, 0
    for ply in range(9):
        rows, actions = np.nonzero(boards.legal_mask())
        after, won, done = boards[rows].step(actions)
        nodes.append(len(after))
        wins[ply % 2] += int(won.sum())
        draws += int((done & ~won).sum())
        boards = after[~done]
    assert tuple(nodes) == PERFT
    assert (wins[0], wins[1], draws) == (131_184, 77_904, 46_080)
    assert wins[0] + wins[1] + draws == 255_168
    assert len(boards) == 0


def test_connect_four_sequences_of_7_plies_are_7_to_the_7_less_7_overfull_columns():
    # No game ends before ply 7, and only a seventh stone in one column is illegal.
    boards, nodes = Boards.empty(CONNECT_FOUR, 1), []
    for _ in range(7):
        rows, actions = np.nonzero(boards.legal_mask())
        after, _, done = boards[rows].step(actions)
        nodes.append(len(after))
        boards = after[~done]
    assert nodes == [7**ply for ply in range(1, 7)] + [7**7 - 7]


# ---- lines -------------------------------------------------------------------------------


def test_has_line_equals_the_eight_lines_on_all_512_stone_patterns():
    lines = (0b111, 0b111000, 0b111000000, 0o111, 0o222, 0o444, 0o421, 0o124)
    stones = np.arange(512, dtype=np.uint64)
    by_hand = [any(pattern & line == line for line in lines) for pattern in range(512)]
    assert has_line(TIC_TAC_TOE, stones).tolist() == by_hand


@pytest.mark.parametrize("size", SIZES)
def test_has_line_equals_naive_search_on_random_boards(size, holds_line, squares_in):
    rows, cols, connect = size
    rng = np.random.default_rng(sum(size))
    density = rng.uniform(0.1, 0.9, size=(1500, 1))
    owned = rng.random((1500, rows * cols)) < density
    weights = np.uint64(1) << np.arange(rows * cols, dtype=np.uint64)
    stones = np.where(owned, weights, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    naive = [holds_line(rows, cols, connect, squares_in(pattern)) for pattern in stones]
    assert 0 < sum(naive) < len(naive)
    assert has_line(Game(rows, cols, connect), stones).tolist() == naive


@pytest.mark.parametrize("size", SIZES)
def test_equidistant_squares_are_a_line_only_where_they_do_not_wrap(size):
    rows, cols, connect = size
    game, steps = Game(rows, cols, connect), {(0, 1), (1, 0), (1, 1), (1, -1)}
    wrapping = 0
    for start in range(rows * cols):
        for distance in range(1, rows * cols):
            squares = [start + i * distance for i in range(connect)]
            if squares[-1] >= rows * cols:
                break
            cells = [divmod(square, cols) for square in squares]
            moves = {(to[0] - of[0], to[1] - of[1]) for of, to in pairwise(cells)}
            straight = len(moves) == 1 and moves <= steps
            assert has_line(game, bits(*squares)).tolist() == [straight], squares
            wrapping += not straight
    assert wrapping or rows == 1


def test_lines_that_leave_one_edge_and_enter_the_other_do_not_count():
    assert not has_line(TIC_TAC_TOE, bits(2, 3, 4))[0]
    assert not has_line(TIC_TAC_TOE, bits(1, 5, 6))[0]
    assert not has_line(CONNECT_FOUR, bits(4, 5, 6, 7))[0]
    assert not has_line(CONNECT_FOUR, bits(5, 13, 14, 22))[0]
    assert has_line(CONNECT_FOUR, bits(3, 4, 5, 6))[0]
    assert has_line(Game(8, 8, 5), bits(63, 54, 45, 36, 27))[0]


# ---- playing -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "game",
    [
        TIC_TAC_TOE,
        CONNECT_FOUR,
        Game(4, 5, 3, gravity=True),
        Game(5, 4, 4),
        Game(8, 8, 5, gravity=True),
        Game(8, 8, 5),
    ],
    ids=str,
)
def test_whole_random_games_equal_naive_grid_rules(game, holds_line):
    """Every board of a batch is shadowed by a list of '.', 'X' and 'O'."""
    rng = np.random.default_rng(5)
    boards, grids = Boards.empty(game, 40), [["."] * game.num_squares for _ in range(40)]
    for ply in range(game.num_squares):
        mine, other = "XO"[ply % 2], "OX"[ply % 2]
        legal = [naive_legal(game, grid) for grid in grids]
        assert [np.flatnonzero(row).tolist() for row in boards.legal_mask()] == legal
        assert boards.ply.tolist() == [ply] * len(grids)
        seen = boards.observe().reshape(len(grids), game.num_squares, 2)
        for grid, planes in zip(grids, seen, strict=True):
            assert planes[:, 0].tolist() == [s == mine for s in grid]
            assert planes[:, 1].tolist() == [s == other for s in grid]
        actions = np.array([rng.choice(row) for row in legal])
        boards, won, done = boards.step(actions)
        for grid, action in zip(grids, actions, strict=True):
            grid[naive_square(game, grid, action)] = mine
        stones = [[i for i, s in enumerate(grid) if s == mine] for grid in grids]
        lines = [holds_line(game.rows, game.cols, game.connect, own) for own in stones]
        assert won.tolist() == lines
        assert done.tolist() == [
            line or "." not in grid for line, grid in zip(lines, grids, strict=True)
        ]
        boards, grids = boards[~done], [g for g, d in zip(grids, done, strict=True) if not d]
    assert grids == []


def naive_legal(game, grid):
    top = game.cols if game.gravity else game.num_squares
    return [action for action in range(top) if grid[action] == "."]


def naive_square(game, grid, action):
    if not game.gravity:
        return action
    return max(s for s in range(action, game.num_squares, game.cols) if grid[s] == ".")


def test_stones_stack_from_the_bottom_of_their_column():
    boards = Boards.empty(CONNECT_FOUR, 1)
    for square in (38, 31, 24, 17, 10, 3):
        assert boards.legal_mask()[0, 3]
        before = boards.mover | boards.opponent
        boards = boards.step(np.array([3])).boards
        assert (boards.mover | boards.opponent) ^ before == bits(square)
    assert boards.legal_mask()[0].tolist() == [True] * 3 + [False] + [True] * 3


def test_a_step_swaps_the_view_and_tells_a_win_from_a_full_board():
    #   X X .     X O X
    #   O O .     X O O
    #   . . .     O X .
    boards = Boards(
        TIC_TAC_TOE,
        np.concatenate([bits(0, 1), bits(0, 2, 3, 7)]),
        np.concatenate([bits(3, 4), bits(1, 4, 5, 6)]),
    )
    after, won, done = boards.step(np.array([2, 8]))
    assert won.tolist() == [True, False]
    assert done.tolist() == [True, True]
    assert after.mover.tolist() == boards.opponent.tolist()
    assert after.opponent.tolist() == [0b111, int(bits(0, 2, 3, 7, 8)[0])]
    still_on = board(TIC_TAC_TOE, (0, 1), (3, 4)).step(np.array([8]))
    assert (still_on.won.tolist(), still_on.done.tolist()) == ([False], [False])


def test_a_win_with_the_last_stone_is_a_win():
    _, won, done = board(TIC_TAC_TOE, (0, 1, 5, 6), (3, 4, 7, 8)).step(np.array([2]))
    assert (won.tolist(), done.tolist()) == ([True], [True])


# ---- views -------------------------------------------------------------------------------


def test_observation_shows_the_movers_stones_first_by_hand():
    #   O . X
    #   . X .     O to move
    #   . . .
    planes = board(TIC_TAC_TOE, mover=(0,), opponent=(2, 4)).observe()
    assert (planes.shape, planes.dtype) == ((1, 3, 3, 2), np.int8)
    assert planes[0, :, :, 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert planes[0, :, :, 1].tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_legal_mask_and_ply_by_hand():
    boards = board(TIC_TAC_TOE, mover=(0,), opponent=(2, 4))
    mask = boards.legal_mask()
    assert (mask.shape, mask.dtype) == ((1, 9), np.bool_)
    assert np.flatnonzero(mask[0]).tolist() == [1, 3, 5, 6, 7, 8]
    assert boards.ply.tolist() == [3]


def test_bit_63_of_an_8_by_8_board_is_seen():
    boards = board(Game(8, 8, 5), mover=(63,), opponent=(0,))
    assert boards.observe()[0, 7, 7].tolist() == [1, 0]
    assert boards.legal_mask()[0, [0, 62, 63]].tolist() == [False, True, False]


def test_rows_are_taken_by_slice_index_and_mask():
    boards = Boards(TIC_TAC_TOE, np.arange(4, dtype=np.uint64), np.zeros(4, np.uint64))
    assert len(boards) == 4
    assert boards[1:3].mover.tolist() == [1, 2]
    assert boards[np.array([3, 0, 3])].mover.tolist() == [3, 0, 3]
    assert boards[np.array([True, False, False, True])].mover.tolist() == [0, 3]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=str)
def test_no_boards_at_all_keep_their_shapes(game):
    none = Boards.empty(game, 0)
    assert none.observe().shape == (0, game.rows, game.cols, 2)
    assert none.legal_mask().shape == (0, game.num_actions)
    assert none.random_actions(np.random.default_rng(0)).shape == (0,)
    assert len(none.step(np.zeros(0, np.intp)).boards) == 0


# ---- chance ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "legal"),
    [
        (board(TIC_TAC_TOE), list(range(9))),
        (board(TIC_TAC_TOE, (0, 4), (1, 3, 8)), [2, 5, 6, 7]),
        (board(TIC_TAC_TOE, (0, 1, 5, 6), (3, 4, 8)), [2, 7]),
        (board(CONNECT_FOUR), list(range(7))),
        # columns 1, 2 and 4 are full to the top; a stone elsewhere closes nothing
        (board(CONNECT_FOUR, (1, 4), (2, 35)), [0, 3, 5, 6]),
        (board(Game(8, 8, 5)), list(range(64))),
    ],
    ids=lambda value: str(len(value)),
)
def test_random_actions_are_legal_and_uniform_by_chi_square(position, legal):
    draws = 64_000
    many = position[np.zeros(draws, np.intp)]
    counts = np.bincount(
        many.random_actions(np.random.default_rng(11)), minlength=position.game.num_actions
    )
    assert np.flatnonzero(counts).tolist() == legal
    assert chi_square(counts[legal], draws / len(legal)) < CHI_SQUARE_999[len(legal) - 1]


def test_the_only_legal_action_is_always_drawn():
    last = board(TIC_TAC_TOE, (0, 2, 3, 7), (1, 4, 5, 6))[np.zeros(1000, np.intp)]
    assert last.random_actions(np.random.default_rng(0)).tolist() == [8] * 1000


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR, Game(8, 8, 5)], ids=str)
def test_openings_of_any_length_are_unfinished_games_in_naive_rules(game, holds_line, squares_in):
    plies = (0, game.num_squares)
    boards = random_openings(game, 400, plies, np.random.default_rng(3))
    for mover, opponent in zip(boards.mover, boards.opponent, strict=True):
        for stones in (squares_in(mover), squares_in(opponent)):
            assert not holds_line(game.rows, game.cols, game.connect, stones)
        assert not mover & opponent
        assert 0 <= int(opponent).bit_count() - int(mover).bit_count() <= 1
    assert boards.legal_mask().any(axis=1).all()


def test_opening_lengths_are_uniform_where_no_game_can_end():
    boards = random_openings(TIC_TAC_TOE, 20_000, (0, 4), np.random.default_rng(7))
    counts = np.bincount(boards.ply)
    assert len(counts) == 5
    assert chi_square(counts, 20_000 / 5) < CHI_SQUARE_999[4]


def test_opening_lengths_stay_within_both_bounds():
    boards = random_openings(TIC_TAC_TOE, 5000, (2, 3), np.random.default_rng(7))
    assert np.unique(boards.ply).tolist() == [2, 3]


def test_openings_cut_by_the_end_have_the_length_distribution_of_random_games():
    # A game of k plies leaves k - 1 stones. Of the 9 x 8 x .. sequences of k stones these end:
    ends = np.array([1440 / 15120, 5328 / 60480, 47952 / 181440, 72576 / 362880, 127872 / 362880])
    assert ends.sum() == pytest.approx(1.0, abs=1e-12)
    boards = random_openings(TIC_TAC_TOE, 20_000, (9, 9), np.random.default_rng(1))
    counts = np.bincount(boards.ply, minlength=10)
    assert counts[[0, 1, 2, 3, 9]].sum() == 0
    assert chi_square(counts[4:9], 20_000 * ends) < CHI_SQUARE_999[4]


def test_one_ply_openings_are_uniform_over_the_nine_squares():
    boards = random_openings(TIC_TAC_TOE, 18_000, (1, 1), np.random.default_rng(2))
    counts = np.unique(boards.opponent, return_counts=True)[1]
    assert len(counts) == 9
    assert chi_square(counts, 2000) < CHI_SQUARE_999[8]


def test_openings_of_equal_seeds_are_equal_and_of_others_differ():
    one, same, other = (
        random_openings(CONNECT_FOUR, 100, (0, 20), np.random.default_rng(seed))
        for seed in (4, 4, 5)
    )
    assert one.mover.tolist() == same.mover.tolist()
    assert one.opponent.tolist() == same.opponent.tolist()
    assert one.opponent.tolist() != other.opponent.tolist()


def test_no_plies_leave_the_board_empty():
    boards = random_openings(TIC_TAC_TOE, 10, (0, 0), np.random.default_rng(0))
    assert (boards.mover | boards.opponent).tolist() == [0] * 10
