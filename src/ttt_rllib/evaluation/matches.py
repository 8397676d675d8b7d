"""Plays matches of two players: many games in lockstep, half in each seat.

Shapes: `N` games, `B` positions, `A` actions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.agents.policies import NetworkPolicy, Policy

__all__ = ["MatchResult", "Record", "greedy_actions", "play_match", "sampled_actions"]

Z_95 = 1.959964
"""The normal distribution has 95 % of its mass within this many standard deviations."""


@dataclass(frozen=True)
class Record:
    """How the games of one seat ended for the agent, in games."""

    wins: int
    draws: int
    losses: int

    @property
    def games(self) -> int:
        """Number of games."""
        return self.wins + self.draws + self.losses


@dataclass(frozen=True)
class MatchResult:
    """The result of an agent in both seats, with its statistical uncertainty.

    The interval and the standard error are those of Agresti and Caffo, "Simple and
    Effective Confidence Intervals for Proportions and Differences of Proportions Result
    from Adding Two Successes and Two Failures", The American Statistician 54(4), 2000:
    one win and one loss are added to each seat, so that 64 wins of 64 do not look certain.
    Deviation: a game has a third result, the draw, which counts as 0.

    Attributes:
        as_x: The agent moved first.
        as_o: The agent moved second.
    """

    as_x: Record
    as_o: Record

    @property
    def score(self) -> float:
        """Mean score of the agent in [-1, 1], both seats with the same weight."""
        seats = (self.as_x, self.as_o)
        return sum((seat.wins - seat.losses) / seat.games for seat in seats) / len(seats)

    @property
    def standard_error(self) -> float:
        """Standard error of the score; never 0."""
        return _estimate(self)[1]

    @property
    def interval(self) -> tuple[float, float]:
        """About 95 % of such intervals hold the score of infinitely many games."""
        middle, error = _estimate(self)
        return max(-1.0, middle - Z_95 * error), min(1.0, middle + Z_95 * error)


def play_match(
    agent: Policy,
    opponent: Policy,
    num_games: int,
    rng: np.random.Generator,
    *,
    is_greedy: bool = True,
) -> MatchResult:
    """Play the agent's most probable moves against the opponent's move probabilities.

    Args:
        agent: Plays greedily, the lowest action number on a tie, as in `exact.tables`.
        opponent: Draws its moves from its probabilities.
        num_games: An even number: half with the agent as X, half as O.
        rng: The source of all randomness.
        is_greedy: False lets the agent draw its moves too.

    Raises:
        ValueError: If the number of games is odd or below 2, or the games differ.
    """
    if num_games < 2 or num_games % 2:
        raise ValueError(f"num_games is {num_games}; half are played in each seat: 2, 4, 6 ...")
    if agent.game != opponent.game:
        raise ValueError(f"the agent plays {agent.game}, the opponent {opponent.game}")
    boards = Boards.empty(agent.game, num_games)
    agent_is_x = np.arange(num_games) < num_games // 2
    scores = np.zeros(num_games, np.int8)
    playing = np.arange(num_games)
    while len(playing):
        # All games are at the same ply, so X is to move in all of them or in none.
        agent_moves = agent_is_x[playing] == (boards.ply % 2 == 0)
        actions = np.empty(len(playing), np.intp)
        if agent_moves.any():
            own = boards[agent_moves]
            actions[agent_moves] = (
                greedy_actions(agent, own) if is_greedy else sampled_actions(agent, own, rng)
            )
        if not agent_moves.all():
            actions[~agent_moves] = sampled_actions(opponent, boards[~agent_moves], rng)
        boards, won, done = boards.step(actions)
        scores[playing[won]] = np.where(agent_moves[won], 1, -1)
        boards, playing = boards[~done], playing[~done]
    return MatchResult(_record(scores[agent_is_x]), _record(scores[~agent_is_x]))


def greedy_actions(policy: Policy, boards: Boards) -> npt.NDArray[np.intp]:
    """`[B]` the most probable legal actions, the lowest number on a tie."""
    if isinstance(policy, (NetworkPolicy, LookaheadPolicy, OwnNetworkPolicy)):
        return policy.greedy_actions(boards)
    return np.where(boards.legal_mask(), policy(boards), -1.0).argmax(axis=1)


def sampled_actions(
    policy: Policy, boards: Boards, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """`[B]` actions drawn from the policy's probabilities."""
    cumulative = policy(boards).cumsum(axis=1)
    # Dividing by the last entry makes that exactly 1.0, and random() is always below 1.
    cumulative /= cumulative[:, -1:]
    return (cumulative > rng.random((len(boards), 1))).argmax(axis=1)


def _record(scores: npt.NDArray[np.int8]) -> Record:
    return Record(*(int((scores == score).sum()) for score in (1, 0, -1)))


def _estimate(result: MatchResult) -> tuple[float, float]:
    """Return centre and standard error of the score, with a win and a loss added to each seat."""
    means, variances = [], []
    for seat in (result.as_x, result.as_o):
        games = seat.games + 2
        mean = (seat.wins - seat.losses) / games
        variance = (seat.wins + seat.losses + 2) / games - mean**2
        means.append(mean)
        variances.append(variance / games)
    return sum(means) / 2, math.sqrt(sum(variances)) / 2
