"""Policies against loops in plain Python, and the cost of importing them."""

import math

import numpy as np
import pytest

from tests.commands import loaded_by
from ttt_envs import (
    CONNECT_FOUR,
    TIC_TAC_TOE,
    Boards,
    Game,
    TooManyPositionsError,
    enumerate_positions,
    random_openings,
)
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.policies import (
    GreedyPolicy,
    NetworkPolicy,
    PerfectPolicy,
    RandomPolicy,
    SeatPolicies,
    policy_table,
)
from ttt_rllib.exact import match, nash_conv, solve, uniform_table
from ttt_rllib.exact.scores import sharpest_moves


def some_boards(game, count=200):
    return random_openings(game, count, (0, game.num_squares), np.random.default_rng(0))


def random_weights(game, layers, seed=0, scale=1.0):
    """Weights `[out, in]` of a network with the given hidden widths."""
    rng, weights, width = np.random.default_rng(seed), {}, 2 * game.num_squares
    names = [f"trunk.{layer}" for layer in range(len(layers))]
    for name, out in zip(names, layers, strict=True):
        weights |= dense(rng, name, width, out, scale)
        width = out
    weights |= dense(rng, "policy", width, game.num_actions, scale)
    return weights | dense(rng, "value", width, 1, scale)


def dense(rng, name, width, out, scale):
    return {
        f"{name}.weight": (scale * rng.normal(size=(out, width))).astype(np.float32),
        f"{name}.bias": rng.normal(size=out).astype(np.float32),
    }


# ---- a network by loops ------------------------------------------------------------------


def loop_dense(weights, name, values):
    weight, bias = weights[f"{name}.weight"].tolist(), weights[f"{name}.bias"].tolist()
    return [
        sum(w * v for w, v in zip(row, values, strict=True)) + b
        for row, b in zip(weight, bias, strict=True)
    ]


def loop_network(game, weights, layers, activate, mover, opponent):
    """Probabilities and value of one position, in float64 and square by square."""
    values = [
        float(stones >> s & 1) for s in range(game.num_squares) for stones in (mover, opponent)
    ]
    for layer in range(layers):
        values = [activate(v) for v in loop_dense(weights, f"trunk.{layer}", values)]
    logits = loop_dense(weights, "policy", values)
    # with gravity an action is a column, open while its top square is
    legal = [a for a in range(game.num_actions) if not (mover | opponent) >> a & 1]
    total = math.fsum(math.exp(logits[action]) for action in legal)
    odds = [math.exp(x) / total if a in legal else 0.0 for a, x in enumerate(logits)]
    return odds, loop_dense(weights, "value", values)[0]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=str)
@pytest.mark.parametrize(
    ("activation", "activate"), [("relu", lambda x: max(x, 0.0)), ("tanh", math.tanh)]
)
@pytest.mark.parametrize("layers", [(), (16,), (16, 12)])
def test_network_equals_a_loop_over_single_positions(game, activation, activate, layers):
    weights, boards = random_weights(game, layers, scale=0.3), some_boards(game)
    policy = NetworkPolicy(game, weights, activation)
    table, values = policy(boards), policy.values(boards)
    assert (table.dtype, table.shape) == (np.float64, (len(boards), game.num_actions))
    for row, stones in enumerate(zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)):
        odds, value = loop_network(game, weights, len(layers), activate, *stones)
        # the network adds in float32, the loop in float64
        assert table[row].tolist() == pytest.approx(odds, abs=2e-6, rel=0)
        assert values[row] == pytest.approx(value, abs=5e-6, rel=0)


def test_network_of_one_policy_row_equals_the_softmax_by_hand():
    # No trunk and weight 0: the logits are the biases; of the legal 7 and 8 the odds are 1:3.
    weights = {
        "policy.weight": np.zeros((9, 18), np.float32),
        "policy.bias": np.array([99] * 7 + [0, math.log(3)], np.float32),
        "value.weight": np.zeros((1, 18), np.float32),
        "value.bias": np.zeros(1, np.float32),
    }
    boards = Boards(TIC_TAC_TOE, np.array([0b0001011], np.uint64), np.array([0b1110100], np.uint64))
    table = NetworkPolicy(TIC_TAC_TOE, weights, "tanh")(boards)
    assert table[0].tolist() == pytest.approx([0] * 7 + [0.25, 0.75], abs=1e-7)


