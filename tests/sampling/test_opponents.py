"""Games against opponents: whose moves are learnt from, what follows them, who sits where."""

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import ray

from ttt_envs import TIC_TAC_TOE, Boards, random_openings
from ttt_rllib.agents.bundle import policy_sha256
from ttt_rllib.agents.fixed_players import fixed_player
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.policies import GreedyPolicy
from ttt_rllib.sampling.action_samplers import sample_actions
from ttt_rllib.sampling.advantages import advantages_and_targets
from ttt_rllib.sampling.board_sampler import BoardSampler, SamplerSettings
from ttt_rllib.sampling.columns import (
    dqn_columns,
    epsilon_greedy_exploration,
    policy_exploration,
    ppo_columns,
)
from ttt_rllib.sampling.network import NumpyNetwork
from ttt_rllib.sampling.opponents import OpponentPlayers, ReceivedOpponents
from ttt_rllib.sampling.rollout import Games, Ply, Versus, flat_observations, play_games
from ttt_rllib.sampling.transitions import transitions

GAMMA, LAMBDA = 0.9, 0.8


@pytest.fixture(scope="module")
def evaluate(new_network):
    return NumpyNetwork(new_network().weights, "relu").evaluate


def settings(**changes):
    values = {
        "game": TIC_TAC_TOE,
        "random_plies": (0, 8),
        "exploring_starts": 0.0,
        "num_boards": 64,
        "opponents_share": 0.5,
        "seed": (1,),
        "explore": True,
        "columns": partial(ppo_columns, gamma=1.0, lambda_=0.8),
        "exploration": policy_exploration,
    }
    return SamplerSettings(**{**values, **changes})


class FirstLegal:
    """Opponents that take the first legal action, and write down how often they were asked."""

    def __init__(self):
        self.asked = Counter()

    def logits(self, observations, numbers):
        assert (np.diff(numbers) >= 0).all(), "in ascending order"
        return np.zeros((len(numbers), 9), np.float32)

    def choose(self, boards, numbers, actions, rng):
        for number in set(numbers[numbers >= 0].tolist()):
            rows = numbers == number
            self.asked[number] += int(rows.sum())
            actions[rows] = boards[rows].legal_mask().argmax(axis=1)


def games_against(evaluate, of_game, learner_is_x, plies=(0, 5)):
    rng = np.random.default_rng(0)
    openings = random_openings(TIC_TAC_TOE, len(of_game), plies, rng)
    versus = Versus(FirstLegal(), np.array(of_game), np.array(learner_is_x))
    return play_games(openings, evaluate, sample_actions, rng, versus=versus)


def test_the_learner_moves_in_its_seat_and_the_opponent_in_the_other(evaluate):
    of_game, learner_is_x = [-1] * 30 + [0] * 60 + [1] * 30, [True, True, False, False] * 30
    games = games_against(evaluate, of_game, learner_is_x)
    seen = set()
    for ply in games.plies:
        stones = ply.observations[:, :18].sum(axis=1)
        for number, stone_count, is_learners in zip(
            ply.games, stones, ply.is_learners, strict=True
        ):
            x_moves = stone_count % 2 == 0
            wanted = of_game[number] < 0 or x_moves == learner_is_x[number]
            assert is_learners == wanted
            seen.add((of_game[number], bool(x_moves), bool(is_learners)))
        theirs = ~ply.is_learners
        legal = ply.observations[theirs, 18:]
        assert np.array_equal(ply.actions[theirs], legal.argmax(axis=1)), "they chose"
        assert not ply.values[theirs].any()
    assert len(seen) == 2 + 4 + 4, "every kind of turn"
    asked = games.versus.opponents.asked
    assert asked[0] > asked[1] > 0


