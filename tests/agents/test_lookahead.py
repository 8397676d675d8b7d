"""The agent that looks ahead against plain negamax, alpha-beta, the solver and hand positions."""

from functools import cache
from math import comb

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_rllib.agents.baselines import AlphaBetaPolicy
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.policies import NetworkPolicy, SeatPolicies, policy_table
from ttt_rllib.evaluation.matches import greedy_actions, play_match
from ttt_rllib.exact.solved_game import solve_or_raise

FOUR_BY_FOUR = Game(4, 4, 4, gravity=True)
WIN = 1000.0


class Made:
    """Estimates by a function of the two bitboards, as a multiple of 1/64 in [-1, 1]."""

    def __init__(self, game, function):
        self.game, self.function = game, function
        self.seen = 0

    def values(self, boards, dtype=None):
        self.seen += len(boards)
        pairs = zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)
        return np.array([self.function(*pair) for pair in pairs], np.float32)


def scrambled(mover, opponent):
    """A value that has nothing to do with the game, and in which mover and opponent differ."""
    return (mover * 2654435761 + opponent * 40503 >> 7) % 129 / 64 - 1


def nothing(mover, opponent):
    return 0.0


class PlainNegamax:
    """Full-width negamax on two sets of bits, without any cut-off."""

    def __init__(self, game, function):
        self.game, self.function = game, function
        cells = [divmod(square, game.cols) for square in range(game.num_squares)]
        runs = [
            [(r + i * dr, c + i * dc) for i in range(game.connect)]
            for r, c in cells
            for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1))
        ]
        on_board = [run for run in runs if set(run) <= set(cells)]
        self.lines = [sum(1 << r * game.cols + c for r, c in run) for run in on_board]
        self.value = cache(self._value)

    def landing(self, mover, opponent, action):
        squares = [action]
        if self.game.gravity:
            squares = range(action, self.game.num_squares, self.game.cols)
        empty = [s for s in squares if not (mover | opponent) >> s & 1]
        return empty[-1] if empty else None

    def _value(self, mover, opponent, depth):
        if any(opponent & line == line for line in self.lines):
            return -WIN
        if (mover | opponent) == 2**self.game.num_squares - 1:
            return 0.0
        if depth == 0:
            return self.function(mover, opponent)
        return max(self.move_values(mover, opponent, depth).values())

    def move_values(self, mover, opponent, depth):
        squares = {a: self.landing(mover, opponent, a) for a in range(self.game.num_actions)}
        found = {
            action: -self.value(opponent, mover | 1 << square, depth - 1)
            for action, square in squares.items()
            if square is not None
        }
        # one ply further away
        return {a: v - np.sign(v) * (abs(v) > 500) for a, v in found.items()}

    def best(self, boards, depth):
        """Return the best move of each position, the lowest number on a tie."""
        pairs = zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)
        values = [self.move_values(*pair, depth) for pair in pairs]
        return [min(a for a, v in row.items() if v == max(row.values())) for row in values]


def openings(game, count, seed):
    return random_openings(game, count, (0, game.num_squares - 2), np.random.default_rng(seed))


