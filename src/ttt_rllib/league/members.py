"""The members of a league: frozen snapshots of the learner, fixed players, agents from bundles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ttt_envs.game import Game
from ttt_rllib.agents.bundle import BundleError, policy_sha256
from ttt_rllib.agents.fixed_players import FIXED_PLAYERS, fixed_player
from ttt_rllib.agents.policies import NetworkPolicy, Policy
from ttt_rllib.errors import InputError, did_you_mean
from ttt_rllib.runs.bundles import find_bundle

__all__ = ["Member", "find_player", "snapshot"]


@dataclass(frozen=True)
class Member:
    """A player that never changes.

    Attributes:
        name: A key of `FIXED_PLAYERS`, the path of a bundle, or `snapshot-<moves>`.
        policy: How it plays.
        sha256: Of everything that decides its moves.
        moves: Moves that the learner had been trained with; None if it is no snapshot.
    """

    name: str
    policy: Policy
    sha256: str
    moves: int | None = None


def find_player(name: str, game: Game, copy: Path | None = None) -> Member:
    """Return a fixed player, or the agent of a run, checkpoint or bundle.

    Args:
        name: A key of `FIXED_PLAYERS`, else a path.
        game: That must be played.
        copy: Where a run keeps its copy of the agent; None = load it from the path.

    Raises:
        InputError: If there is no such player, it cannot be loaded, or it plays another game.
    """
    if name in FIXED_PLAYERS:
        policy = fixed_player(name, game)
        return Member(name, policy, policy_sha256(policy))
    place = copy or Path(name)
    if copy is not None and not copy.exists():
        raise InputError(f"{copy}: the run's copy of {name} is missing; put that agent there")
    if not place.exists():
        raise InputError(
            f"{name}: neither a fixed player nor a run, checkpoint or bundle"
            f"{did_you_mean(name, list(FIXED_PLAYERS))}"
        )
    try:
        agent = find_bundle(place).policy
    except BundleError as error:
        raise InputError(str(error)) from None
    if agent.game != game:
        raise InputError(f"{name}: plays {agent.game.title}, not {game.title}")
    return Member(name, agent, policy_sha256(agent))


def snapshot(policy: NetworkPolicy, moves: int) -> Member:
    """Return a copy of the learner that no later training changes.

    Args:
        policy: The learner.
        moves: That it has been trained with.
    """
    weights = {}
    for name, array in policy.weights.items():
        weights[name] = np.array(array, np.float32)
        weights[name].flags.writeable = False
    frozen = replace(policy, weights=weights)
    return Member(f"snapshot-{moves}", frozen, policy_sha256(frozen), moves)