def test_only_the_learners_moves_are_learnt_from(evaluate):
    games = games_against(evaluate, [-1] * 20 + [0] * 40, [True, False] * 30)
    learners = sum(int(ply.is_learners.sum()) for ply in games.plies)
    assert 0 < learners < games.num_moves
    for columns in (
        ppo_columns(games, gamma=1.0, lambda_=0.8),
        dqn_columns(games, zero_sum=True),
        dqn_columns(games, zero_sum=False),
    ):
        assert {len(column) for column in columns.values()} == {learners}


def by_hand(moves):
    """Return advantages and targets of the learner's moves of one game, by definition.

    Args:
        moves: (is_learners, value, won) of each ply.
    """
    results = {}
    for start, (is_learners, value, _) in enumerate(moves):
        if not is_learners:
            continue
        advantage, weight, place = 0.0, 1.0, start
        while place is not None:
            reward, after, discount = 0.0, place, 1.0
            while True:
                reward += discount * moves[after][2] * (1 if (after - place) % 2 == 0 else -1)
                after, discount = after + 1, discount * GAMMA
                if after == len(moves) or moves[after][0]:
                    break
            sign = 1 if (after - place) % 2 == 0 else -1
            successor = 0.0 if after == len(moves) else sign * discount * moves[after][1]
            advantage += weight * (reward + successor - moves[place][1])
            # One ply further the other player's advantage counts negatively.
            weight *= (GAMMA * LAMBDA) ** (after - place) * sign
            place = None if after == len(moves) else after
        results[start] = (advantage, advantage + value)
    return results


def test_advantages_bootstrap_from_the_learners_own_next_turn(evaluate):
    games = games_against(evaluate, [-1] * 30 + [0] * 60, [True, False] * 45)
    advantages, targets = advantages_and_targets(games, gamma=GAMMA, lambda_=LAMBDA)
    moves = {}
    for index, ply in enumerate(games.plies):
        for row, number in enumerate(ply.games):
            moves.setdefault(int(number), []).append((index, row))
    checked = 0
    for places in moves.values():
        plies = [
            (
                bool(games.plies[i].is_learners[row]),
                float(games.plies[i].values[row]),
                int(games.plies[i].won[row]),
            )
            for i, row in places
        ]
        for start, (advantage, target) in by_hand(plies).items():
            i, row = places[start]
            assert advantages[i][row] == pytest.approx(advantage, abs=1e-5)
            assert targets[i][row] == pytest.approx(target, abs=1e-5)
            checked += 1
    assert checked > 150


def test_one_game_against_an_opponent_by_hand():
    # The learner moves, values 0.5; the opponent replies; the learner moves, values -0.25; the
    # opponent wins.
    def ply(is_learners, value, *, won=False):
        return Ply(
            np.array([0]),
            np.zeros((1, 27), np.int8),
            np.array([0]),
            np.zeros(1, np.float32),
            np.zeros(1, bool),
            np.array([value], np.float32),
            np.array([won]),
            np.array([won]),
            np.array([is_learners]),
        )

    plies = [ply(True, 0.5), ply(False, 0.0), ply(True, -0.25), ply(False, 0.0, won=True)]
    games = Games(plies, 0, 1, 1, Versus((), np.array([0]), np.array([True])))
    advantages, targets = advantages_and_targets(games, gamma=0.5, lambda_=0.5)
    last = -0.5 + 0.25
    assert advantages[2][0] == pytest.approx(last)
    assert advantages[0][0] == pytest.approx(0.25 * -0.25 - 0.5 + 0.0625 * last)
    assert targets[0][0] == pytest.approx(advantages[0][0] + 0.5)
    steps = transitions(games, zero_sum=True)
    assert [one.n_step[0] for one in steps[::2]] == [2, 2]
    assert [one.rewards[0] for one in steps[::2]] == [0.0, -1.0]
    assert [bool(one.terminateds[0]) for one in steps[::2]] == [False, True]


