"""The values that TD(lambda) learns: what games, and the network itself, say of their positions.

Pure numpy. Shapes: `G` games, `n` games still under way at a ply.
"""

from __future__ import annotations

import numpy as np

from ttt_rllib.sampling.action_samplers import Floats
from ttt_rllib.sampling.rollout import Games

__all__ = ["lambda_targets"]


def lambda_targets(games: Games, *, lambda_: float) -> list[Floats]:
    """Return the lambda returns of complete games, in the mover's view.

    Sutton and Barto, "Reinforcement Learning: An Introduction", 2nd edition, section 12.1, for a
    zero-sum game of alternating moves, where the successor belongs to the opponent and so counts
    negatively: `G_t = -((1 - lambda) V(s_t+1) + lambda G_t+1)`; where the move ended the game it is
    its result, 1 or 0. V is the value of the best move there, not what the network says of the
    position: it is known already from choosing that move, and looks one ply further, so that it
    never misses a move that wins.

    A random move says nothing about the policy, so it cuts the return, as in Watkins's Q(lambda)
    (section 12.10): its target is what the best move is worth, `G_t = V(s_t)`.

    Where an opponent replies, the position after the learner's move is worth to it what its reply
    leads to, so the learner bootstraps from its own next turn. Rows of an opponent's moves mean
    nothing.

    Args:
        games: Complete games; their values are those of the best moves.
        lambda_: Weight of longer returns, in [0, 1].

    Returns:
        For each ply `[n]` float32 targets.
    """
    next_values = np.zeros(games.num_games, np.float32)
    next_targets = np.zeros(games.num_games, np.float32)
    weight = np.float32(lambda_)
    targets = []
    for ply in reversed(games.plies):
        # A finished game has no successor: its entries are still 0 at its last move, which is
        # the first one visited here.
        values_after, targets_after = next_values[ply.games], next_targets[ply.games]
        mixed: Floats = ply.won - ((1 - weight) * values_after + weight * targets_after)
        values, target = ply.values, np.where(ply.explored, ply.values, mixed)
        if ply.is_learners is not None:
            # The two plies are one step, so an opponent's is not weighed by lambda.
            values = np.where(ply.is_learners, values, ply.won - values_after)
            target = np.where(ply.is_learners, target, ply.won - targets_after)
        next_values[ply.games] = values
        next_targets[ply.games] = target
        targets.append(target.astype(np.float32))
    return targets[::-1]