def test_logits_of_any_size_give_probabilities_without_overflow():
    weights = random_weights(TIC_TAC_TOE, (8,), scale=1e4)
    boards = some_boards(TIC_TAC_TOE)
    table = NetworkPolicy(TIC_TAC_TOE, weights, "relu")(boards)
    assert np.isfinite(table).all()
    assert table.sum(axis=1) == pytest.approx(np.ones(len(boards)), abs=1e-12)
    assert table.max() > 0.999


# ---- inputs ------------------------------------------------------------------------------


def wide_weights(game, *, threat_planes, q_head=False):
    """Random weights of a network of one layer, as wide as its inputs."""
    rng, width = np.random.default_rng(5), (6 if threat_planes else 2) * game.num_squares
    heads = {"q": game.num_actions} if q_head else {"policy": game.num_actions, "value": 1}
    return {
        name: array
        for head, out in heads.items()
        for name, array in dense(rng, head, width, out, 1.0).items()
    }


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 4, gravity=True)], ids=str)
@pytest.mark.parametrize("inputs", [Inputs(True, False), Inputs(False, True), Inputs(True, True)])
def test_a_network_weighs_its_planes_and_chooses_among_the_allowed_moves(game, inputs):
    weights = wide_weights(game, threat_planes=inputs.threat_planes)
    policy = NetworkPolicy(game, weights, "relu", inputs)
    boards = random_openings(game, 300, (0, game.num_squares - 1), np.random.default_rng(0))
    planes, allowed = inputs.planes(boards).astype(float), inputs.allowed_mask(boards)
    logits = planes @ weights["policy.weight"].T.astype(float) + weights["policy.bias"]
    odds = np.exp(logits) * allowed
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert policy(boards) == pytest.approx(expected, abs=1e-5)
    assert policy.logits(boards) == pytest.approx(logits, abs=1e-4)
    values = planes @ weights["value.weight"][0].astype(float) + weights["value.bias"][0]
    assert policy.values(boards) == pytest.approx(values, abs=1e-4)
    greedy = GreedyPolicy(policy)(boards).argmax(axis=1)
    assert np.array_equal(greedy, np.where(allowed, logits, -np.inf).argmax(axis=1))
    plain = random_weights(game, ()) if inputs.threat_planes else weights
    assert np.abs(policy(boards) - NetworkPolicy(game, plain, "relu")(boards)).max() > 0.5


@pytest.mark.parametrize("inputs", [Inputs(True, False), Inputs(False, True), Inputs(True, True)])
def test_a_q_heads_move_and_value_are_those_of_the_allowed_moves(inputs):
    game = Game(4, 4, 4, gravity=True)
    weights = wide_weights(game, threat_planes=inputs.threat_planes, q_head=True)
    policy = NetworkPolicy(game, weights, "relu", inputs)
    boards = random_openings(game, 300, (0, game.num_squares - 1), np.random.default_rng(0))
    q_values = inputs.planes(boards) @ weights["q.weight"].T.astype(float) + weights["q.bias"]
    masked = np.where(inputs.allowed_mask(boards), q_values, -np.inf)
    assert np.array_equal(policy(boards).argmax(axis=1), masked.argmax(axis=1))
    assert (policy(boards).max(axis=1) == 1.0).all()
    assert policy.values(boards) == pytest.approx(masked.max(axis=1), abs=1e-4)
    is_bound = masked.max(axis=1) < np.where(boards.legal_mask(), q_values, -np.inf).max(axis=1)
    assert is_bound.any() == inputs.tactical_rule, "the rule forbids some move of greatest value"


def test_networks_of_separate_seats_have_no_inputs_beyond_the_stones():
    plain = NetworkPolicy(TIC_TAC_TOE, random_weights(TIC_TAC_TOE, (8,)), "relu")
    obeys = NetworkPolicy(TIC_TAC_TOE, plain.weights, "relu", Inputs(tactical_rule=True))
    for seats in ((plain, obeys), (obeys, plain), (obeys, obeys)):
        with pytest.raises(
            ValueError, match="inputs has tactical_rule; networks of separate seats"
        ):
            SeatPolicies(*seats)