def test_transitions_of_self_play_beside_them_stay_as_they_were(evaluate):
    games = games_against(evaluate, [-1] * 30 + [0] * 30, [True, False] * 30)
    plain = transitions(
        Games(games.plies, games.x_wins, games.o_wins, games.num_games), zero_sum=True
    )
    mixed = transitions(games, zero_sum=True)
    own = transitions(games, zero_sum=False)
    for ply, one, both, other in zip(games.plies, plain, mixed, own, strict=True):
        has_opponent = ply.games >= 30
        for before, now, turn in zip(one, both, other, strict=True):
            assert np.array_equal(now[~has_opponent], before[~has_opponent])
            assert np.array_equal(now[has_opponent], turn[has_opponent])
            assert now.dtype == before.dtype


def test_the_share_of_boards_and_the_balance_of_seats(evaluate):
    sampler = BoardSampler(settings(opponents_share=0.3), 0)
    sampler.play_against((fixed_player("random", TIC_TAC_TOE),) * 3)
    of_games, seats = [], []
    for call in range(400):
        versus = sampler._versus(61, np.random.default_rng(call))
        played = versus.of_game >= 0
        of_games.append(np.bincount(versus.of_game[played], minlength=3))
        seats.append(versus.learner_is_x[played].mean() if played.any() else 0.5)
        for number in range(3):
            as_x = versus.learner_is_x[versus.of_game == number]
            assert abs(int(as_x.sum()) - int((~as_x).sum())) <= 2
    assert np.mean(of_games, axis=0).sum() / 61 == pytest.approx(0.3, abs=0.003)
    assert np.mean(of_games, axis=0) == pytest.approx([61 * 0.1] * 3, abs=0.2)
    assert np.mean(seats) == pytest.approx(0.5, abs=0.01)


def test_a_sampler_without_opponents_plays_what_it_always_played(evaluate):
    plain, league = BoardSampler(settings(opponents_share=0.0), 0), BoardSampler(settings(), 0)
    one, other = (sampler.sample(evaluate, num_moves=500) for sampler in (plain, league))
    for name, column in one.columns.items():
        assert np.array_equal(other.columns[name], column)


def test_the_same_seed_plays_the_same_games_against_the_same_opponents(evaluate, new_network):
    opponents = (new_network(seed=1), fixed_player("one_ply", TIC_TAC_TOE))
    results = []
    for _ in range(2):
        sampler = BoardSampler(settings(), 3)
        sampler.play_against(opponents)
        results.append(sampler.sample(evaluate, num_moves=500))
    for name, column in results[0].columns.items():
        assert np.array_equal(results[1].columns[name], column)
    assert results[0].num_moves > len(results[0].columns["obs"]), "opponents' moves count as moves"


def observed(boards):
    return np.concatenate(
        [boards.observe().reshape(len(boards), -1), boards.legal_mask().view(np.int8)], axis=1
    )


@pytest.mark.parametrize("q_head", [False, True])
def test_networks_are_evaluated_together_as_each_would_be_alone(new_network, q_head):
    kinds = [{}, {}, {"activation": "tanh"}, {}]
    policies = [new_network(seed=seed, q_head=q_head, **kind) for seed, kind in enumerate(kinds)]
    policies.insert(2, fixed_player("random", TIC_TAC_TOE))
    numbers = np.repeat(np.arange(5), [5, 0, 30, 60, 3])
    boards = random_openings(TIC_TAC_TOE, len(numbers), (0, 6), np.random.default_rng(0))
    for players in (policies, policies[:2]):
        own = numbers < len(players)
        together = OpponentPlayers(players, 9, head="q" if q_head else "policy")
        found = together.logits(observed(boards[own]), numbers[own])
        for number, policy in enumerate(players):
            rows = np.flatnonzero(numbers[own] == number)
            if number == 2 or not len(rows):
                continue
            wanted = NumpyNetwork(policy.weights, policy.activation)
            alone = wanted.evaluate(observed(boards[own][rows])).logits
            assert found[rows] == pytest.approx(alone, rel=1e-5, abs=1e-5)


