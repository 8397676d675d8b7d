"""Collects moves from the board env runners of an algorithm, even when some of them have failed."""

from __future__ import annotations

import math
import time
from typing import Any

from ray.rllib.policy.sample_batch import MultiAgentBatch, concat_samples
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS

from ttt_rllib.rl.hosts import AlgorithmHost

__all__ = ["sample_moves"]

RESTART_TIMEOUT_S = 300.0
"""How long to wait for a restarted env runner when all are gone; a pod takes a minute or two."""

RESTART_POLL_S = 0.25


def sample_moves(
    algorithm: AlgorithmHost, moves: int | None = None, **settings: Any
) -> MultiAgentBatch:
    """Play whole games on all env runners.

    Args:
        algorithm: The RLlib Algorithm; its metrics take in those of the runners.
        moves: Least number of moves; None = every board plays one game.
        **settings: Attributes set on every runner first, such as `epsilon`.

    Returns:
        The columns of all runners.

    Raises:
        RuntimeError: If no env runner comes back within `RESTART_TIMEOUT_S`.
    """
    if algorithm.config.num_env_runners == 0:
        answers = [_ask(algorithm.env_runner_group.local_env_runner, moves, settings)]
    else:
        answers = _ask_remotely(algorithm, moves, settings)
    algorithm.metrics.aggregate([metrics for _, metrics in answers], key=ENV_RUNNER_RESULTS)
    return concat_samples([part for parts, _ in answers for part in parts])


def _ask(
    runner: Any, moves: int | None, settings: dict[str, Any]
) -> tuple[list[MultiAgentBatch], Any]:
    for name, value in settings.items():
        setattr(runner, name, value)
    return runner.sample(num_timesteps=moves), runner.get_metrics()


def _ask_remotely(
    algorithm: AlgorithmHost, moves: int | None, settings: dict[str, Any]
) -> list[Any]:
    """Sample on all runners that are up, and wait for one if none is."""
    group = algorithm.env_runner_group
    deadline_s = time.monotonic() + RESTART_TIMEOUT_S
    while time.monotonic() < deadline_s:
        runners = max(1, group.num_healthy_remote_workers())
        share = None if moves is None else math.ceil(moves / runners)
        answers = group.foreach_env_runner(
            lambda runner, share=share: _ask(runner, share, settings), local_env_runner=False
        )
        if answers:
            return list(answers)
        # All of them are gone. Ray is restarting them and refuses calls until then.
        while not algorithm.restore_env_runners(group) and time.monotonic() < deadline_s:
            time.sleep(RESTART_POLL_S)
    raise RuntimeError(
        f"none of the {algorithm.config.num_env_runners} env runners came back within "
        f"{RESTART_TIMEOUT_S:g} s; worker-*.err in Ray's session logs tell why they ended"
    )
