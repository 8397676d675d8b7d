"""What is known about an agent at each evaluation while it is trained, which must not take long."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ttt_envs.boards import Boards
from ttt_rllib.agents.policies import Policy
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.exact.evaluation import ExactReport
from ttt_rllib.exact.solved_game import SolvedGame, game_value
from ttt_rllib.exact.tables import Table
from ttt_rllib.exact.walks import Walks, walk_both_seats

__all__ = ["POSITIONS_IN_TRAINING", "Evaluated", "refuted_positions", "walk_in_training"]

POSITIONS_IN_TRAINING = 1_000_000
"""Positions that are reached in a seat, which takes about three seconds."""

WALKED_SQUARES = {True: 25, False: 16}
"""The largest boards, with and without gravity, on which trained agents reach no more than that."""

QUICK_POSITIONS = 50_000
"""On larger boards, if there are more, a refutation is searched for first."""

GAMES = 256
"""Refutations of a seat from whose positions games may start."""


class Evaluated(NamedTuple):
    """What an evaluation has made of an agent, for those who want to see more than figures.

    Attributes:
        report: The figures.
        moves: Moves sampled until then.
        solved: The game, where the figures come from its table.
        table: `[P, A]` the agent's move probabilities in all positions, if so.
        walks: What opponents can bring the agent to, where that was walked.
    """

    report: ExactReport
    moves: int
    solved: SolvedGame | None
    table: Table | None
    walks: Walks | None


def walk_in_training(policy: Policy, max_positions: int = POSITIONS_IN_TRAINING) -> Walks:
    """Walk what opponents can bring an agent to, as far as that is quick.

    On smaller boards the whole walk takes less time than the search for a refutation, and finds
    all of them.

    Args:
        policy: The agent, which plays its most probable moves.
        max_positions: Positions to reach in a seat.
    """
    game = policy.game
    is_walked = game.num_squares <= WALKED_SQUARES[game.gravity]
    return walk_both_seats(
        game,
        lambda boards: greedy_actions(policy, boards),
        game_value=game_value(game),
        max_positions=max_positions,
        quick_positions=max_positions if is_walked else QUICK_POSITIONS,
    )


def refuted_positions(walks: Walks, seed: int) -> Boards | None:
    """Return positions of games that opponents win, or draw where the agent's seat is worth more.

    Args:
        walks: The agent's.
        seed: All randomness follows from it.

    Returns:
        All positions of some games but for their ends; None if there is no such game.
    """
    rng = np.random.default_rng(seed)
    parts = [found.sample(GAMES, rng) for found in walks.refutations]
    if not parts:
        return None
    return Boards(
        parts[0].game,
        np.concatenate([part.mover for part in parts]),
        np.concatenate([part.opponent for part in parts]),
    )