def test_networks_that_value_what_follows_are_evaluated_as_each_would_be_alone(new_network):
    policies = [new_network(seed=seed, value_head=True) for seed in range(3)]
    policies.insert(1, fixed_player("random", TIC_TAC_TOE))
    policies.append(new_network(seed=9))
    numbers = np.repeat(np.arange(5), [50, 3, 0, 60, 20])
    boards = random_openings(TIC_TAC_TOE, len(numbers), (0, 6), np.random.default_rng(0))
    players = OpponentPlayers(policies, 9, head="value")
    found = players.logits(observed(boards), numbers)
    for number in (0, 3):
        rows = np.flatnonzero(numbers == number)
        assert found[rows] == pytest.approx(policies[number].logits(boards[rows]), rel=1e-5)
    actions = np.full(len(numbers), -1)
    players.choose(boards, numbers, actions, np.random.default_rng(0))
    assert np.array_equal(np.unique(numbers[actions >= 0]), [1, 4]), "they play by themselves"


@pytest.mark.parametrize("q_head", [False, True])
def test_a_network_of_the_other_algorithm_plays_its_own_policy(new_network, q_head):
    """A Q network's values are no logits, nor the other way round."""
    other = new_network(q_head=not q_head, seed=2)
    boards = random_openings(TIC_TAC_TOE, 20_000, (0, 0), np.random.default_rng(0))
    numbers, actions = np.zeros(20_000, np.int64), np.full(20_000, -1)
    players = OpponentPlayers([other], 9, head="q" if q_head else "policy")
    assert not players.logits(observed(boards), numbers).any()
    players.choose(boards, numbers, actions, np.random.default_rng(0))
    found = np.bincount(actions, minlength=9) / len(actions)
    assert found == pytest.approx(other(boards[:1])[0], abs=0.02)


KNOWING = Inputs(threat_planes=True, tactical_rule=True)
KINDS_OF_INPUTS = [PLAIN_INPUTS, Inputs(True, False), Inputs(False, True), KNOWING]


@pytest.mark.parametrize("own", KINDS_OF_INPUTS, ids=lambda inputs: inputs.described or "plain")
def test_only_networks_with_the_learners_inputs_share_its_observations(new_network, own):
    policies = [
        new_network(inputs=inputs, seed=seed) for seed, inputs in enumerate(KINDS_OF_INPUTS)
    ]
    boards = random_openings(TIC_TAC_TOE, 8_000, (5, 5), np.random.default_rng(3))[:1]
    boards = boards[np.zeros(8_000, int)]
    numbers = np.repeat(np.arange(4), 2_000)
    players = OpponentPlayers(policies, 9, inputs=own)
    logits = players.logits(flat_observations(boards, own), numbers)
    unmoved = -1
    actions = np.full(8_000, unmoved)
    players.choose(boards, numbers, actions, np.random.default_rng(0))
    for number, (policy, inputs) in enumerate(zip(policies, KINDS_OF_INPUTS, strict=True)):
        rows = numbers == number
        if inputs == own:
            odds = np.exp(logits[rows][0] - logits[rows][0].max())
            assert odds / odds.sum() == pytest.approx(policy(boards[:1])[0], abs=1e-5)
            assert set(actions[rows].tolist()) == {unmoved}
        else:
            assert not logits[rows].any()
            found = np.bincount(actions[rows], minlength=9) / rows.sum()
            assert found == pytest.approx(policy(boards[:1])[0], abs=0.04)


