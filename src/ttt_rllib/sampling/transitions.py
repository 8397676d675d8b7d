"""Turns whole games into the transitions of Q-learning.

Pure numpy. Shapes: `n` games still under way at a ply, `A` actions, `W` width of an observation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_rllib.sampling.action_samplers import Mask
from ttt_rllib.sampling.rollout import Games, Ply

__all__ = ["Transitions", "transitions"]


class Transitions(NamedTuple):
    """The consequences of the moves of one ply.

    Attributes:
        successors: `[n, W]` int8 observations that the target bootstraps from; all 0
            where the game is over.
        rewards: `[n]` float32 in {-1, 0, 1} for the mover, +1 = the mover wins.
        terminateds: `[n]` bool, there is no successor.
        n_step: `[n]` int8 plies between the move and its successor.
    """

    successors: npt.NDArray[np.int8]
    rewards: npt.NDArray[np.float32]
    terminateds: npt.NDArray[np.bool_]
    n_step: npt.NDArray[np.int8]


def transitions(games: Games, *, zero_sum: bool) -> list[Transitions]:
    """Return what followed each ply of complete games.

    Args:
        games: Complete games.
        zero_sum: Whether the successor is the opponent's next position, whose value counts
            negatively; if False, it is the mover's own next position, after the reply, and a
            reply that wins is a reward of -1. In a game against an opponent, whose moves follow
            no value of ours, it is always that.
    """
    steps = [
        _to_opponent(*pair) for pair in zip(games.plies, [*games.plies[1:], None], strict=True)
    ]
    if zero_sum and games.versus is None:
        return steps
    own = [_to_own_turn(*pair) for pair in zip(steps, [*steps[1:], None], strict=True)]
    if games.versus is None or not zero_sum:
        return own
    has_opponent = games.versus.of_game >= 0
    return [
        _either(has_opponent[ply.games], *pair)
        for ply, pair in zip(games.plies, zip(own, steps, strict=True), strict=True)
    ]


def _either(is_first: Mask, first: Transitions, second: Transitions) -> Transitions:
    """Return the rows of the first where so, of the second elsewhere."""
    return Transitions(
        successors=np.where(is_first[:, None], first.successors, second.successors),
        rewards=np.where(is_first, first.rewards, second.rewards),
        terminateds=np.where(is_first, first.terminateds, second.terminateds),
        n_step=np.where(is_first, first.n_step, second.n_step),
    )


def _to_opponent(ply: Ply, reply: Ply | None) -> Transitions:
    successors = np.zeros_like(ply.observations)
    if reply is not None:
        # The games that are not over are, in the same order, those of the next ply.
        successors[~ply.done] = reply.observations
    ones = np.ones(len(ply.done), np.int8)
    return Transitions(successors, ply.won.astype(np.float32), ply.done, ones)


def _to_own_turn(move: Transitions, reply: Transitions | None) -> Transitions:
    if reply is None:
        return move
    live = ~move.terminateds
    successors, rewards = np.zeros_like(move.successors), move.rewards.copy()
    terminateds, n_step = move.terminateds.copy(), move.n_step.copy()
    successors[live] = reply.successors
    rewards[live] = -reply.rewards
    terminateds[live] = reply.terminateds
    n_step[live] = 2
    return Transitions(successors, rewards, terminateds, n_step)
