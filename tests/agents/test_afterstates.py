"""Players that value what follows their moves, against play by hand, move by move."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_envs.boards import has_line
from ttt_envs.symmetry import image, symmetries
from ttt_rllib.agents import afterstates
from ttt_rllib.agents.afterstates import (
    MAX_FORCED_MOVES,
    AfterstatePolicy,
    action_values,
    network_policy,
)
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.exact import solve
from ttt_rllib.exact.solved_game import solved_game

GRAVITY = Game(4, 4, 4, gravity=True)
KNOWING = Inputs(threat_planes=True, tactical_rule=True)
FROM_ALL_SIDES = Inputs(threat_planes=True, tactical_rule=True, symmetry_average=True)


def some_boards(game, count=300):
    return random_openings(game, count, (0, game.num_squares - 1), np.random.default_rng(0))


def plain_value(policy, board):
    """What the agent's network says of one position, in float64."""
    if policy.inputs.symmetry_average:
        views = [rotated(board, permutation) for permutation in symmetries(policy.game)]
        return float(np.mean([value_from_one_side(policy, view) for view in views]))
    return value_from_one_side(policy, board)


def rotated(boards, permutation):
    """The positions after a rotation or reflection."""
    mover, opponent = (
        np.array([image(int(stones), permutation) for stones in side], np.uint64)
        for side in (boards.mover, boards.opponent)
    )
    return Boards(boards.game, mover, opponent)


def value_from_one_side(policy, board):
    hidden = policy.inputs.planes(board)[0].astype(np.float64)
    for name in ("trunk.0", "trunk.1"):
        hidden = policy.weights[f"{name}.weight"] @ hidden + policy.weights[f"{name}.bias"]
        hidden = np.maximum(hidden, 0.0)
    return float((policy.weights["value.weight"] @ hidden + policy.weights["value.bias"])[0])


def value_of_move(policy, board, action, seen, forced_moves=0):
    """What a move is worth to its player, in float64, by playing it and what is forced after it."""
    child = board.place(np.array([action]))
    if has_line(policy.game, child.opponent)[0]:
        seen.add(("won", forced_moves))
        return 1.0
    if not child.legal_mask().any():
        seen.add(("drawn", forced_moves))
        return 0.0
    replies = np.flatnonzero(policy.inputs.allowed_mask(child)[0])
    if len(replies) == 1 and forced_moves < MAX_FORCED_MOVES:
        return -value_of_move(policy, child, replies[0], seen, forced_moves + 1)
    seen.add(("open", forced_moves))
    return -plain_value(policy, child)


@pytest.mark.parametrize(
    "inputs",
    [PLAIN_INPUTS, Inputs(True, False), KNOWING, Inputs(symmetry_average=True), FROM_ALL_SIDES],
    ids=str,
)
@pytest.mark.parametrize("game", [TIC_TAC_TOE, GRAVITY], ids=str)
def test_values_of_moves_are_those_of_playing_each_of_them(new_network, game, inputs):
    policy = new_network(game, value_head=True, inputs=inputs)
    boards = some_boards(game)
    found = policy.logits(boards)
    allowed = inputs.allowed_mask(boards)
    seen = set()
    for row in range(len(boards)):
        board = boards[[row]]
        values = {
            action: value_of_move(policy, board, action, seen)
            for action in np.flatnonzero(allowed[row])
        }
        wanted = [values.get(action, -np.inf) for action in range(game.num_actions)]
        assert found[row].tolist() == pytest.approx(wanted, abs=1e-4)
        best = max(values, key=values.get)
        assert policy(board)[0, best] == 1.0
        assert policy.values(board)[0] == pytest.approx(values[best], abs=1e-4)
    assert {result for result, _ in seen} == {"won", "drawn", "open"}
    deepest = max(forced_moves for _, forced_moves in seen)
    assert deepest == MAX_FORCED_MOVES if inputs.tactical_rule else deepest >= 1


