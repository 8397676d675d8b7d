"""The different mistakes in losing games: by hand, and against enumeration over strings."""

import random
from collections import Counter

import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.analysis import mistakes
from ttt_rllib.analysis.mistakes import find_mistakes
from ttt_rllib.exact.certificate import LosingLine

OTHER = {"X": "O", "O": "X"}


def turned(board):
    """Rotate a board of nine characters by a quarter turn."""
    return "".join(board[place] for place in (6, 3, 0, 7, 4, 1, 8, 5, 2))


def least_image(board):
    """Return the least of the eight images of a board of nine characters."""
    images = []
    for image in (board, "".join(board[row + col] for row in (0, 3, 6) for col in (2, 1, 0))):
        for _ in range(4):
            image = turned(image)
            images.append(image)
    return min(images)


def board_of(naive, moves):
    board = naive.empty
    for move in moves:
        board = naive.after(board, move)
    return board


def starred(naive, moves, action):
    """Return the least image of the board after some moves, a star where the next one goes."""
    board = board_of(naive, moves)
    return least_image(board[:action] + "*" + board[action + 1 :])


def is_lost(naive, board, seat):
    return naive.fate(board)[0] == OTHER[seat]


def flipped_agent(naive, seed):
    """Return an agent that plays well, but for one position in six, where it plays anything."""
    rng, moves = random.Random(seed), {}

    def move(board):
        if board not in moves:
            squares, fate = naive.squares(board), naive.fate(board)[0]
            best = [one for one in squares if naive.fate(naive.after(board, one))[0] == fate]
            moves[board] = rng.choice(squares if rng.random() < 1 / 6 else best)
        return moves[board]

    return move


def lost_games(naive, agent, seat):
    """Return the moves of every game that the agent loses as X or O."""
    lost, todo = [], [()]
    for moves in todo:
        board = board_of(naive, moves)
        if naive.winner(board) == OTHER[seat]:
            lost.append(moves)
        squares = naive.squares(board)
        if naive.mover(board) == seat and squares:
            squares = [agent(board)]
        todo += [(*moves, square) for square in squares]
    return lost


def naive_mistake(naive, moves, seat):
    """Return the agent's last move of a game that made a lost position of one that was not."""
    boards = [board_of(naive, moves[:ply]) for ply in range(len(moves) + 1)]
    return max(
        ply
        for ply in range("XO".index(seat), len(moves), 2)
        if not is_lost(naive, boards[ply], seat) and is_lost(naive, boards[ply + 1], seat)
    )


def test_the_same_hole_by_another_order_or_in_the_mirror_is_one_mistake():
    # X has two opposite corners, O the centre: a corner of O loses, an edge draws.
    corner = [(0, 4, 8, 2, 6, 3, 7), (8, 4, 0, 2, 6, 3, 7), (2, 4, 6, 0, 8, 5, 7)]
    # An edge of O against the centre loses, every corner draws.
    edge = (4, 1, 0, 8, 6, 2, 3)
    lines = [LosingLine("o", moves, -1) for moves in (edge, *corner[::-1])]
    first, second = find_mistakes(TIC_TAC_TOE, lines)
    assert (first.before, first.action, first.better) == ((0, 4, 8), 2, (1, 3, 5, 7))
    assert (first.line.moves, first.num_lines, first.seat) == (corner[0], 3, "o")
    assert (second.before, second.action, second.better) == ((4,), 1, (0, 2, 6, 8))
    assert (second.line.moves, second.num_lines) == (edge, 1)
    # Of all images, the corner that was played is square 0, and X has 2 and 6.
    assert first.kind == (1 << 4, 1 << 2 | 1 << 6, 0)
    assert first.is_known


@pytest.fixture(scope="module", params=range(2))
def flipped(naive, request):
    """Return the losing games of an agent with flipped moves, and their mistakes by plain rules."""
    agent = flipped_agent(naive, request.param)
    games = {seat: lost_games(naive, agent, seat) for seat in "XO"}
    lines = [LosingLine(seat.lower(), moves, -1) for seat in "XO" for moves in games[seat]]
    kinds = Counter()
    shortest = {}
    for line in lines:
        ply = naive_mistake(naive, line.moves, line.seat.upper())
        kind = line.seat, starred(naive, line.moves[:ply], line.moves[ply])
        kinds[kind] += 1
        shortest[kind] = min(len(line.moves), shortest.get(kind, 9))
    assert len(lines) > 20
    assert 20 < len(kinds) < len(lines) / 1.5
    return lines, kinds, shortest


def check(naive, found, flipped):
    """Compare mistakes with those of the plain rules."""
    _, kinds, shortest = flipped
    counts, lengths = Counter(), {}
    for one in found:
        kind = one.seat, starred(naive, one.before, one.action)
        counts[kind] += one.num_lines
        lengths[kind] = len(one.line.moves)
        board, seat = board_of(naive, one.before), one.seat.upper()
        after = {square: naive.after(board, square) for square in naive.squares(board)}
        holding = {square for square, next_ in after.items() if not is_lost(naive, next_, seat)}
        assert set(one.better) == holding
        assert one.action not in holding
    assert counts == kinds
    assert lengths == shortest
    assert len({one.kind for one in found}) == len(found) == len(kinds)


def test_mistakes_equal_those_of_an_enumeration_over_strings(naive, flipped):
    found = find_mistakes(TIC_TAC_TOE, flipped[0])
    check(naive, found, flipped)
    lengths = [len(one.line.moves) for one in found]
    assert lengths == sorted(lengths)
    mixed = random.Random(0).sample(flipped[0], len(flipped[0]))
    assert find_mistakes(TIC_TAC_TOE, mixed) == found, "the order of the games decides nothing"


def test_a_search_finds_the_same_mistakes_without_a_table(naive, flipped, monkeypatch):
    # On nine squares, its bounds meet from the first move on.
    monkeypatch.setattr(mistakes, "solved_game", lambda game: None)
    check(naive, find_mistakes(TIC_TAC_TOE, flipped[0]), flipped)


def test_on_a_board_without_a_table_only_what_is_proved_is_called_a_mistake():
    # X has three stones in column 3 and plays elsewhere; once more, in the mirror.
    missed = [(3, 0, 3, 0, 3, 0, 6, 0), (3, 6, 3, 6, 3, 6, 0, 6)]
    # X lets O have three in a row with both ends open; what it could have had is not known.
    unknown = (0, 3, 0, 2, 6, 4, 5, 1)
    found = find_mistakes(CONNECT_FOUR, [LosingLine("x", one, -1) for one in (*missed, unknown)])
    assert [one.line.moves for one in found] == [unknown, missed[0]]
    assert [one.ply for one in found] == [4, 6]
    assert [one.better for one in found] == [(), (3,)]
    assert [one.num_lines for one in found] == [1, 2]
    assert [one.is_known for one in found] == [False, True]


def test_a_draw_is_a_loss_for_a_seat_that_is_worth_a_win():
    # Three squares in a row, two to connect: X wins from the middle. It draws from an end, for O
    # takes the middle; then X ends the game at the other end.
    game = Game(1, 3, 2)
    (found,) = find_mistakes(game, [LosingLine("x", (0, 1, 2), 0), LosingLine("x", (2, 1, 0), 0)])
    assert (found.ply, found.action, found.better, found.num_lines) == (0, 0, (1,), 2)


def test_a_game_in_which_the_agent_never_moved_has_no_mistake():
    assert find_mistakes(Game(1, 1, 1), [LosingLine("o", (0,), -1)]) == ()
    assert find_mistakes(TIC_TAC_TOE, []) == ()
