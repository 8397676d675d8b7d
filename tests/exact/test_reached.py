"""The walk against the table of all positions, naive play and OpenSpiel's best response."""

import hashlib

import numpy as np
import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import exploitability

from tests.exact.table_certificate import (
    good_replies_by_table,
    losing_games_by_table,
    reached_by_table,
)
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game
from ttt_envs.keys import boards_of_keys, position_keys
from ttt_rllib.agents.baselines import OnePlyPolicy
from ttt_rllib.agents.policies import RandomPolicy
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.exact import greedy_table, match, walk_both_seats
from ttt_rllib.exact.exploitability import sweep
from ttt_rllib.exact.reached import WalkLimits, not_walkable_reason, walk_reached
from ttt_rllib.exact.refutations import find_refutations
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.walks import REST_LEFT_OUT

GAMES = (
    TIC_TAC_TOE,
    Game(4, 4, 4, gravity=True),
    Game(4, 4, 3, gravity=True),
    Game(3, 4, 3),
    Game(2, 5, 2),
    Game(1, 7, 2),
    Game(5, 3, 3, gravity=True),
)


def random_greedy(positions, seed):
    """`[P, A]` a deterministic policy with random moves."""
    rng = np.random.default_rng(seed)
    return greedy_table(positions, np.where(positions.legal, rng.random(positions.legal.shape), 0))


def walk_table(positions, greedy, agent_is_x, **kwargs):
    moves = greedy.argmax(axis=1)
    return walk_reached(
        positions.game,
        lambda boards: moves[positions.find(boards)],
        agent_is_x=agent_is_x,
        opponents=(RandomPolicy(positions.game), OnePlyPolicy(positions.game)),
        **kwargs,
    )


@pytest.mark.parametrize("game", GAMES, ids=str)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("agent_is_x", [True, False])
def test_the_walk_equals_the_table_of_all_positions(game, seed, agent_is_x):
    truth = solve_or_raise(game)
    positions = truth.positions
    greedy = random_greedy(positions, seed)
    reached = walk_table(positions, greedy, agent_is_x)
    assert reached.incomplete_reason == ""
    assert reached.positions == int(reached_by_table(positions, greedy, agent_is_x).sum())
    response = sweep(positions, greedy)
    best_response = response.as_o if agent_is_x else response.as_x
    assert -min(reached.results) == best_response
    for target in (0, 1):
        found = find_refutations(reached, target)
        games = losing_games_by_table(positions, greedy, agent_is_x, target)
        assert found.games == games
        assert (reached.num_replies, found.good_replies) == good_replies_by_table(
            positions, greedy, agent_is_x, target
        )


@pytest.mark.parametrize("game", GAMES, ids=str)
@pytest.mark.parametrize("agent_is_x", [True, False])
def test_exact_scores_against_fixed_players_equal_the_tables(game, agent_is_x):
    truth = solve_or_raise(game)
    positions = truth.positions
    greedy = random_greedy(positions, 7)
    reached = walk_table(positions, greedy, agent_is_x)
    for outcomes, player in zip(
        reached.outcomes, (RandomPolicy(game), OnePlyPolicy(game)), strict=True
    ):
        table = np.zeros(greedy.shape)
        table[positions.decisions] = player(positions.boards[positions.decisions])
        pair = (greedy, table) if agent_is_x else (table, greedy)
        x_wins, draw, o_wins = match(positions, *pair)
        expected = (x_wins, draw, o_wins) if agent_is_x else (o_wins, draw, x_wins)
        assert outcomes == pytest.approx(expected, abs=1e-12)


def test_nash_conv_equals_open_spiels_on_a_small_connect_four():
    game = Game(3, 3, 3, gravity=True)
    spiel = pyspiel.load_game("connect_four(rows=3,columns=3,x_in_row=3)")

    def lowest(boards):
        return boards.legal_mask().argmax(axis=1)

    walks = walk_both_seats(game, lowest, game_value=None)

    def spiel_lowest(state):
        return {min(state.legal_actions()): 1.0}

    policies = spiel_policy.tabular_policy_from_callable(spiel, spiel_lowest)
    assert walks.nash_conv == pytest.approx(
        2.0 * exploitability.exploitability(spiel, policies), abs=1e-12
    )


