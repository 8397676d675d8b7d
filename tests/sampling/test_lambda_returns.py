"""Lambda returns against a plain recursion over each game, and against small games by hand."""

from functools import partial

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE, Game, random_openings
from ttt_envs.symmetry import symmetries
from ttt_rllib.agents.fixed_players import fixed_player
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.sampling.action_samplers import epsilon_greedy_actions
from ttt_rllib.sampling.columns import td_columns, with_mirrored_copies
from ttt_rllib.sampling.lambda_returns import lambda_targets
from ttt_rllib.sampling.network import AfterstateNetwork
from ttt_rllib.sampling.opponents import OpponentPlayers
from ttt_rllib.sampling.rollout import Games, Ply, Versus, flat_observations, play_games

HALF_RANDOM = partial(epsilon_greedy_actions, epsilon=0.5)


def ply(*, value, won=False, done=False, explored=False, learners=None):
    """One move of the only game."""
    one = [np.array([x]) for x in (0, explored, won, done)]
    return Ply(
        games=one[0],
        observations=np.zeros((1, 27), np.int8),
        actions=np.zeros(1, np.int64),
        logp=np.zeros(1, np.float32),
        explored=one[1],
        values=np.array([value], np.float32),
        won=one[2],
        done=one[3],
        is_learners=None if learners is None else np.array([learners]),
    )


def targets_of(*plies, lambda_=0.7):
    found = lambda_targets(Games(list(plies), 0, 0, 1), lambda_=lambda_)
    return [float(target[0]) for target in found]


def test_a_won_game_by_hand():
    plies = (ply(value=0.5), ply(value=-0.2), ply(value=0.9, won=True, done=True))
    # The winner's last move is worth 1; before it -(0.3 * 0.9 + 0.7 * 1) = -0.97;
    # before that -(0.3 * -0.2 + 0.7 * -0.97) = 0.739.
    assert targets_of(*plies) == pytest.approx([0.739, -0.97, 1.0])


def test_a_drawn_game_by_hand():
    plies = (ply(value=0.5), ply(value=-0.2), ply(value=0.4, done=True))
    # 0; then -(0.3 * 0.4) = -0.12; then -(0.3 * -0.2 + 0.7 * -0.12) = 0.144.
    assert targets_of(*plies) == pytest.approx([0.144, -0.12, 0.0])


def test_a_random_move_cuts_the_return_at_its_own_position():
    plies = (
        ply(value=0.5),
        ply(value=-0.2, explored=True),
        ply(value=0.9, won=True, done=True),
    )
    # The random move's position is worth what its best move was thought to be, -0.2, and the move
    # before it -(0.3 * -0.2 + 0.7 * -0.2) = 0.2, whatever came of the random move.
    assert targets_of(*plies) == pytest.approx([0.2, -0.2, 1.0])
    lost = (*plies[:2], ply(value=0.1, done=True))
    assert targets_of(*lost)[:2] == targets_of(*plies)[:2]


def test_a_random_last_move_counts_as_the_best_one():
    assert targets_of(ply(value=0.6, done=True, explored=True)) == pytest.approx([0.6])


def test_against_an_opponent_two_plies_are_one_step_by_hand():
    plies = (
        ply(value=0.5, learners=True),
        # Its value and whether it explored mean nothing.
        ply(value=8.0, learners=False, explored=True),
        ply(value=-0.4, learners=True),
        ply(value=8.0, won=True, done=True, learners=False),
    )
    # The opponent wins: -1 for the learner's last move, then 0.3 * -0.4 + 0.7 * -1 = -0.82.
    found = targets_of(*plies)
    assert [found[0], found[2]] == pytest.approx([-0.82, -1.0])


def plain_targets(moves, lambda_):
    """A recursion over one game's moves: (value, won, done, explored, learners)."""
    value, won, done, explored, learners = moves[0]
    if not learners:
        raise AssertionError("an opponent's move has no target")
    if explored:
        return value
    if done:
        return float(won)
    if moves[1][4]:
        return -((1 - lambda_) * moves[1][0] + lambda_ * plain_targets(moves[1:], lambda_))
    if moves[1][2]:
        return -float(moves[1][1])
    return (1 - lambda_) * moves[2][0] + lambda_ * plain_targets(moves[2:], lambda_)


def by_game(games, targets):
    moves = {}
    for one, target in zip(games.plies, targets, strict=True):
        learners = np.ones(len(one.games), bool) if one.is_learners is None else one.is_learners
        columns = (one.values, one.won, one.done, one.explored, learners, target)
        for number, *move in zip(one.games, *columns, strict=True):
            moves.setdefault(int(number), []).append(move)
    return moves