def network(game, seed, *, q_head=False):
    rng = np.random.default_rng(seed)
    heads = {"q": game.num_actions} if q_head else {"policy": game.num_actions, "value": 1}
    sizes = {"trunk.0": (16, 2 * game.num_squares)} | {k: (n, 16) for k, n in heads.items()}
    weights = {}
    for name, size in sizes.items():
        weights[f"{name}.weight"] = rng.normal(size=size).astype(np.float32) / 4
        weights[f"{name}.bias"] = rng.normal(size=size[0]).astype(np.float32) / 4
    return NetworkPolicy(game, weights, "tanh")


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("game", [FOUR_BY_FOUR, CONNECT_FOUR, Game(3, 4, 3)], ids=str)
def test_moves_of_200_positions_equal_plain_negamax_with_the_same_estimates(game, depth):
    boards = openings(game, 200, depth)
    assert {0, 1} == set((boards.ply % 2).tolist())
    lookahead = LookaheadPolicy(Made(game, scrambled), depth)
    expected = PlainNegamax(game, scrambled).best(boards, depth)
    assert greedy_actions(lookahead, boards).tolist() == expected


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("game", [FOUR_BY_FOUR, CONNECT_FOUR, Game(4, 4, 3)], ids=str)
def test_without_knowledge_its_best_moves_are_those_of_alpha_beta(game, depth):
    boards = openings(game, 200 if depth < 4 else 20, depth)
    values = LookaheadPolicy(Made(game, nothing), depth).move_values(boards)
    best = values == values.max(axis=1, keepdims=True)
    assert np.array_equal(best, AlphaBetaPolicy(game, depth)(boards) > 0)
    first = LookaheadPolicy(Made(game, nothing), depth)(boards)
    assert np.array_equal(first.argmax(axis=1), best.argmax(axis=1))
    assert set(first.sum(axis=1).tolist()) == {1.0}


@pytest.mark.parametrize("plies", [1, 2, 3])
def test_true_values_at_the_horizon_make_it_perfect_in_both_seats(plies):
    solved = solve_or_raise(FOUR_BY_FOUR)

    class Truth:
        game = FOUR_BY_FOUR

        def values(self, boards, dtype=None):
            return solved.solution.values[solved.positions.find(boards)].astype(np.float32)

    rows = np.random.default_rng(plies).permutation(solved.positions.decisions)[:5000]
    moves = greedy_actions(LookaheadPolicy(Truth(), plies), solved.positions.boards[rows])
    assert solved.solution.optimal[rows, moves].all()
    assert set(solved.positions.x_to_move[rows].tolist()) == {True, False}


def test_it_beats_its_own_network_in_both_seats():
    net = network(CONNECT_FOUR, 0)
    result = play_match(LookaheadPolicy(net, 3), net, 40, np.random.default_rng(0))
    assert result.as_x.wins - result.as_x.losses > 10
    assert result.as_o.wins - result.as_o.losses > 10


def bits(*squares):
    return np.array([sum(1 << square for square in squares)], np.uint64)


@pytest.mark.parametrize("estimate", [-1e9, 1e9])
def test_no_estimate_beats_a_win_and_none_is_worse_than_a_loss_by_hand(estimate):
    # The mover wins on 2, and must not play elsewhere; turned round, it must parry on 2.
    def wild(mover, opponent):
        return estimate

    for plies in (1, 2, 3, 4):
        wins = Boards(TIC_TAC_TOE, bits(0, 1), bits(3, 4))
        assert greedy_actions(LookaheadPolicy(Made(TIC_TAC_TOE, wild), plies), wins).tolist() == [2]
    for plies in (2, 3, 4):
        parries = Boards(TIC_TAC_TOE, bits(8), bits(0, 1))
        moves = greedy_actions(LookaheadPolicy(Made(TIC_TAC_TOE, wild), plies), parries)
        assert moves.tolist() == [2]


def test_the_sign_of_an_estimate_is_the_movers_by_hand():
    # On an empty board each move leads to one position, which is seen by the opponent.
    def likes_square_5(mover, opponent):
        return -1.0 if opponent >> 5 & 1 else 0.5

    empty = Boards.empty(TIC_TAC_TOE, 1)
    one = LookaheadPolicy(Made(TIC_TAC_TOE, likes_square_5), 1).move_values(empty)[0]
    assert one.tolist() == [-0.5] * 5 + [1.0] + [-0.5] * 3
    # Two plies: the position is the mover's again, in which the opponent may have taken 5.
    two = LookaheadPolicy(Made(TIC_TAC_TOE, likes_square_5), 2).move_values(empty)[0]
    assert two.tolist() == [-1.0] * 5 + [0.5] + [-1.0] * 3