def test_the_digest_is_of_the_moves_in_the_documented_order():
    reached = walk_table(
        solve_or_raise(TIC_TAC_TOE).positions,
        random_greedy(solve_or_raise(TIC_TAC_TOE).positions, 1),
        agent_is_x=True,
    )
    # Walked again by hand, with Python's sets.
    positions = solve_or_raise(TIC_TAC_TOE).positions
    moves = random_greedy(positions, 1).argmax(axis=1)
    digest, layer = hashlib.sha256(), {0}
    while layer:
        keys = np.array(sorted(layer), np.uint64)
        boards = boards_of_keys(TIC_TAC_TOE, keys)
        actions = moves[positions.find(boards)]
        digest.update(keys.astype("<u8").tobytes() + actions.astype(np.uint8).tobytes())
        after, _, done = boards.step(actions)
        layer = set()
        for mover, opponent in zip(after.mover[~done], after.opponent[~done], strict=True):
            one = Boards(TIC_TAC_TOE, np.array([mover]), np.array([opponent]))
            for action in np.flatnonzero(one.legal_mask()[0]):
                child, _, is_over = one.step(np.array([action]))
                if not is_over[0]:
                    layer.add(int(position_keys(child)[0]))
    assert reached.moves_sha256 == digest.hexdigest()


@pytest.mark.parametrize("agent_is_x", [True, False])
def test_every_move_changed_where_the_agent_can_come_changes_the_digest(agent_is_x):
    positions = solve_or_raise(TIC_TAC_TOE).positions
    greedy = random_greedy(positions, 3)
    agents = reached_by_table(positions, greedy, agent_is_x) & (positions.x_to_move == agent_is_x)
    before = walk_table(positions, greedy, agent_is_x).moves_sha256
    rows = [row for row in positions.decisions if positions.legal[row].sum() > 1]
    for row in rows[::29]:
        flipped = greedy.copy()
        other = np.flatnonzero(positions.legal[row] & (greedy[row] == 0))[0]
        flipped[row] = np.arange(greedy.shape[1]) == other
        after = walk_table(positions, flipped, agent_is_x).moves_sha256
        assert (after != before) == bool(agents[row])


def test_a_limit_of_positions_ends_the_walk_and_says_where():
    game = CONNECT_FOUR
    reached = walk_reached(
        game,
        lambda boards: greedy_actions(OnePlyPolicy(game), boards),
        agent_is_x=True,
        limits=WalkLimits(positions=1000),
    )
    assert reached.positions <= 1000
    assert reached.incomplete_reason == (
        f"the limit of positions was reached at {reached.positions:,} positions, in ply "
        f"{len(reached.layers)}"
    )


def test_a_limit_of_disk_space_ends_the_walk_and_says_so(monkeypatch):
    monkeypatch.setattr("ttt_rllib.exact.disk_arrays.IN_MEMORY_BYTES", 100)
    game = CONNECT_FOUR
    reached = walk_reached(
        game,
        lambda boards: greedy_actions(OnePlyPolicy(game), boards),
        agent_is_x=True,
        limits=WalkLimits(disk_bytes=50_000),
    )
    assert "temporary files" in reached.incomplete_reason
    assert reached.positions > 100


