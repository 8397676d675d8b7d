"""What PPO, DQN and TD learn from: whole games as columns, one row per move, and how they explore.

The names of the columns are RLlib's; `tests/test_ray_internals.py` compares them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.game import Game
from ttt_envs.symmetry import symmetries
from ttt_rllib.agents.inputs import Inputs, has_choice
from ttt_rllib.sampling.action_samplers import ActionSampler, epsilon_greedy_actions, sample_actions
from ttt_rllib.sampling.advantages import advantages_and_targets
from ttt_rllib.sampling.lambda_returns import lambda_targets
from ttt_rllib.sampling.rollout import Games
from ttt_rllib.sampling.transitions import transitions

__all__ = [
    "EXPLORED",
    "Columns",
    "dqn_columns",
    "epsilon_greedy_exploration",
    "policy_exploration",
    "ppo_columns",
    "td_columns",
    "with_mirrored_copies",
]

Columns = dict[str, npt.NDArray[Any]]

OBS, ACTIONS, ACTION_LOGP = "obs", "actions", "action_logp"
ADVANTAGES, VALUE_TARGETS = "advantages", "value_targets"
NEXT_OBS, REWARDS, TERMINATEDS, N_STEP = "new_obs", "rewards", "terminateds", "n_step"
EXPLORED = "explored"
"""Ours: whether the move was drawn at random, not from the policy; bool."""


def ppo_columns(games: Games, *, gamma: float, lambda_: float) -> Columns:
    """Return the columns that PPO learns from, with advantages and targets in the mover's view.

    Random first moves are kept only where they turned out better than expected, as in
    Oh et al., "Self-Imitation Learning", 2018, eq. 2: otherwise the policy would
    push down an improbable bad move without end. Moves of opponents are left out.

    Args:
        games: Complete games.
        gamma: Discount per ply, in [0, 1].
        lambda_: Weight of longer returns, in [0, 1].
    """
    advantages, targets = advantages_and_targets(games, gamma=gamma, lambda_=lambda_)
    columns = {
        OBS: np.concatenate([ply.observations for ply in games.plies]),
        ACTIONS: np.concatenate([ply.actions for ply in games.plies]),
        ACTION_LOGP: np.concatenate([ply.logp for ply in games.plies]),
        EXPLORED: np.concatenate([ply.explored for ply in games.plies]),
        ADVANTAGES: np.concatenate(advantages),
        VALUE_TARGETS: np.concatenate(targets),
    }
    return _rows(columns, (~columns[EXPLORED] | (columns[ADVANTAGES] > 0.0)) & _learners(games))


def dqn_columns(games: Games, *, zero_sum: bool) -> Columns:
    """Return the transitions that DQN learns from, without the moves of opponents.

    Args:
        games: Complete games.
        zero_sum: As for `transitions`.
    """
    parts = transitions(games, zero_sum=zero_sum)
    columns = {
        OBS: np.concatenate([ply.observations for ply in games.plies]),
        ACTIONS: np.concatenate([ply.actions for ply in games.plies]),
        NEXT_OBS: np.concatenate([part.successors for part in parts]),
        REWARDS: np.concatenate([part.rewards for part in parts]),
        TERMINATEDS: np.concatenate([part.terminateds for part in parts]),
        N_STEP: np.concatenate([part.n_step for part in parts]),
    }
    return _rows(columns, _learners(games))


def td_columns(games: Games, *, lambda_: float, num_actions: int) -> Columns:
    """Return the positions that TD learns from, with their targets, without those of opponents.

    Positions in which a single move is allowed are left out, unless there are no others: the
    network is hardly ever asked for their value; see `ttt_rllib.agents.afterstates.action_values`.

    Args:
        games: Complete games.
        lambda_: Weight of longer returns, in [0, 1].
        num_actions: Those of the game, `A`.
    """
    columns = {
        OBS: np.concatenate([ply.observations for ply in games.plies]),
        VALUE_TARGETS: np.concatenate(lambda_targets(games, lambda_=lambda_)),
    }
    keep: Any = has_choice(columns[OBS][:, -num_actions:])
    # Late openings can leave no choice anywhere, and a learner needs something to learn from.
    if not keep.any():
        keep = np.True_
    return _rows(columns, keep & _learners(games))


def with_mirrored_copies(
    columns: Columns, game: Game, inputs: Inputs, rng: np.random.Generator
) -> Columns:
    """Return the columns, and after them the same rows rotated or reflected.

    The copies are mirror images with gravity, and otherwise all moved by one symmetry of the board
    that is drawn. Only their observations differ: a value does not change with the view.

    Args:
        columns: Columns of `M` positions, none of which is about single actions.
        game: The rules.
        inputs: What the network sees.
        rng: The source of randomness.
    """
    others = symmetries(game)[1:]
    if not others:
        return columns
    permutation = others[rng.integers(len(others))]
    # An action has the number of a square, with gravity of one in the top row, which stays there.
    actions = np.argsort(np.array(permutation[: game.num_actions]))
    sources = np.concatenate([inputs.sources(game, permutation), inputs.width(game) + actions])
    copies = {**columns, OBS: columns[OBS][:, sources]}
    return {name: np.concatenate([columns[name], copies[name]]) for name in columns}


def _learners(games: Games) -> Any:
    """Return which of the `[M]` moves the learner made; True for all."""
    if games.versus is None:
        return np.True_
    return np.concatenate([ply.is_learners for ply in games.plies])


def _rows(columns: Columns, keep: Any) -> Columns:
    if keep.all():
        return columns
    return {name: values[keep] for name, values in columns.items()}


def policy_exploration(epsilon: float) -> ActionSampler:
    """Return sampling from the policy; `epsilon` does not matter."""
    return sample_actions


def epsilon_greedy_exploration(epsilon: float) -> ActionSampler:
    """Return epsilon-greedy choice among the legal moves."""
    return partial(epsilon_greedy_actions, epsilon=epsilon)
