"""Games played in lockstep, against naive play, naive sums and known probabilities."""

from collections import defaultdict
from functools import partial

import numpy as np
import pytest
import torch

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.sampling.action_samplers import (
    epsilon_greedy_actions,
    exploring_start_actions,
    greedy_actions,
    sample_actions,
)
from ttt_rllib.sampling.advantages import advantages_and_targets
from ttt_rllib.sampling.network import ILLEGAL_LOGIT
from ttt_rllib.sampling.rollout import Evaluation, flat_observations, play_games


def uniform(num_actions):
    def evaluate(observations):
        legal = observations[:, -num_actions:].astype(np.float32)
        return Evaluation((1 - legal) * np.float32(ILLEGAL_LOGIT), np.zeros(len(legal), np.float32))

    return evaluate


def arbitrary(num_actions, seed=0):
    """A fixed random linear network: any logits and values will do, if they are repeatable."""

    def evaluate(observations):
        rng = np.random.default_rng(seed)
        width = observations.shape[1]
        matrix = rng.normal(size=(width, num_actions + 1)).astype(np.float32)
        out = observations.astype(np.float32) @ matrix
        legal = observations[:, -num_actions:]
        return Evaluation(
            out[:, :-1] + (1 - legal) * np.float32(ILLEGAL_LOGIT), np.tanh(out[:, -1])
        )

    return evaluate


def half_random(logits, legal, rng):
    return epsilon_greedy_actions(logits, legal, rng, epsilon=0.5)


def games_of(game, num_games, evaluate, seed=0, plies=(0, 4)):
    rng = np.random.default_rng(seed)
    return play_games(random_openings(game, num_games, plies, rng), evaluate, sample_actions, rng)


def by_game(games, *per_ply):
    """Regroup ply-major arrays into one list of moves a game."""
    moves = defaultdict(list)
    for index, ply in enumerate(games.plies):
        for position, number in enumerate(ply.games):
            extra = [column[index][position] for column in per_ply]
            moves[int(number)].append((ply.values[position], ply.won[position], *extra))
    return moves


def test_random_self_play_has_the_known_results():
    # 737/1260 X wins, 121/420 O wins, 8/63 draws (ground truth); 4 standard errors.
    games = games_of(TIC_TAC_TOE, 40_000, uniform(9), plies=(0, 0))
    for wins, probability in ((games.x_wins, 737 / 1260), (games.o_wins, 121 / 420)):
        error = (probability * (1 - probability) / games.num_games) ** 0.5
        assert abs(wins / games.num_games - probability) < 4 * error


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 3), CONNECT_FOUR], ids=str)
def test_replaying_the_actions_gives_the_same_boards_and_endings(game):
    rng = np.random.default_rng(3)
    openings = random_openings(game, 50, (0, 4), rng)
    games = play_games(openings, arbitrary(game.num_actions), sample_actions, rng)
    boards = {number: openings[[number]] for number in range(50)}
    for ply in games.plies:
        for position, number in enumerate(ply.games):
            board = boards.pop(int(number))
            assert np.array_equal(flat_observations(board)[0], ply.observations[position])
            assert board.legal_mask()[0, ply.actions[position]]
            after, won, done = board.step(ply.actions[[position]])
            assert (won[0], done[0]) == (ply.won[position], ply.done[position])
            if not done[0]:
                boards[int(number)] = after
    assert not boards, "every game was played to its end"