def test_layers_on_disk_hold_what_layers_in_memory_hold(monkeypatch):
    positions = solve_or_raise(Game(4, 4, 4, gravity=True)).positions
    greedy = random_greedy(positions, 5)
    in_memory = walk_table(positions, greedy, agent_is_x=False)
    monkeypatch.setattr("ttt_rllib.exact.disk_arrays.IN_MEMORY_BYTES", 1)
    monkeypatch.setattr("ttt_rllib.exact.reached.CHUNK", 16)
    monkeypatch.setattr("ttt_rllib.exact.refutations.CHUNK", 16)
    on_disk = walk_table(positions, greedy, agent_is_x=False)
    assert any(isinstance(layer.children, np.memmap) for layer in on_disk.layers)
    for one, other in zip(in_memory.layers, on_disk.layers, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            assert np.array_equal(ours, theirs)
    assert find_refutations(in_memory, 0).games == find_refutations(on_disk, 0).games > 0
    assert in_memory.moves_sha256 == on_disk.moves_sha256


def test_a_narrow_search_finds_games_that_are_really_lost():
    game = CONNECT_FOUR
    agent = OnePlyPolicy(game)
    reached = walk_reached(
        game,
        lambda boards: greedy_actions(agent, boards),
        agent_is_x=False,
        limits=WalkLimits(width=20, stop_below=0),
    )
    assert "most dangerous" in reached.incomplete_reason or "first refutation" in (
        reached.incomplete_reason
    )
    found = next(find_refutations(reached, 0).shortest())
    boards = Boards.empty(game, 1)
    for ply, action in enumerate(found.moves):
        if ply % 2 == 1:
            assert greedy_actions(agent, boards)[0] == action
        boards, won, done = boards.step(np.array([action]))
        assert bool(done[0]) == (ply == len(found.moves) - 1)
    assert won[0]
    assert found.result == -1
    assert len(found.moves) % 2 == 1


def test_where_the_limit_ends_the_whole_walk_a_search_still_finds_a_refutation(monkeypatch):
    policy = OnePlyPolicy(CONNECT_FOUR)
    limit = 1_000
    monkeypatch.setattr("ttt_rllib.exact.walks.WIDTHS", (20,))

    def agent(boards):
        return greedy_actions(policy, boards)

    whole = walk_reached(CONNECT_FOUR, agent, agent_is_x=True, limits=WalkLimits(limit))
    assert -1 not in whole.results
    walks = walk_both_seats(
        CONNECT_FOUR, agent, game_value=1, max_positions=limit, quick_positions=limit
    )
    assert walks.guaranteed_as_x == -1


def test_a_limit_that_nobody_set_is_not_called_one():
    def lowest(boards):
        return boards.legal_mask().argmax(axis=1)

    walks = walk_both_seats(CONNECT_FOUR, lowest, game_value=1, quick_positions=20_000)
    assert {walks.as_x.incomplete_reason, walks.as_o.incomplete_reason} == {REST_LEFT_OUT}
    assert walks.is_unexploitable is False
    walks = walk_both_seats(CONNECT_FOUR, lowest, game_value=1, max_positions=20_000)
    assert walks.as_x.incomplete_reason.startswith("the limit of positions was reached at ")


def test_a_board_whose_positions_have_no_key_is_not_walked():
    assert not_walkable_reason(Game(6, 6, 5)) == (
        "the positions of a 6 x 6 board do not fit 64 bits"
    )
    assert not_walkable_reason(CONNECT_FOUR) is None


@pytest.mark.parametrize(
    "game",
    [CONNECT_FOUR, Game(7, 8, 4, True), Game(8, 7, 4, True), TIC_TAC_TOE, Game(4, 8, 4, True)],
    ids=str,
)
def test_keys_tell_positions_of_a_ply_apart_and_give_them_back(game):
    rng = np.random.default_rng(0)
    boards = Boards.empty(game, 3000)
    for _ in range(game.num_squares):
        keys = position_keys(boards)
        again = boards_of_keys(game, keys)
        assert np.array_equal(again.mover, boards.mover)
        assert np.array_equal(again.opponent, boards.opponent)
        pairs = set(zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True))
        assert len(np.unique(keys)) == len(pairs)
        boards, _, done = boards.step(boards.random_actions(rng))
        boards = boards[~done]
        if not len(boards):
            break


def test_sampled_positions_lie_on_games_that_opponents_win():
    game = Game(4, 4, 4, gravity=True)
    positions = solve_or_raise(game).positions
    greedy = random_greedy(positions, 2)
    found = find_refutations(walk_table(positions, greedy, agent_is_x=True), 0)
    sampled = found.sample(50, np.random.default_rng(0))
    rows = positions.find(sampled)
    assert not positions.terminal[rows].any()
    # From each of them a best response still beats the agent.
    response = sweep(positions, greedy)
    agents_turn = positions.x_to_move[rows]
    worth = np.where(agents_turn, response.agent[rows], -response.responder[rows])
    assert (worth < 0).all()
    assert len(np.unique(rows)) > 20
