"""The proof and its losing lines against naive enumeration, NashConv and PettingZoo's rules."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pygame and PettingZoo's deprecated import of its games
    from pettingzoo.classic import tictactoe_v3

from ttt_envs import Game
from ttt_rllib.exact import certify, evaluate, greedy_table, nash_conv, walk_both_seats

MARKS = {"x": "X", "o": "O"}
WON_GAMES = (Game(3, 4, 3), Game(1, 7, 2), Game(2, 4, 2))
"""Games that the first player wins."""


def judge(truth, table, **kwargs):
    moves = greedy_table(truth.positions, table).argmax(axis=1)
    walks = walk_both_seats(
        truth.positions.game,
        lambda boards: moves[truth.positions.find(boards)],
        game_value=truth.solution.game_value,
    )
    return certify(walks, evaluate(truth, table).facts, **kwargs)


def naive_lines(naive, policy, seat):
    """(games as (moves, result), boards) that the agent in one seat can come to."""
    games, boards = [], set()

    def walk(board, moves):
        boards.add(board)
        if naive.over(board):
            games.append((moves, naive.result_for(seat, board)))
        agent = naive.mover(board) == seat
        for action in policy.get(board, ()) if agent else naive.legal(board):
            walk(naive.play(board, action), (*moves, action))

    walk(naive.start, ())
    return games, boards


def naive_losing_lines(naive, policy):
    """Every game that ends below the game value of the agent's seat, shortest first."""
    value, lines = naive.value(naive.start), []
    for seat, mark, seat_value in (("x", "X", value), ("o", "O", -value)):
        games, _ = naive_lines(naive, policy, mark)
        lines += [(seat, moves, result) for moves, result in games if result < seat_value]
    return sorted(lines, key=lambda line: (len(line[1]), line[0], line[1]))


def as_tuples(certificate):
    return [(line.seat, line.moves, line.result) for line in certificate.losing_lines]


# ---- perfect and unexploitable agents ----------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_perfect_policy_is_certified_and_its_positions_equal_the_naive_count(seed, truth, naive):
    policy = naive.random_deterministic(seed, mistake_rate=0.0)
    certificate = judge(truth, naive.table_of(policy))
    assert (certificate.perfect, certificate.unexploitable) == (True, True)
    assert (certificate.mistakes, certificate.losing_positions) == (0, 0)
    assert (certificate.losing_line_count, certificate.losing_lines) == (0, ())
    assert (certificate.game_value, certificate.decision_positions) == (0, 4520)
    assert certificate.positions_as_x == len(naive_lines(naive, policy, "X")[1])
    assert certificate.positions_as_o == len(naive_lines(naive, policy, "O")[1])


def test_a_policy_mistaken_only_where_it_never_comes_is_unexploitable_but_not_perfect(truth, naive):
    policy = naive.random_deterministic(0, mistake_rate=0.0)
    reached = naive_lines(naive, policy, "X")[1] | naive_lines(naive, policy, "O")[1]
    elsewhere = 0
    for board in naive.decisions():
        wrong = [a for a in naive.legal(board) if a not in naive.keeping_value(board)]
        if board not in reached and wrong:
            policy[board] = {wrong[0]: Fraction(1)}
            elsewhere += 1
    certificate = judge(truth, naive.table_of(policy))
    assert (certificate.perfect, certificate.unexploitable) == (False, True)
    assert certificate.mistakes == elsewhere > 1000
    assert (certificate.losing_line_count, certificate.losing_lines) == (0, ())
    assert nash_conv(truth.positions, naive.table_of(policy)) == 0.0


# ---- losing lines ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_one_planted_mistake_loses_exactly_through_its_position(seed, truth, naive):
    policy = naive.random_deterministic(seed, mistake_rate=0.0)
    board, wrong = planted(naive, policy, np.random.default_rng(seed))
    certificate = judge(truth, naive.table_of(policy))
    assert (certificate.perfect, certificate.unexploitable) == (False, False)
    assert certificate.mistakes == 1
    assert certificate.losing_line_count == len(certificate.losing_lines) > 0
    ply = len(board) - board.count(".")
    for line in certificate.losing_lines:
        at = naive.start
        for action in line.moves[:ply]:
            at = naive.play(at, action)
        assert (at, line.moves[ply]) == (board, wrong)
        assert line.seat == naive.mover(board).lower()


def planted(naive, policy, rng):
    """Replace the move in one random position that is reached; return board and mistake."""
    choices = []
    for seat in "XO":
        for board in sorted(naive_lines(naive, policy, seat)[1]):
            wrong = [a for a in naive.legal(board) if a not in naive.keeping_value(board)]
            # a mistake in a won position may still be a draw, which is no loss
            if naive.mover(board) == seat and wrong and naive.value(board) == 0:
                choices.append((board, wrong[0]))
    board, wrong = choices[rng.integers(len(choices))]
    policy[board] = {wrong: Fraction(1)}
    return board, wrong


@pytest.mark.parametrize(("seed", "rate"), [(0, 1.0), (1, 0.5), (2, 0.2), (3, 0.1), (4, 0.05)])
def test_losing_lines_their_count_and_order_equal_naive_enumeration(seed, rate, truth, naive):
    policy = naive.random_deterministic(seed, mistake_rate=rate)
    expected = naive_losing_lines(naive, policy)
    certificate = judge(truth, naive.table_of(policy), max_lines=10**6)
    assert len(expected) > 0
    assert certificate.losing_line_count == len(expected)
    assert as_tuples(certificate) == expected
    assert {line.result for line in certificate.losing_lines} == {-1}
    lengths = [len(line.moves) for line in certificate.losing_lines]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize("max_lines", [0, 1, 7, 50])