def test_a_q_head_counts_as_its_greatest_legal_value():
    net = network(TIC_TAC_TOE, 3, q_head=True)
    boards = openings(TIC_TAC_TOE, 50, 3)
    legal = np.where(boards.legal_mask(), net.logits(boards), -np.inf)

    class Greatest:
        game = TIC_TAC_TOE

        def values(self, boards, dtype=None):
            legal = np.where(boards.legal_mask(), net.logits(boards), -np.inf)
            return legal.max(axis=1)

    assert np.isfinite(legal.max(axis=1)).all()
    found, expected = (LookaheadPolicy(p, 2).move_values(boards) for p in (net, Greatest()))
    assert np.array_equal(found, expected)


def test_two_networks_are_each_asked_in_their_own_seat():
    x, o = network(TIC_TAC_TOE, 1), network(TIC_TAC_TOE, 2)
    boards = openings(TIC_TAC_TOE, 60, 1)
    even = boards.ply % 2 == 0
    both = LookaheadPolicy(SeatPolicies(x, o), 2).move_values(boards)
    # After two plies the mover is the same as now.
    assert np.allclose(both[even], LookaheadPolicy(x, 2).move_values(boards[even]), atol=1e-6)
    assert np.allclose(both[~even], LookaheadPolicy(o, 2).move_values(boards[~even]), atol=1e-6)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(6, 6, 4)], ids=str)
def test_equal_positions_are_estimated_once(game):
    # 6 x 6 without gravity has no keys to merge positions by.
    made = Made(game, nothing)
    LookaheadPolicy(made, 3).move_values(Boards.empty(game, 4))
    assert made.seen == game.num_squares * comb(game.num_squares - 1, 2)  # one stone, and two


@pytest.mark.parametrize("game", [CONNECT_FOUR, Game(6, 6, 4)], ids=str)
def test_many_boards_get_the_same_as_one_by_one(game):
    boards = random_openings(game, 520, (0, 30), np.random.default_rng(2))
    policy = LookaheadPolicy(Made(game, scrambled), 1 if game.num_actions > 7 else 2)
    single = [policy(boards[row : row + 1])[0] for row in range(len(boards))]
    assert np.array_equal(policy(boards), np.array(single))


def test_it_is_a_policy_of_the_whole_game():
    policy = LookaheadPolicy(network(TIC_TAC_TOE, 5), 2)
    assert policy.game == TIC_TAC_TOE
    positions = solve_or_raise(TIC_TAC_TOE).positions
    table = policy_table(positions, policy)
    assert np.array_equal(table.sum(axis=1), ~positions.terminal * 1.0)
    assert not table[~positions.legal].any()


@pytest.mark.parametrize("plies", [0, -1, 7])
def test_other_numbers_of_plies_are_refused(plies):
    with pytest.raises(ValueError, match=f"plies is {plies}; an agent looks 1 to 6 plies ahead"):
        LookaheadPolicy(network(TIC_TAC_TOE, 0), plies)


def test_close_values_are_decided_in_float64_whatever_the_number_of_rows(new_network):
    net = new_network(Game(4, 4, 4, gravity=True))
    # Estimates that float32 cannot always tell apart.
    net.weights["value.weight"] *= np.float32(1e-7)
    policy = LookaheadPolicy(net, 2)
    boards = random_openings(net.game, 200, (0, 10), np.random.default_rng(0))
    exact = policy.move_values(boards, np.float64)
    best = exact.max(axis=1, keepdims=True)
    expected = (exact >= best - 1e-9).argmax(axis=1)
    assert np.array_equal(policy.greedy_actions(boards), expected)
    assert np.array_equal(policy(boards).argmax(axis=1), expected)
    one_by_one = [int(policy.greedy_actions(boards[[row]])[0]) for row in range(200)]
    assert one_by_one == expected.tolist()
    in_float32 = policy.move_values(boards).argmax(axis=1)
    assert not np.array_equal(in_float32, expected), "float32 would have chosen otherwise"
