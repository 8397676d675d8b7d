"""The opponents that an env runner has been sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray

from ttt_rllib.agents.bundle import policy_sha256
from ttt_rllib.agents.policies import Policy

__all__ = ["OPPONENTS", "ReceivedOpponents"]

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