def test_the_whole_batch_is_played_as_each_position_alone(new_network, monkeypatch):
    policy, boards = new_network(GRAVITY, value_head=True, inputs=KNOWING), some_boards(GRAVITY)
    whole, moves = policy.logits(boards), policy(boards)
    assert moves.dtype == np.float64
    assert (moves.sum(axis=1) == 1.0).all()
    monkeypatch.setattr(afterstates, "ROWS", 7)
    assert policy.logits(boards) == pytest.approx(whole, rel=1e-5)
    assert np.array_equal(policy(boards), moves)
    # Also where the rule leaves a single move, which is not valued.
    assert (KNOWING.allowed_mask(boards).sum(axis=1) == 1).any()
    assert np.array_equal(moves.argmax(axis=1), whole.argmax(axis=1))


def test_close_values_are_decided_in_float64_and_equal_ones_by_the_lowest_move(new_network):
    policy = new_network(GRAVITY, value_head=True)
    # Values that float32 cannot always tell apart.
    policy.weights["value.weight"] *= np.float32(1e-7)
    boards = some_boards(GRAVITY)
    together = policy.greedy_actions(boards)
    equal = 0
    for row in range(len(boards)):
        board = boards[[row]]
        values = []
        for action in range(GRAVITY.num_actions):
            if not board.legal_mask()[0, action]:
                values.append(-np.inf)
                continue
            values.append(value_of_move(policy, board, action, set()))
        best = max(values)
        equals = [action for action, value in enumerate(values) if value >= best - 1e-9]
        equal += len(equals) > 1
        assert together[row] == policy.greedy_actions(board)[0] == equals[0]
        assert policy(board)[0].argmax() == equals[0]
    assert equal


@pytest.mark.parametrize("game", [TIC_TAC_TOE, GRAVITY, Game(3, 5, 3)], ids=str)
def test_averaged_values_are_the_same_from_all_sides(new_network, game):
    boards = some_boards(game)
    one_sided, averaged = (
        new_network(game, value_head=True, inputs=inputs) for inputs in (KNOWING, FROM_ALL_SIDES)
    )
    for permutation in symmetries(game)[1:]:
        turned = rotated(boards, permutation)
        found = averaged.values(turned, np.float64)
        assert found == pytest.approx(averaged.values(boards, np.float64), abs=1e-12)
        assert np.abs(one_sided.values(turned) - one_sided.values(boards)).max() > 0.01
    assert averaged.values(boards).dtype == np.float32


@pytest.mark.parametrize("heads", [{}, {"q_head": True}], ids=["policy", "q"])
def test_a_network_that_chooses_moves_is_not_averaged(new_network, heads):
    weights = new_network(**heads).weights
    with pytest.raises(ValueError, match="symmetry_average, which is for a value head; the weigh"):
        network_policy(TIC_TAC_TOE, weights, "relu", Inputs(symmetry_average=True))


def test_with_the_exact_values_it_plays_perfectly():
    """What the network ought to learn: then the greedy move keeps the value everywhere."""
    solved = solved_game(TIC_TAC_TOE)
    positions, solution = solved.positions, solve(solved.positions)
    boards = positions.boards[positions.decisions]

    def exact(planes):
        stones = Boards.of_stones(TIC_TAC_TOE, planes)
        return solution.values[positions.find(stones)].astype(np.float32)

    values = action_values(boards, boards.legal_mask(), PLAIN_INPUTS, exact)
    wanted = solution.values[positions.decisions]
    assert np.array_equal(values.max(axis=1), wanted)


def test_the_names_of_the_weights_say_which_kind_of_player_it_is(new_network):
    for heads, kind, head in (
        ({"value_head": True}, AfterstatePolicy, "value"),
        ({"q_head": True}, NetworkPolicy, "q"),
        ({}, NetworkPolicy, "policy"),
    ):
        weights = new_network(**heads).weights
        policy = network_policy(TIC_TAC_TOE, weights, "relu")
        assert type(policy) is kind
        assert policy.head == head
        assert policy.hidden_sizes == (16, 12)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, GRAVITY, CONNECT_FOUR, Game(8, 8, 4)], ids=str)
def test_stones_that_were_observed_are_the_positions_they_came_from(game):
    boards = some_boards(game)
    for stones in (boards.observe(), boards.observe().reshape(len(boards), -1)):
        found = Boards.of_stones(game, stones)
        assert np.array_equal(found.mover, boards.mover)
        assert np.array_equal(found.opponent, boards.opponent)
        assert found.mover.dtype == np.uint64