@pytest.mark.parametrize(("gamma", "lambda_"), [(1.0, 0.8), (0.9, 0.5), (1.0, 0.0)])
def test_advantages_equal_the_sum_of_discounted_deltas_of_each_game(gamma, lambda_):
    games = games_of(TIC_TAC_TOE, 200, arbitrary(9))
    advantages, targets = advantages_and_targets(games, gamma=gamma, lambda_=lambda_)
    for moves in by_game(games, advantages, targets).values():
        values = [move[0] for move in moves] + [0.0]
        deltas = [
            float(won) - gamma * values[t + 1] - values[t] for t, (_, won, _, _) in enumerate(moves)
        ]
        for t, (value, _, advantage, target) in enumerate(moves):
            # Each ply changes the point of view, hence the alternating sign.
            expected = sum((-gamma * lambda_) ** (k - t) * deltas[k] for k in range(t, len(deltas)))
            assert advantage == pytest.approx(expected, abs=1e-5)
            assert target == pytest.approx(expected + value, abs=1e-5)


def test_with_lambda_1_the_target_is_the_games_result_for_the_mover():
    games = games_of(TIC_TAC_TOE, 200, arbitrary(9))
    _, targets = advantages_and_targets(games, gamma=1.0, lambda_=1.0)
    for moves in by_game(games, targets).values():
        result = float(moves[-1][1])
        for moves_to_the_end, move in enumerate(reversed(moves)):
            assert move[2] == pytest.approx(result * (-1) ** moves_to_the_end, abs=1e-5)


def test_sampled_actions_have_the_softmax_frequencies_and_log_probabilities():
    logits = np.array([0.0, 1.0, ILLEGAL_LOGIT, -1.0, 2.0, ILLEGAL_LOGIT], np.float32)
    rows = np.tile(logits, (60_000, 1))
    actions, logp, _ = sample_actions(rows, rows > -1e8, np.random.default_rng(0))
    expected = torch.from_numpy(logits).double().log_softmax(0).numpy()
    assert logp == pytest.approx(expected[actions], abs=1e-6)
    counts = np.bincount(actions, minlength=6) / len(rows)
    errors = np.sqrt(np.exp(expected) * (1 - np.exp(expected)) / len(rows))
    assert np.all(np.abs(counts - np.exp(expected)) <= 4 * errors)


def test_an_illegal_action_is_never_sampled_even_at_the_edges_of_the_uniform_numbers():
    class Edges:
        def random(self, size):
            return np.resize([0.0, 1.0 - 2**-53], size)

    logits = np.full((8, 4), ILLEGAL_LOGIT, np.float32)
    logits[:, 1:3] = [[0.0, 0.0], [0.0, 30.0], [30.0, 0.0], [-5.0, 5.0]] * 2
    actions, _, _ = sample_actions(logits, logits > -1e8, Edges())
    assert set(actions) <= {1, 2}


@pytest.mark.parametrize("choose", [sample_actions, greedy_actions, half_random])
def test_logits_that_are_no_numbers_are_refused_instead_of_played(choose):
    logits = np.zeros((3, 9), np.float32)
    logits[1, 2] = np.nan
    with pytest.raises(FloatingPointError, match="not finite"):
        choose(logits, np.ones((3, 9), bool), np.random.default_rng(0))


def test_without_exploration_the_most_probable_action_is_taken():
    logits = np.random.default_rng(0).normal(size=(100, 9)).astype(np.float32)
    actions, _, _ = greedy_actions(logits, np.ones((100, 9), bool), np.random.default_rng(0))
    assert np.array_equal(actions, logits.argmax(axis=1))


def test_epsilon_greedy_has_the_frequencies_of_its_definition_and_never_plays_illegally():
    q_values = np.array([0.0, 0.3, -np.inf, -0.9, 0.2], np.float32)
    rows = np.tile(q_values, (60_000, 1))
    legal = np.isfinite(rows)
    actions, logp, _ = half_random(rows, legal, np.random.default_rng(0))
    # Half of the moves are spread evenly over the four legal ones, the rest is the greatest.
    expected = np.array([0.125, 0.625, 0.0, 0.125, 0.125])
    assert np.exp(logp) == pytest.approx(expected[actions], abs=1e-6)
    counts = np.bincount(actions, minlength=5) / len(rows)
    assert np.all(np.abs(counts - expected) <= 4 * np.sqrt(expected * (1 - expected) / len(rows)))
    assert counts[2] == 0.0