def test_max_lines_keeps_the_first_of_all_lines_and_the_full_count(max_lines, truth, naive):
    policy = naive.random_deterministic(0)
    expected = naive_losing_lines(naive, policy)
    certificate = judge(truth, naive.table_of(policy), max_lines=max_lines)
    assert as_tuples(certificate) == expected[:max_lines]
    assert certificate.losing_line_count == len(expected) > 50
    assert not certificate.unexploitable


def test_a_certificate_lists_50_lines_unless_told_otherwise(truth, naive):
    assert len(judge(truth, naive.table_of(naive.random_deterministic(0))).losing_lines) == 50


@pytest.mark.parametrize("seed", range(3))
def test_losing_lines_replay_in_pettingzoo_to_a_loss_of_the_agent(seed, truth, naive):
    policy = naive.random_deterministic(seed)
    lines = judge(truth, naive.table_of(policy), max_lines=200).losing_lines
    assert {line.seat for line in lines} == {"x", "o"}
    game = tictactoe_v3.env()
    for line in lines:
        game.reset()
        agent, board = {"x": "player_1", "o": "player_2"}[line.seat], naive.start
        for action in line.moves:
            assert not any(game.terminations.values())
            if game.agent_selection == agent:
                assert policy[board] == {action: 1}
            board = naive.play(board, action)
            game.step(action)
        assert game.terminations[agent]
        assert not game.truncations[agent]
        assert game.rewards[agent] == line.result == -1


def test_losing_positions_equal_the_naive_count_of_reached_boards_below_a_draw(truth, naive):
    policy = naive.random_deterministic(9, mistake_rate=0.3)
    lost = 0
    for seat in "XO":
        for board in naive_lines(naive, policy, seat)[1]:
            value = naive.value(board)
            lost += (value if naive.mover(board) == seat else -value) < 0
    certificate = judge(truth, naive.table_of(policy))
    assert certificate.losing_positions == lost > 0


def test_mistakes_equal_the_naive_count(truth, naive):
    policy = naive.random_deterministic(4, mistake_rate=0.5)
    wrong = sum(not set(policy[b]) <= set(naive.keeping_value(b)) for b in naive.decisions())
    assert judge(truth, naive.table_of(policy)).mistakes == wrong > 0


# ---- theorems ----------------------------------------------------------------------------


def test_unexploitable_if_and_only_if_nash_conv_is_zero_on_150_policies(truth):
    verdicts = verdicts_of(truth, 150, np.random.default_rng(0))
    assert {"unexploitable", "exploitable", "perfect"} == set(verdicts)


@pytest.mark.parametrize("game", WON_GAMES, ids=str)
def test_unexploitable_if_and_only_if_nash_conv_is_zero_where_x_can_win(game, solved):
    truth = solved(game)[0]
    assert truth.solution.game_value == 1
    verdicts = verdicts_of(truth, 20, np.random.default_rng(1))
    assert {"unexploitable", "exploitable", "perfect"} == set(verdicts)


def verdicts_of(truth, count, rng):
    """Check the theorem on policies with ever more mistakes; return what they were called."""
    positions, optimal = truth.positions, truth.solution.optimal
    for number in range(count):
        # a share of rows may play any legal move; number 0 plays none
        free = rng.random(len(positions)) < (number / count) ** 3
        moves = np.where(free[:, None], positions.legal, optimal)
        table = np.zeros(moves.shape)
        best = np.where(moves, rng.random(moves.shape), -1.0).argmax(axis=1)
        table[positions.decisions, best[positions.decisions]] = 1.0
        certificate = judge(truth, table, max_lines=1)
        exploitable = nash_conv(positions, table) > 0
        assert certificate.unexploitable is not exploitable
        assert (certificate.losing_line_count > 0) == exploitable
        assert len(certificate.losing_lines) == int(exploitable)
        assert not (certificate.perfect and exploitable)
        yield (
            "perfect"
            if certificate.perfect
            else "exploitable"
            if exploitable
            else ("unexploitable")
        )


# ---- games that the first player wins ----------------------------------------------------


@pytest.mark.parametrize("game", [Game(1, 7, 2), Game(2, 4, 2), Game(2, 3, 2)], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_where_x_can_win_losing_lines_equal_naive_enumeration(game, seed, solved):
    truth, naive = solved(game)
    policy = naive.random_deterministic(seed)
    certificate = judge(truth, naive.table_of(policy), max_lines=10**6)
    assert certificate.game_value == 1
    assert as_tuples(certificate) == naive_losing_lines(naive, policy)


def test_where_x_can_win_a_draw_counts_against_x_and_nothing_against_o(solved):
    # On a row of 7, two in a row: X in the middle wins at once from either side. An X that
    # starts at the edge lets itself be blocked; by hand, 0 1 2 3 4 5 6 is a draw.
    truth, naive = solved(Game(1, 7, 2))
    policy = {board: {naive.legal(board)[0]: Fraction(1)} for board in naive.decisions()}
    certificate = judge(truth, naive.table_of(policy), max_lines=10**6)
    assert ("x", (0, 1, 2, 3, 4, 5, 6), 0) in as_tuples(certificate)
    assert {line.seat for line in certificate.losing_lines} == {"x"}
    assert certificate.losing_line_count == len(naive_losing_lines(naive, policy))
