"""The opponents that an env runner has been sent, and how they move.

Shapes: `n` positions, `A` actions, `K` networks, `m` positions of the busiest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from ttt_envs.boards import Boards
from ttt_rllib.agents.bundle import policy_sha256
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.mlp import Head
from ttt_rllib.agents.policies import NetworkPolicy, Policy
from ttt_rllib.evaluation.matches import sampled_actions
from ttt_rllib.sampling.network import AfterstateStack, NetworkStack

__all__ = ["OPPONENTS", "OpponentPlayers", "ReceivedOpponents"]

OPPONENTS = "opponents"
"""Key of the opponents in the state that an env runner takes over: pairs of a hash and a policy or
a reference to one."""


class ReceivedOpponents:
    """Opponents by their hash, each fetched once, however often it is played."""

    def __init__(self) -> None:
        self._known: dict[str, Policy] = {}

    def get(self, pairs: Sequence[tuple[str, Any]]) -> tuple[Policy, ...]:
        """Return the policies.

        Args:
            pairs: Their hashes, each with the policy or a reference to it.

        Raises:
            RuntimeError: If a policy is not the one with that hash: a game against a stand-in
                would teach the wrong things, and nobody would see it.
        """
        for sha256, source in pairs:
            if sha256 in self._known:
                continue
            policy = ray.get(source) if isinstance(source, ray.ObjectRef) else source
            found = policy_sha256(policy)
            if found != sha256:
                raise RuntimeError(f"an opponent's hash is {found}, not {sha256}")
            self._known[sha256] = policy
        return tuple(self._known[sha256] for sha256, _ in pairs)


class OpponentPlayers:
    """All opponents of a sampler: networks are evaluated together, others play by themselves.

    The outputs of networks with the learner's kind of head go through the learner's choice of
    moves, so that a snapshot explores as the learner does. All others draw moves from their own
    probabilities: networks of another algorithm too, and those with other inputs than the
    learner's, which cannot read its observations.

    Args:
        policies: The opponents; their numbers are their places.
        num_actions: Actions `A` of the game.
        head: By which of its heads the learner's network chooses its moves.
        inputs: What the learner's network sees and may choose.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        num_actions: int,
        *,
        head: Head = "policy",
        inputs: Inputs = PLAIN_INPUTS,
    ) -> None:
        self._num_actions = num_actions
        self._count = len(policies)
        groups: dict[Any, list[int]] = {}
        self._policies: dict[int, Policy] = {}
        for number, policy in enumerate(policies):
            own = (head, inputs)
            if isinstance(policy, NetworkPolicy) and (policy.head, policy.inputs) == own:
                kind = (policy.hidden_sizes, policy.activation)
                groups.setdefault(kind, []).append(number)
            else:
                self._policies[number] = policy
        self._stacks = []
        stack = AfterstateStack if head == "value" else NetworkStack
        for numbers in groups.values():
            networks = [policies[number] for number in numbers]
            self._stacks.append((numbers, stack(networks)))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self._count

    def logits(
        self, observations: npt.NDArray[np.int8], numbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return what the networks say; see `Opponents`."""
        bounds = np.searchsorted(numbers, np.arange(self._count + 1))
        if len(self._stacks) == 1 and not self._policies:
            return self._stacks[0][1](observations, bounds)
        logits = np.zeros((len(numbers), self._num_actions), np.float32)
        for members, stack in self._stacks:
            rows = np.concatenate([np.arange(bounds[one], bounds[one + 1]) for one in members])
            own = np.concatenate([[0], np.cumsum(np.diff(bounds)[members])])
            if len(rows):
                logits[rows] = stack(observations[rows], own)
        return logits

    def choose(
        self,
        boards: Boards,
        numbers: npt.NDArray[np.int64],
        actions: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """Choose moves for the opponents that play by themselves; see `Opponents`."""
        for number, policy in self._policies.items():
            rows = np.flatnonzero(numbers == number)
            if len(rows):
                actions[rows] = sampled_actions(policy, boards[rows], rng)