@pytest.mark.parametrize("lambda_", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("against", [None, "random"])
def test_targets_equal_a_recursion_over_each_game(new_network, lambda_, against):
    network = new_network(value_head=True)
    evaluate = AfterstateNetwork(network.weights, "relu", TIC_TAC_TOE, PLAIN_INPUTS).evaluate
    rng = np.random.default_rng(1)
    versus = None
    if against is not None:
        players = OpponentPlayers([fixed_player(against, TIC_TAC_TOE)], 9, head="value")
        of_game = np.repeat([-1, 0], [50, 150])
        versus = Versus(players, of_game, np.arange(200) % 2 == 0)
    openings = random_openings(TIC_TAC_TOE, 200, (0, 4), rng)
    games = play_games(openings, evaluate, HALF_RANDOM, rng, versus=versus)
    checked = 0
    for moves in by_game(games, lambda_targets(games, lambda_=lambda_)).values():
        for t, move in enumerate(moves):
            if move[4]:
                wanted = plain_targets([one[:5] for one in moves[t:]], lambda_)
                assert move[5] == pytest.approx(wanted, abs=1e-4, rel=1e-4)
                checked += 1
    with_choice = sum(
        int(((one.observations[:, -9:].sum(axis=1) > 1) & learners).sum())
        for one in games.plies
        for learners in [True if one.is_learners is None else one.is_learners]
    )
    columns = td_columns(games, lambda_=lambda_, num_actions=9)
    assert len(columns["obs"]) == len(columns["value_targets"]) == with_choice < checked
    assert (columns["obs"][:, -9:].sum(axis=1) > 1).all()
    assert columns["value_targets"].dtype == np.float32
    assert (checked < games.num_moves) == (against is not None)
    assert 0.1 < np.concatenate([one.explored for one in games.plies]).mean() < 0.5


@pytest.mark.parametrize("inputs", [PLAIN_INPUTS, Inputs(True, False), Inputs(True, True)], ids=str)
@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 4, gravity=True), Game(3, 5, 3)], ids=str)
def test_mirrored_copies_show_what_playing_the_mirrored_game_shows(game, inputs):
    rng = np.random.default_rng(0)
    seen = set()
    for seed in range(12):
        # The same game on two boards, move by move; on the other one every move is mirrored.
        mirrors = symmetries(game)[1:]
        boards = random_openings(game, 40, (0, 0), rng)
        others = dict.fromkeys(mirrors, boards)
        shown = [flat_observations(boards, inputs)]
        wanted = {mirror: list(shown) for mirror in mirrors}
        for _ in range(game.num_squares - 1):
            actions = boards.random_actions(rng)
            after, _, done = boards.step(actions)
            moved = {m: others[m].step(np.array(m)[actions]).boards[~done] for m in mirrors}
            boards, others = after[~done], moved
            shown.append(flat_observations(boards, inputs))
            for mirror in mirrors:
                wanted[mirror].append(flat_observations(others[mirror], inputs))
        observations = np.concatenate(shown)
        targets = rng.normal(size=len(observations)).astype(np.float32)
        columns = {"obs": observations, "value_targets": targets}
        copied = with_mirrored_copies(columns, game, inputs, np.random.default_rng(seed))
        assert np.array_equal(copied["obs"][: len(observations)], observations)
        assert np.array_equal(copied["value_targets"], np.tile(targets, 2))
        copies = copied["obs"][len(observations) :]
        same = [m for m in mirrors if np.array_equal(np.concatenate(wanted[m]), copies)]
        assert len(same) == 1
        seen |= set(same)
    assert len(seen) == 1 if game.gravity else len(seen) > 1


def test_a_board_without_symmetries_has_no_copies():
    game = Game(4, 1, 2, gravity=True)
    columns = {"obs": np.ones((3, 9), np.int8), "value_targets": np.zeros(3, np.float32)}
    found = with_mirrored_copies(columns, game, PLAIN_INPUTS, np.random.default_rng(0))
    assert len(found["obs"]) == 3


def test_where_no_position_has_a_choice_all_are_learnt_from(new_network):
    network = new_network(value_head=True)
    evaluate = AfterstateNetwork(network.weights, "relu", TIC_TAC_TOE, PLAIN_INPUTS).evaluate
    rng = np.random.default_rng(1)
    openings = random_openings(TIC_TAC_TOE, 200, (8, 8), rng)
    one_square_left = openings[openings.ply == 8]
    games = play_games(one_square_left, evaluate, HALF_RANDOM, rng)
    columns = td_columns(games, lambda_=0.7, num_actions=9)
    assert len(columns["obs"]) == games.num_moves == len(one_square_left) > 50