# ---- every policy ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        RandomPolicy(TIC_TAC_TOE),
        RandomPolicy(CONNECT_FOUR),
        PerfectPolicy(TIC_TAC_TOE),
        PerfectPolicy(Game(2, 4, 3)),
        NetworkPolicy(TIC_TAC_TOE, random_weights(TIC_TAC_TOE, (8,)), "relu"),
        NetworkPolicy(CONNECT_FOUR, random_weights(CONNECT_FOUR, (8,)), "tanh"),
    ],
    ids=lambda policy: type(policy).__name__,
)
def test_rows_are_distributions_over_the_legal_moves(policy):
    boards = some_boards(policy.game)
    table = policy(boards)
    assert (table.shape, table.dtype) == ((len(boards), policy.game.num_actions), np.float64)
    assert table.sum(axis=1) == pytest.approx(np.ones(len(boards)), abs=1e-12)
    assert (table >= 0).all()
    assert not table[~boards.legal_mask()].any()


def test_random_policy_equals_one_over_the_number_of_open_columns_by_hand():
    # Columns 0 and 6 are full to the top, and only tops count.
    boards = Boards(CONNECT_FOUR, np.array([1 | 1 << 36], np.uint64), np.array([1 << 6], np.uint64))
    assert RandomPolicy(CONNECT_FOUR)(boards)[0].tolist() == [0.0, *[1 / 5] * 5, 0.0]


def test_perfect_policy_answers_a_corner_with_the_centre_and_the_centre_with_corners():
    boards = Boards(TIC_TAC_TOE, np.zeros(2, np.uint64), np.array([1, 16], np.uint64))
    table = PerfectPolicy(TIC_TAC_TOE)(boards)
    assert table.tolist() == [
        [0, 0, 0, 0, 1, 0, 0, 0, 0],
        [0.25, 0, 0.25, 0, 0, 0, 0.25, 0, 0.25],
    ]


def test_perfect_policy_has_nash_conv_zero_on_every_small_game():
    for game in (TIC_TAC_TOE, Game(2, 4, 3), Game(3, 3, 2), Game(4, 3, 3, gravity=True)):
        positions = enumerate_positions(game)
        assert nash_conv(positions, policy_table(positions, PerfectPolicy(game))) == 0.0


def test_perfect_policy_refuses_impossible_positions_and_large_games():
    impossible = Boards(TIC_TAC_TOE, np.array([3], np.uint64), np.array([0], np.uint64))
    with pytest.raises(KeyError, match="mover=0x3"):
        PerfectPolicy(TIC_TAC_TOE)(impossible)
    with pytest.raises(TooManyPositionsError, match="42 squares"):
        PerfectPolicy(CONNECT_FOUR)(Boards.empty(CONNECT_FOUR, 1))


# ---- policy_table ------------------------------------------------------------------------


def test_policy_table_of_the_random_policy_equals_the_uniform_table():
    positions = enumerate_positions(TIC_TAC_TOE)
    table = policy_table(positions, RandomPolicy(TIC_TAC_TOE))
    assert np.array_equal(table, uniform_table(positions))
    assert not table[positions.terminal].any()


def test_the_perfect_policy_plays_the_optimal_moves_that_score_best_against_random_play():
    positions = enumerate_positions(TIC_TAC_TOE)
    table = policy_table(positions, PerfectPolicy(TIC_TAC_TOE))
    optimal = solve(positions).optimal
    assert not (table > 0)[~optimal].any()
    # The corners, as anybody knows who plays against children.
    assert table[0].tolist() == [0.25, 0, 0.25, 0, 0, 0, 0.25, 0, 0.25]
    uniform = uniform_table(positions)
    as_x = match(positions, table, uniform).score
    rng = np.random.default_rng(0)
    for _ in range(20):
        odds = optimal * rng.uniform(0.0, 1.0, optimal.shape) ** 4
        other = odds / np.maximum(odds.sum(axis=1, keepdims=True), 1e-300)
        assert match(positions, other, uniform).score < as_x
        assert match(positions, uniform, other).score > match(positions, uniform, table).score


def test_a_sharpest_move_can_be_found_by_hand():
    # X: 0, O: 4. Of X's moves, all draws, the opposite corner leaves random play the most chances
    # to go wrong; against an opponent that never errs, all keep the same.
    positions = enumerate_positions(TIC_TAC_TOE)
    solution = solve(positions)
    perfect = policy_table(positions, PerfectPolicy(TIC_TAC_TOE))
    boards = Boards(TIC_TAC_TOE, np.array([1], np.uint64), np.array([16], np.uint64))
    row = positions.find(boards)[0]
    assert solution.optimal[row].sum() == 7
    assert (perfect[row] > 0).sum() < 7
    against_perfect = sharpest_moves(positions, solution, perfect)
    assert np.array_equal(against_perfect[row], solution.optimal[row])