def test_a_sampler_plays_against_networks_that_see_more_and_less(new_network):
    network = new_network(inputs=KNOWING)
    sampler = BoardSampler(settings(inputs=KNOWING, opponents_share=1.0, explore=False), 0)
    sampler.play_against([new_network(seed=1, inputs=inputs) for inputs in KINDS_OF_INPUTS])
    seen = []

    def watched(games):
        seen.append(games)
        return ppo_columns(games, gamma=1.0, lambda_=0.8)

    sampler.settings = replace(sampler.settings, columns=watched)
    sampler.sample(NumpyNetwork(network.weights, "relu").evaluate, num_games=64)
    (games,) = seen
    is_forbidden = np.concatenate(
        [
            ply.observations[np.arange(len(ply.actions)), 54 + ply.actions] == 0
            for ply in games.plies
        ]
    )
    is_learners = np.concatenate([ply.is_learners for ply in games.plies])
    numbers = np.concatenate([games.versus.of_game[ply.games] for ply in games.plies])
    obey = is_learners | (numbers >= 2)
    assert not is_forbidden[obey].any()
    assert is_forbidden[~obey].any(), "the others may make moves that the learner may not"


def test_a_snapshot_plays_its_best_moves_where_the_learner_does(new_network):
    sampler = BoardSampler(settings(explore=False, opponents_share=1.0, random_plies=(0, 0)), 0)
    opponent = new_network(seed=4)
    sampler.play_against([opponent])
    seen = []

    def watched(games):
        seen.extend(games.plies)
        return ppo_columns(games, gamma=1.0, lambda_=0.8)

    sampler.settings = replace(sampler.settings, columns=watched)
    sampler.sample(NumpyNetwork(new_network().weights, "relu").evaluate, num_games=64)
    greedy, checked = GreedyPolicy(opponent), 0
    for ply in seen:
        for observation, action in zip(
            ply.observations[~ply.is_learners], ply.actions[~ply.is_learners], strict=True
        ):
            mover, taken = (observation[start : start + 18 : 2] for start in (0, 1))
            bits = [sum(1 << square for square in np.flatnonzero(one)) for one in (mover, taken)]
            boards = Boards(TIC_TAC_TOE, *(np.array([one], np.uint64) for one in bits))
            assert np.array_equal(observed(boards)[0], observation)
            assert greedy(boards)[0, action] == 1.0
            checked += 1
    assert checked > 150


def test_epsilon_greedy_opponents_explore_as_the_learner_does(new_network):
    sampler = BoardSampler(
        settings(
            exploration=epsilon_greedy_exploration,
            head="q",
            opponents_share=1.0,
            random_plies=(0, 0),
        ),
        0,
    )
    sampler.play_against([new_network(q_head=True, seed=3)])
    seen = []

    def watched(games):
        seen.extend(games.plies)
        return dqn_columns(games, zero_sum=True)

    sampler.settings = replace(sampler.settings, columns=watched)
    evaluate = NumpyNetwork(new_network(q_head=True).weights, "relu").evaluate
    sampler.sample(evaluate, num_games=640, epsilon=1.0)
    first = seen[0]
    assert set(first.actions[~first.is_learners].tolist()) == set(range(9))


def test_an_opponent_is_fetched_once_and_checked(ray_cluster, new_network):
    network = new_network()
    sha256 = policy_sha256(network)
    received = ReceivedOpponents()
    (policy,) = received.get([(sha256, ray.put(network))])
    assert policy_sha256(policy) == sha256
    assert received.get([(sha256, None), (sha256, None)]) == (policy, policy)
    with pytest.raises(RuntimeError, match="an opponent's hash is"):
        received.get([("0" * 64, ray.put(new_network(seed=1)))])


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_games_begins_in_the_given_positions(evaluate, share):
    sampler = BoardSampler(settings(opponents_share=0.0, refuted_starts=share), worker_index=1)
    start = Boards(TIC_TAC_TOE, np.array([0b1_0001], np.uint64), np.array([0b1000], np.uint64))
    sampler.start_from(start)
    rng = np.random.default_rng(0)
    openings = sampler._openings(64, rng)
    given = (openings.mover == start.mover[0]) & (openings.opponent == start.opponent[0])
    assert given[: int(64 * share)].all()
    assert given.sum() < 64 * share + 8
    sampler.start_from(None)
    assert not (sampler._openings(64, rng).mover == start.mover[0]).all()
