"""The consequences of moves, against games replayed one by one on the rules."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.sampling.action_samplers import sample_actions
from ttt_rllib.sampling.network import ILLEGAL_LOGIT
from ttt_rllib.sampling.rollout import Evaluation, flat_observations, play_games
from ttt_rllib.sampling.transitions import transitions

NUM_GAMES = 200


def random_games(game):
    def evaluate(observations):
        legal = observations[:, -game.num_actions :].astype(np.float32)
        return Evaluation((1 - legal) * np.float32(ILLEGAL_LOGIT), np.zeros(len(legal), np.float32))

    rng = np.random.default_rng(5)
    openings = random_openings(game, NUM_GAMES, (0, 4), rng)
    return openings, play_games(openings, evaluate, sample_actions, rng)


def replayed(openings, games):
    """Each game as a list of (position, action, position after, won, done), played singly."""
    boards = {number: openings[[number]] for number in range(NUM_GAMES)}
    moves = {number: [] for number in range(NUM_GAMES)}
    for ply in games.plies:
        for index, number in enumerate(ply.games.tolist()):
            before = boards[number]
            boards[number], won, done = before.step(ply.actions[[index]])
            moves[number].append((before, boards[number], bool(won[0]), bool(done[0])))
    return moves


def flat(board):
    return flat_observations(board)[0]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 3), CONNECT_FOUR], ids=str)
def test_zero_sum_successors_are_the_opponents_positions_and_only_the_winning_move_pays(game):
    openings, games = random_games(game)
    moves = replayed(openings, games)
    for ply_number, (ply, part) in enumerate(
        zip(games.plies, transitions(games, zero_sum=True), strict=True)
    ):
        for index, number in enumerate(ply.games.tolist()):
            before, after, won, done = moves[number][ply_number]
            assert np.array_equal(flat(before), ply.observations[index])
            assert part.terminateds[index] == done
            assert part.rewards[index] == float(won)
            assert part.n_step[index] == 1
            expected = np.zeros_like(flat(after)) if done else flat(after)
            assert np.array_equal(part.successors[index], expected)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 3), CONNECT_FOUR], ids=str)
def test_own_turn_successors_come_after_the_reply_and_a_lost_reply_costs_1(game):
    openings, games = random_games(game)
    moves = replayed(openings, games)
    lost = 0
    for ply_number, (ply, part) in enumerate(
        zip(games.plies, transitions(games, zero_sum=False), strict=True)
    ):
        for index, number in enumerate(ply.games.tolist()):
            _, after, won, done = moves[number][ply_number]
            reward, plies = float(won), 1
            if not done:
                _, after, reply_won, done = moves[number][ply_number + 1]
                reward, plies = -float(reply_won), 2
                lost += reply_won
            assert part.terminateds[index] == done
            assert part.rewards[index] == reward
            assert part.n_step[index] == plies
            expected = np.zeros_like(flat(after)) if done else flat(after)
            assert np.array_equal(part.successors[index], expected)
    assert lost > 20


def test_zero_sum_targets_of_the_true_values_are_the_solvers_action_values():
    # Backing the solver's values up through the transitions must give its own values again.
    truth = solve_or_raise(TIC_TAC_TOE)
    openings, games = random_games(TIC_TAC_TOE)
    boards = openings
    for ply, part in zip(games.plies, transitions(games, zero_sum=True), strict=True):
        rows = truth.positions.find(boards)
        children = truth.positions.children[rows, ply.actions]
        after, _, done = boards.step(ply.actions)
        assert np.array_equal(truth.positions.find(after), children)
        values = np.where(part.terminateds, 0.0, truth.solution.values[children])
        targets = part.rewards - values
        assert np.array_equal(targets, -truth.solution.values[children])
        boards = after[~done]
    assert isinstance(boards, Boards)