def test_a_random_move_that_is_the_greedy_one_is_not_marked_as_explored():
    logits = np.tile(np.array([0.0, 3.0, -np.inf, 1.0], np.float32), (3_000, 1))
    legal = logits > -np.inf
    found = epsilon_greedy_actions(logits, legal, np.random.default_rng(0), epsilon=0.6)
    assert np.array_equal(found.explored, found.actions != 1)
    # Two of three random moves are others: 0.4 of all, give or take 4 standard errors.
    assert abs(found.explored.mean() - 0.4) < 4 * (0.24 / 3_000) ** 0.5


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
def test_epsilon_0_is_greedy_and_epsilon_1_uniform_over_the_legal_moves(epsilon):
    rng = np.random.default_rng(1)
    legal = rng.random((5_000, 9)) < 0.5
    legal[:, 4] = True
    q_values = np.where(legal, rng.normal(size=legal.shape), -np.inf).astype(np.float32)
    actions, logp, _ = epsilon_greedy_actions(q_values, legal, rng, epsilon=epsilon)
    assert legal[np.arange(5_000), actions].all()
    if epsilon:
        assert np.exp(logp) == pytest.approx(1 / legal.sum(axis=1), abs=1e-6)
    else:
        assert np.array_equal(actions, q_values.argmax(axis=1))


def test_exploring_starts_mix_uniform_moves_into_the_softmax_in_the_first_ply_only():
    # 4 standard errors of the mixture's frequencies on the empty board.
    share, num_games = 0.3, 40_000
    openings = Boards.empty(TIC_TAC_TOE, num_games)
    start = partial(exploring_start_actions, share=share)
    rng = np.random.default_rng(2)
    games = play_games(openings, arbitrary(9), sample_actions, rng, start=start)
    first, *others = games.plies
    logits = arbitrary(9)(flat_observations(openings[:1])).logits.astype(np.float64)[0]
    policy = np.exp(logits) / np.exp(logits).sum()
    mixture = share / 9 + (1 - share) * policy
    counts = np.bincount(first.actions, minlength=9) / num_games
    assert np.all(np.abs(counts - mixture) <= 4 * np.sqrt(mixture * (1 - mixture) / num_games))
    assert abs(first.explored.mean() - share) <= 4 * np.sqrt(share * (1 - share) / num_games)
    assert np.exp(first.logp) == pytest.approx(policy[first.actions], abs=1e-5)
    assert not any(ply.explored.any() for ply in others)


@pytest.mark.parametrize("inputs", [Inputs(True, False), Inputs(False, True), Inputs(True, True)])
def test_games_show_the_planes_and_every_move_is_an_allowed_one(inputs):
    game = Game(4, 4, 4, gravity=True)
    rng = np.random.default_rng(0)
    openings = random_openings(game, 200, (0, 15), rng)
    played = play_games(openings, arbitrary(4), half_random, rng, inputs=inputs)
    boards = openings
    num_bound = 0
    for ply in played.plies:
        planes, allowed = inputs.planes(boards), inputs.allowed_mask(boards)
        assert np.array_equal(ply.observations[:, :-4], planes)
        assert np.array_equal(ply.observations[:, -4:], allowed)
        assert allowed[np.arange(len(boards)), ply.actions].all()
        num_bound += int((allowed != boards.legal_mask()).any(axis=1).sum())
        boards = boards.step(ply.actions).boards[~ply.done]
    assert (num_bound > 100) == inputs.tactical_rule


def test_flat_observations_are_stones_of_mover_and_opponent_then_the_mask():
    boards = Boards(TIC_TAC_TOE, np.array([0b001], np.uint64), np.array([0b010], np.uint64))
    by_hand = [1, 0, 0, 1, *[0] * 14, 0, 0, *[1] * 7]
    assert flat_observations(boards)[0].tolist() == by_hand
