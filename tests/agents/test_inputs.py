"""What a network sees and may choose, against trying every square, every move and every reply."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, enumerate_positions, random_openings
from ttt_rllib.agents.inputs import INPUTS, PLAIN_INPUTS, Inputs

GAMES = (
    TIC_TAC_TOE,
    CONNECT_FOUR,
    Game(4, 4, 4, gravity=True),
    Game(4, 3, 3, gravity=True),
    Game(4, 4, 3),
    Game(2, 5, 3),
    Game(3, 3, 1),
)
EVERY = [Inputs(planes, rule) for planes in (False, True) for rule in (False, True)]


def positions_of(game, count=150):
    """Positions of every ply, none of them over."""
    plies = (0, game.num_squares - 1)
    return random_openings(game, count, plies, np.random.default_rng(0))


def holds_line(game, squares):
    """Whether a set of squares holds a line, by walking from each of them in each direction."""
    owned = {divmod(square, game.cols) for square in squares}
    return any(
        all((row + step * down, col + step * right) in owned for step in range(game.connect))
        for row, col in owned
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
    )


def squares_of(bits, game):
    return {square for square in range(game.num_squares) if int(bits) >> square & 1}


def wins_by_replies(boards):
    """`[n]` bool: whether the player on move has a move that wins, by playing each."""
    found = np.zeros(len(boards), bool)
    for action in range(boards.game.num_actions):
        rows = np.flatnonzero(boards.legal_mask()[:, action])
        found[rows] |= boards[rows].step(np.full(len(rows), action)).won
    return found


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_threat_planes_equal_trying_a_stone_on_every_empty_square(game):
    boards, inputs = positions_of(game), Inputs(threat_planes=True)
    planes = inputs.planes(boards)
    squares = game.num_squares
    assert (planes.dtype, planes.shape) == (np.int8, (len(boards), 6 * squares))
    assert inputs.width(game) == 6 * squares
    assert np.array_equal(planes[:, : 2 * squares], boards.observe().reshape(len(boards), -1))
    seen = 0
    for row, pair in enumerate(zip(boards.mover, boards.opponent, strict=True)):
        sides = [squares_of(bits, game) for bits in pair]
        empty = set(range(squares)) - sides[0] - sides[1]
        for side, first in zip(sides, (2 * squares, 3 * squares), strict=True):
            found = set(np.flatnonzero(planes[row, first : first + squares]).tolist())
            assert found == {square for square in empty if holds_line(game, side | {square})}
            seen += len(found)
    assert seen > 0


def test_a_square_in_the_air_is_a_threat_too_by_hand():
    # O's row 22, 23, 24 waits for 21, below which 28 and 35 are empty, and for 25, below which
    # the column is empty; X's column 41, 34, 27 waits for 20.
    x = np.array([sum(1 << square for square in (30, 36, 38, 41, 34, 27))], np.uint64)
    o = np.array([sum(1 << square for square in (22, 23, 24, 29, 31, 37))], np.uint64)
    planes = Inputs(threat_planes=True).planes(Boards(CONNECT_FOUR, x, o))
    assert np.flatnonzero(planes[0, 2 * 42 : 3 * 42]).tolist() == [20]
    assert np.flatnonzero(planes[0, 3 * 42 : 4 * 42]).tolist() == [21, 25]


def lines_of(game):
    """All lines as sets of squares, from rows and columns."""
    for row in range(game.rows):
        for col in range(game.cols):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                last_row = row + down * (game.connect - 1)
                last_col = col + right * (game.connect - 1)
                if last_row < game.rows and 0 <= last_col < game.cols:
                    steps = range(game.connect)
                    yield {(row + k * down) * game.cols + col + k * right for k in steps}


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_the_last_planes_equal_looking_at_every_line(game):
    boards, squares, seen = positions_of(game), game.num_squares, 0
    planes = Inputs(threat_planes=True).planes(boards)
    for row, pair in enumerate(zip(boards.mover, boards.opponent, strict=True)):
        sides = [squares_of(bits, game) for bits in pair]
        for side, other, first in zip(sides, sides[::-1], (4 * squares, 5 * squares), strict=True):
            found = set(np.flatnonzero(planes[row, first : first + squares]).tolist())
            wanted = [
                line - side for line in lines_of(game) if len(line - side) == 2 and not line & other
            ]
            assert found == set().union(*wanted)
            seen += len(found)
    # A line of one square cannot lack two.
    assert (seen > 0) == (game.connect > 1)


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_the_tactical_rule_equals_playing_every_move_and_every_reply(game):
    boards = positions_of(game)
    legal = boards.legal_mask()
    wins, safe = np.zeros_like(legal), np.zeros_like(legal)
    for action in range(game.num_actions):
        rows = np.flatnonzero(legal[:, action])
        after, won, done = boards[rows].step(np.full(len(rows), action))
        wins[rows, action] = won
        live = np.flatnonzero(~done)
        loses = np.zeros(len(rows), bool)
        loses[live] = wins_by_replies(after[live])
        safe[rows, action] = ~loses
    expected = np.where(
        wins.any(axis=1, keepdims=True),
        wins,
        np.where(safe.any(axis=1, keepdims=True), safe, legal),
    )
    assert np.array_equal(Inputs(tactical_rule=True).allowed_mask(boards), expected)
    if game.connect > 1:
        has_win, has_safe = wins.any(axis=1), safe.any(axis=1)
        parries = ~has_win & has_safe & (safe != legal).any(axis=1)
        assert min(has_win.sum(), parries.sum(), (~has_win & ~has_safe).sum()) > 0, "a case lacks"


@pytest.mark.parametrize("inputs", EVERY, ids=lambda inputs: inputs.described or "plain")
def test_each_setting_changes_only_what_it_names_in_all_4520_positions(inputs):
    positions = enumerate_positions(TIC_TAC_TOE)
    boards = positions.boards[positions.decisions]
    planes, mask = inputs.planes_and_mask(boards)
    assert np.array_equal(planes[:, :18], boards.observe().reshape(4520, 18))
    assert planes.shape[1] == inputs.width(TIC_TAC_TOE) == (54 if inputs.threat_planes else 18)
    assert np.array_equal(mask, boards.legal_mask()) != inputs.tactical_rule
    assert np.array_equal(planes, inputs.planes(boards))
    assert np.array_equal(mask, inputs.allowed_mask(boards))
    assert mask.any(axis=1).all()
    assert not mask[~boards.legal_mask()].any()


def test_inputs_have_names_and_words():
    all_three = Inputs(True, True, True)
    assert all_three.names == INPUTS == ("threat_planes", "tactical_rule", "symmetry_average")
    words = "sees threats, obeys the tactical rule, averages over symmetries"
    assert all_three.described == words
    both = Inputs(threat_planes=True, tactical_rule=True)
    assert (PLAIN_INPUTS.names, PLAIN_INPUTS.described) == ((), "")
    assert Inputs.of_names(["tactical_rule", "threat_planes"]) == both
    assert Inputs.of_names(["tactical_rule"]) == Inputs(tactical_rule=True)


@pytest.mark.parametrize(
    ("names", "kind", "complaint"),
    [
        (["forks"], ValueError, "inputs has 'forks'; known are threat_planes, tactical_rule"),
        ([], ValueError, r"inputs is \[\]; it names one or more"),
        (["tactical_rule"] * 2, ValueError, "each once"),
        ("tactical_rule", TypeError, "inputs is 'tactical_rule', not a list of names"),
        ([True], TypeError, r"inputs is \[True\], not a list of names"),
        ({"threat_planes": True}, TypeError, "not a list of names"),
        (None, TypeError, "inputs is None, not a list of names"),
    ],
)
def test_anything_but_known_names_is_refused(names, kind, complaint):
    with pytest.raises(kind, match=complaint):
        Inputs.of_names(names)
