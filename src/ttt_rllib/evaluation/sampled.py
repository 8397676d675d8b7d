"""Sampled scores of an agent whose game is too large for exact evaluation.

The agent plays three fixed players, each stronger than the one before; nothing is proved.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ttt_rllib.agents.baselines import AlphaBetaPolicy, OnePlyPolicy
from ttt_rllib.agents.fixed_players import ALPHA_BETA_DEPTH
from ttt_rllib.agents.policies import Policy, RandomPolicy
from ttt_rllib.evaluation.matches import MatchResult, play_match
from ttt_rllib.metrics import SCORE_VS_ALPHA_BETA, SCORE_VS_ONE_PLY, SCORE_VS_RANDOM

__all__ = ["NUM_GAMES", "SEED", "SampledReport", "sampled_report"]

NUM_GAMES = 64
"""Games against each player; the 95 % interval of an even match is then +-0.24 wide."""

SEED = 0
"""One seed for training and for `evaluate`, independent of the experiment's: the same agent gets
the same figures, and two agents get the same random numbers."""


@dataclass(frozen=True)
class SampledReport:
    """The sampled results of a policy's greedy moves against the three players.

    Attributes:
        seed: All randomness follows from it.
        num_games: Games against each player, half in each seat.
        alpha_beta_depth: Plies that the alpha-beta player looks ahead.
        vs_random: Against `RandomPolicy`.
        vs_one_ply: Against `OnePlyPolicy`.
        vs_alpha_beta: Against `AlphaBetaPolicy`.
    """

    seed: int
    num_games: int
    alpha_beta_depth: int
    vs_random: MatchResult
    vs_one_ply: MatchResult
    vs_alpha_beta: MatchResult

    def metrics(self) -> dict[str, float]:
        """Return the mean scores by their metric names."""
        return {
            SCORE_VS_RANDOM: self.vs_random.score,
            SCORE_VS_ONE_PLY: self.vs_one_ply.score,
            SCORE_VS_ALPHA_BETA: self.vs_alpha_beta.score,
        }

    def results(self) -> dict[str, MatchResult]:
        """Return the results by the players' names: random, one_ply, alpha_beta."""
        return {
            "random": self.vs_random,
            "one_ply": self.vs_one_ply,
            "alpha_beta": self.vs_alpha_beta,
        }

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "seed": self.seed,
            "num_games": self.num_games,
            "alpha_beta_depth": self.alpha_beta_depth,
            "results": {
                name: {
                    "score": result.score,
                    "standard_error": result.standard_error,
                    "interval_95": list(result.interval),
                    **asdict(result),
                }
                for name, result in self.results().items()
            },
        }


def sampled_report(
    policy: Policy, *, seed: int = SEED, num_games: int = NUM_GAMES
) -> SampledReport:
    """Play a policy's most probable moves against the three players.

    Args:
        policy: The agent.
        seed: 0 or greater; the same seed gives the same report.
        num_games: Against each player; an even number, 2 or more.

    Raises:
        ValueError: If the number of games or the seed is wrong.
    """
    opponents: tuple[Policy, ...] = (
        RandomPolicy(policy.game),
        OnePlyPolicy(policy.game),
        AlphaBetaPolicy(policy.game, ALPHA_BETA_DEPTH),
    )
    results = [
        play_match(policy, opponent, num_games, np.random.default_rng([seed, number]))
        for number, opponent in enumerate(opponents)
    ]
    return SampledReport(seed, num_games, ALPHA_BETA_DEPTH, *results)
