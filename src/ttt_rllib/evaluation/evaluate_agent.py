"""An agent's figures: exact where its game is small enough, else sampled.

`train` asks here at the end of a run and `evaluate` at any time, so both say the same.
Needs neither ray nor torch.
"""

from __future__ import annotations

from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.agents.policies import policy_table
from ttt_rllib.evaluation.sampled import NUM_GAMES, SEED, SampledReport, sampled_report
from ttt_rllib.exact.evaluation import ExactReport, evaluate, solved_game

__all__ = ["Report", "evaluate_agent"]

Report = ExactReport | SampledReport
"""Exact figures wherever they can be computed; the type says which they are."""


def evaluate_agent(bundle: Bundle, *, seed: int = SEED, num_games: int = NUM_GAMES) -> Report:
    """Measure an agent: exactly, or by sampled games where its game has too many positions.

    Args:
        bundle: The agent.
        seed: Seed of the sampled games.
        num_games: Number of sampled games against each player; it must be even.
    """
    truth = solved_game(bundle.policy.game)
    if truth is None:
        return sampled_report(bundle.policy, seed=seed, num_games=num_games)
    return evaluate(truth, policy_table(truth.positions, bundle.policy))