def test_policy_table_asks_for_decision_positions_only_each_in_its_row():
    positions = enumerate_positions(TIC_TAC_TOE)

    class Lowest:
        game = TIC_TAC_TOE

        def __call__(self, boards):
            assert len(boards) == 4520
            return np.eye(9)[boards.legal_mask().argmax(axis=1)]

    table = policy_table(positions, Lowest())
    occupied = (positions.boards.mover | positions.boards.opponent).tolist()
    for row, (squares, terminal) in enumerate(zip(occupied, positions.terminal, strict=True)):
        lowest = [(~squares & squares + 1).bit_length() - 1]
        assert np.flatnonzero(table[row]).tolist() == ([] if terminal else lowest)


# ---- imports -----------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["ttt_rllib.exact", "ttt_rllib.agents.policies"])
def test_exact_evaluation_and_policies_load_neither_ray_nor_torch(module):
    loaded = loaded_by(module)
    assert {"numpy", "ttt_envs"} <= loaded
    assert not {"ray", "torch", "gymnasium", "pettingzoo", "pandas"} & loaded


def test_each_seat_is_played_by_its_own_network_told_by_the_stones_on_the_board():
    x, o = (
        NetworkPolicy(TIC_TAC_TOE, random_weights(TIC_TAC_TOE, (8,), s), "relu") for s in (1, 2)
    )
    agent = SeatPolicies(x, o)
    positions = enumerate_positions(TIC_TAC_TOE)
    table = policy_table(positions, agent)
    # X is on move where both have equally many stones.
    boards = positions.boards
    x_moves = np.array([a.bit_count() == b.bit_count() for a, b in stones(boards)])
    assert x_moves[positions.decisions].sum() not in (0, len(positions.decisions))
    np.testing.assert_array_equal(table[x_moves], policy_table(positions, x)[x_moves])
    np.testing.assert_array_equal(table[~x_moves], policy_table(positions, o)[~x_moves])
    decisions = boards[positions.decisions]
    expected = np.where(x_moves[positions.decisions], x.values(decisions), o.values(decisions))
    np.testing.assert_array_equal(agent.values(decisions), expected)


def stones(boards):
    return zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)


def test_seats_of_two_games_are_refused():
    x, o = (NetworkPolicy(g, random_weights(g, (8,)), "relu") for g in (TIC_TAC_TOE, CONNECT_FOUR))
    with pytest.raises(ValueError, match="seats share game and net"):
        SeatPolicies(x, o)


@pytest.mark.parametrize("q_head", [False, True])
def test_close_moves_are_decided_in_float64_whatever_the_number_of_rows(new_network, q_head):
    policy = new_network(CONNECT_FOUR, q_head=q_head)
    head = "q" if q_head else "policy"
    weight, bias = policy.weights[f"{head}.weight"], policy.weights[f"{head}.bias"]
    # All moves but the first are the first one again, off by the last digit of each number.
    rng = np.random.default_rng(1)
    for action in range(1, CONNECT_FOUR.num_actions):
        towards = rng.choice([-np.inf, np.inf], size=weight.shape[1]).astype(np.float32)
        weight[action] = np.nextafter(weight[0], towards)
        bias[action] = bias[0]
    boards = random_openings(CONNECT_FOUR, 700, (0, 30), rng)
    hidden = boards.observe().reshape(len(boards), -1).astype(np.float64)
    for layer in ("trunk.0", "trunk.1"):
        layer_weight = policy.weights[f"{layer}.weight"].astype(np.float64)
        hidden = np.maximum(hidden @ layer_weight.T + policy.weights[f"{layer}.bias"], 0.0)
    logits = hidden @ weight.astype(np.float64).T + bias
    expected = np.where(boards.legal_mask(), logits, -np.inf).argmax(axis=1)
    assert len(set(expected.tolist())) > 3
    assert np.array_equal(policy.greedy_actions(boards), expected)
    assert np.array_equal(policy(boards).argmax(axis=1), expected)
    one_by_one = [int(policy.greedy_actions(boards[row : row + 1])[0]) for row in range(700)]
    assert one_by_one == expected.tolist()


def test_equal_moves_go_to_the_lowest_number(new_network):
    policy = new_network(CONNECT_FOUR)
    policy.weights["policy.weight"][:] = policy.weights["policy.weight"][0]
    policy.weights["policy.bias"][:] = 0.25
    boards = random_openings(CONNECT_FOUR, 100, (0, 30), np.random.default_rng(0))
    assert np.array_equal(policy.greedy_actions(boards), boards.legal_mask().argmax(axis=1))
