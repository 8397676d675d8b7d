"""An agent's figures: exact where its game is small enough, else sampled.

`train` calls it at the end of a run and `evaluate` at any time, so both report the same.
It needs neither ray nor torch.
"""

from __future__ import annotations

from ttt_rllib.agents.policies import Policy, policy_table
from ttt_rllib.evaluation.sampled import NUM_GAMES, SEED, SampledReport, sampled_report
from ttt_rllib.exact.evaluation import ExactReport, evaluate, solved_game

__all__ = ["Report", "evaluate_agent"]

Report = ExactReport | SampledReport
"""Exact figures wherever they can be computed; the type says which they are."""


def evaluate_agent(agent: Policy, *, seed: int = SEED, num_games: int = NUM_GAMES) -> Report:
    """Measure an agent: exactly, or by sampled games where its game has too many positions.

    Args:
        agent: Any policy, as `ttt_rllib.load_agent` returns one.
        seed: Seed of the sampled games.
        num_games: Number of sampled games against each player; it must be even.
    """
    solved = solved_game(agent.game)
    if solved is None:
        return sampled_report(agent, seed=seed, num_games=num_games)
    return evaluate(solved, policy_table(solved.positions, agent))
