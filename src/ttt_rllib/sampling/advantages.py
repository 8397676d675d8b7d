"""What PPO learns from complete games: advantages, and the targets of its values.

Pure numpy. Shapes: `G` games, `n` games still under way at a ply.
"""

from __future__ import annotations

import numpy as np

from ttt_rllib.sampling.action_samplers import Floats
from ttt_rllib.sampling.rollout import Games

__all__ = ["advantages_and_targets"]


def advantages_and_targets(
    games: Games, *, gamma: float, lambda_: float
) -> tuple[list[Floats], list[Floats]]:
    """Return generalised advantage estimates and value targets, in the mover's view.

    GAE (Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage
    Estimation", 2016, eq. 11-16) for a zero-sum game of alternating moves, where the
    successor belongs to the opponent and so counts negatively:
    `delta_t = r_t - gamma V(s_t+1) - V(s_t)`, `A_t = delta_t - gamma lambda A_t+1`, with
    `r_t = 1` for the winning move and 0 otherwise. The target is `A_t + V(s_t)`.

    Where an opponent replies, the position after the learner's move is worth to it what its reply
    leads to, so the learner bootstraps from its own next turn: two plies in the formulas are
    `delta_t = r_t - gamma r_t+1 + gamma^2 V(s_t+2) - V(s_t)`,
    `A_t = delta_t + (gamma lambda)^2 A_t+2`. Rows of an opponent's moves mean nothing.

    Args:
        games: Complete games.
        gamma: Discount per ply, in [0, 1].
        lambda_: Weight of longer returns, in [0, 1].

    Returns:
        For each ply `[n]` float32 advantages and `[n]` float32 value targets.
    """
    next_values = np.zeros(games.num_games, np.float32)
    next_advantages = np.zeros(games.num_games, np.float32)
    advantages, targets = [], []
    for ply in reversed(games.plies):
        # A finished game has no successor: its entries are still 0 at its last move, which is
        # the first one visited here.
        outlook = ply.won - gamma * next_values[ply.games]
        values = ply.values
        if ply.is_learners is not None:
            values = np.where(ply.is_learners, values, outlook).astype(np.float32)
        delta = outlook - values
        advantage = (delta - gamma * lambda_ * next_advantages[ply.games]).astype(np.float32)
        next_values[ply.games] = values
        next_advantages[ply.games] = advantage
        advantages.append(advantage)
        targets.append((advantage + values).astype(np.float32))
    return advantages[::-1], targets[::-1]
