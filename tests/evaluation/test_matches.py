"""Sampled matches against the exact results of the same players, and hand calculations."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.agents.baselines import AlphaBetaPolicy, OnePlyPolicy
from ttt_rllib.agents.policies import PerfectPolicy, RandomPolicy, policy_table
from ttt_rllib.evaluation.matches import MatchResult, Record, play_match, sampled_actions
from ttt_rllib.exact import greedy_table, match
from ttt_rllib.exact.solved_game import solve_or_raise

GAMES = (TIC_TAC_TOE, Game(4, 3, 3, gravity=True))


@dataclass(frozen=True)
class TablePolicy:
    """Random probabilities, some of them nearly 0, in every position of a small game."""

    game: Game
    seed: int

    def __call__(self, boards):
        return random_table(self.game, self.seed)[solve_or_raise(self.game).positions.find(boards)]


@cache
def random_table(game, seed):
    legal = solve_or_raise(game).positions.legal
    rng = np.random.default_rng(seed)
    table = np.where(legal, rng.integers(0, 4, legal.shape) + 1e-9, 0.0)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9)


@cache
def exact_outcomes(agent, opponent):
    """Probabilities (win, draw, loss) of the greedy agent, as X and as O."""
    positions = solve_or_raise(agent.game).positions
    greedy = greedy_table(positions, policy_table(positions, agent))
    theirs = policy_table(positions, opponent)
    return tuple(match(positions, greedy, theirs)), tuple(match(positions, theirs, greedy))[::-1]


def pairs():
    for game in GAMES:
        yield TablePolicy(game, 1), RandomPolicy(game)
        yield TablePolicy(game, 2), TablePolicy(game, 3)
        yield RandomPolicy(game), OnePlyPolicy(game)
        yield PerfectPolicy(game), RandomPolicy(game)
        yield OnePlyPolicy(game), AlphaBetaPolicy(game, 4)


@pytest.mark.parametrize(("agent", "opponent"), list(pairs()), ids=lambda p: type(p).__name__)
def test_shares_of_won_drawn_and_lost_games_equal_the_exact_ones_in_each_seat(agent, opponent):
    games = 5_000
    result = play_match(agent, opponent, 2 * games, np.random.default_rng(5))
    expected = exact_outcomes(agent, opponent)
    for record, shares in zip((result.as_x, result.as_o), expected, strict=True):
        assert record.games == games
        for count, share in zip((record.wins, record.draws, record.losses), shares, strict=True):
            # 4.5 standard deviations; a share of 0 or 1 must be met exactly
            assert abs(count - games * share) <= 4.5 * (games * share * (1 - share)) ** 0.5 + 1e-6
    score = sum(win - loss for win, _, loss in expected) / 2
    assert result.score == pytest.approx(score, abs=5 * result.standard_error)


@pytest.mark.parametrize("games", [16, 64, 256])
def test_about_95_of_100_intervals_hold_the_exact_score(games):
    held = total = 0
    for agent, opponent in pairs():
        score = sum(win - loss for win, _, loss in exact_outcomes(agent, opponent)) / 2
        for seed in range(15):
            low, high = play_match(agent, opponent, games, np.random.default_rng(seed)).interval
            assert -1.0 <= low < high <= 1.0
            held += low <= score <= high
            total += 1
    assert 0.92 <= held / total <= 1.0
    assert high - low < 5.0 / games**0.5, "an interval that holds everything says nothing"


def test_score_error_and_interval_by_hand():
    # 4 games a seat, one win and one loss added: as X (3 + 1, 1, 1 of 6), as O (1, 2, 2 + 1).
    result = MatchResult(Record(3, 1, 0), Record(0, 2, 2))
    assert result.score == (3 / 4 - 2 / 4) / 2
    middle = (3 / 6 - 2 / 6) / 2
    error = ((5 / 6 - 9 / 36) / 6 + (4 / 6 - 4 / 36) / 6) ** 0.5 / 2
    assert result.standard_error == pytest.approx(error, rel=1e-12)
    interval = (middle - 1.959964 * error, middle + 1.959964 * error)
    assert result.interval == pytest.approx(interval, rel=1e-12)


def test_all_games_won_is_not_certain_and_the_interval_is_that_of_clopper_and_pearson_nearly():
    # 64 wins of 64: with probability 2.5 % if a win has 0.025^(1/64), so the score is 0.888.
    low, high = MatchResult(Record(32, 0, 0), Record(32, 0, 0)).interval
    assert high == 1.0
    assert low == pytest.approx(2 * 0.025 ** (1 / 64) - 1, abs=0.03)


def test_the_same_generator_gives_the_same_result_and_another_one_another():
    agent, opponent = OnePlyPolicy(CONNECT_FOUR), RandomPolicy(CONNECT_FOUR)
    results = [play_match(agent, opponent, 200, np.random.default_rng(s)) for s in (1, 1, 2)]
    assert results[0] == results[1] != results[2]


def test_moves_are_drawn_with_their_probabilities_and_never_with_probability_zero():
    class Fixed:
        game = Game(1, 4, 4)

        def __call__(self, boards):
            return np.tile([0.0, 0.25, 0.75, 0.0], (len(boards), 1))

    boards = solve_or_raise(Fixed.game).positions.boards[np.zeros(40_000, int)]
    counts = np.bincount(sampled_actions(Fixed(), boards, np.random.default_rng(0)), minlength=4)
    assert counts[[0, 3]].tolist() == [0, 0]
    assert abs(counts[1] - 10_000) < 4.5 * (40_000 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize("games", [0, 1, 63, -2])
def test_a_number_of_games_that_cannot_be_halved_is_refused(games):
    player = RandomPolicy(TIC_TAC_TOE)
    with pytest.raises(ValueError, match=f"num_games is {games}; half are played in each seat"):
        play_match(player, player, games, np.random.default_rng(0))


def test_players_of_different_games_are_refused():
    with pytest.raises(ValueError, match=r"the agent plays Game.rows=3.*the opponent Game.rows=6"):
        play_match(
            RandomPolicy(TIC_TAC_TOE), RandomPolicy(CONNECT_FOUR), 2, np.random.default_rng(0)
        )
