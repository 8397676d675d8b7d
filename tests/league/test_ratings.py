"""Ratings by hand, their anchors and limits, and Nash averaging's theorems."""

import math

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.bundle import policy_sha256
from ttt_rllib.agents.fixed_players import FIXED_PLAYERS, fixed_player
from ttt_rllib.agents.policies import GreedyPolicy
from ttt_rllib.league.members import Member
from ttt_rllib.league.payoffs import payoffs
from ttt_rllib.league.ratings import elo_gap, elo_ratings, max_entropy_nash
from ttt_rllib.league.standing import rated

CYCLE = np.array([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])


def antisymmetric(rng, count):
    upper = np.triu(rng.uniform(-1, 1, (count, count)), 1)
    return upper - upper.T


def test_a_score_of_three_quarters_of_the_points_is_191_elo():
    assert elo_gap(0.5) == pytest.approx(400 * math.log10(3))
    assert elo_gap(0.0) == 0.0
    assert elo_gap(-0.5) == -elo_gap(0.5)
    assert elo_gap(1.0) == pytest.approx(400 * math.log10(999_999))


def test_a_pair_is_rated_by_its_score_alone():
    scores = np.array([[0.0, 0.5], [-0.5, 0.0]])
    assert elo_ratings(scores, {1: 100.0}) == pytest.approx([100 + elo_gap(0.5), 100.0], abs=1e-3)


def test_scores_that_ratings_explain_give_these_ratings_back():
    rng = np.random.default_rng(0)
    ratings = rng.uniform(-300, 300, 8)
    expected = 1 / (1 + 10 ** (-(ratings[:, None] - ratings) / 400))
    found = elo_ratings(2 * expected - 1, {3: ratings[3]})
    assert found == pytest.approx(ratings, abs=1e-2)


def test_at_the_optimum_everyone_scores_what_was_expected():
    rng = np.random.default_rng(1)
    scores = antisymmetric(rng, 6)
    found = elo_ratings(scores, {0: 0.0})
    expected = 2 / (1 + 10 ** (-(found[:, None] - found) / 400)) - 1
    assert expected.sum(axis=1) == pytest.approx(scores.sum(axis=1), abs=1e-4)


def test_nobody_is_rated_above_the_limit_and_anchors_stay():
    scores = np.array([[0.0, -0.8, -1.0], [0.8, 0.0, 0.0], [1.0, 0.0, 0.0]])
    free = elo_ratings(scores, {0: 0.0, 1: elo_gap(0.8)})
    assert free[2] > free[1]
    limited = elo_ratings(scores, {0: 0.0, 1: elo_gap(0.8)}, highest=elo_gap(0.8))
    assert limited == pytest.approx([0.0, elo_gap(0.8), elo_gap(0.8)])


@pytest.mark.parametrize(
    ("scores", "anchors", "complaint"),
    [
        (CYCLE, {}, "anchor"),
        (np.ones((2, 2)), {0: 0.0}, "antisymmetric"),
        (np.zeros((2, 3)), {0: 0.0}, "antisymmetric"),
    ],
)
def test_what_is_no_pool_is_refused(scores, anchors, complaint):
    with pytest.raises(ValueError, match=complaint):
        elo_ratings(scores, anchors)


def test_a_cycle_is_played_evenly_and_a_copy_shares_its_weight():
    assert max_entropy_nash(CYCLE) == pytest.approx([1 / 3] * 3, abs=1e-6)
    twice = [0, 1, 2, 2]
    copied = max_entropy_nash(CYCLE[twice][:, twice])
    assert copied == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6], abs=1e-6)


def test_who_beats_everyone_has_all_the_weight_and_equals_share_it():
    beaten = np.array([[0.0, 0.1, 1.0], [-0.1, 0.0, 0.5], [-1.0, -0.5, 0.0]])
    assert max_entropy_nash(beaten) == pytest.approx([1, 0, 0], abs=1e-9)
    equals = np.array([[0.0, 0.0, 0.7], [0.0, 0.0, 0.1], [-0.7, -0.1, 0.0]])
    assert max_entropy_nash(equals) == pytest.approx([0.5, 0.5, 0], abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_nobody_gains_against_the_equilibrium(seed):
    rng = np.random.default_rng(seed)
    scores = antisymmetric(rng, 9)
    weights = max_entropy_nash(scores)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert (scores @ weights).max() < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_no_other_equilibrium_has_more_entropy(seed):
    # Two copies of a game and any mixture of their equilibria is an equilibrium.
    rng = np.random.default_rng(seed)
    scores = antisymmetric(rng, 5)
    copies = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    weights = max_entropy_nash(scores[copies][:, copies])
    assert weights[:5] == pytest.approx(weights[5:], abs=1e-6)


def test_the_perfect_player_is_never_below_any_other(new_network):
    policies = {name: fixed_player(name, TIC_TAC_TOE) for name in FIXED_PLAYERS}
    policies |= {f"network {seed}": GreedyPolicy(new_network(seed=seed)) for seed in range(6)}
    members = [Member(name, one, policy_sha256(one)) for name, one in policies.items()]
    standing = rated(members, payoffs(list(policies.values())))
    names = [player.name for player in standing.players]
    best, worst = names.index("perfect"), names.index("random")
    assert standing.ratings[best] == standing.ratings.max()
    assert standing.ratings[worst] == 0.0
    assert standing.order[0] == best
    assert standing.nash_scores[best] == pytest.approx(0.0, abs=1e-9)
    assert standing.nash_scores.max() < 1e-9


def test_a_rating_does_not_depend_on_the_pool_where_it_is_an_anchor(new_network):
    def rating_of_perfect(*others):
        members = [Member(name, one, name) for name, one in others]
        standing = rated(members, payoffs([one for _, one in others]))
        return standing.ratings[[name for name, _ in others].index("perfect")]

    anchors = [(name, fixed_player(name, TIC_TAC_TOE)) for name in ("perfect", "random")]
    more = [(str(seed), new_network(seed=seed)) for seed in range(4)]
    assert rating_of_perfect(*anchors) == rating_of_perfect(*more, *anchors)
