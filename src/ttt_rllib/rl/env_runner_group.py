"""RLlib's EnvRunnerGroup with light env runners, and how moves are collected from all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import ray
from ray.rllib.algorithms import algorithm as rllib_algorithm
from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS

from ttt_rllib.rl.env_runner import log_games
from ttt_rllib.rl.hosts import AlgorithmHost
from ttt_rllib.sampling.board_sampler import SampledGames
from ttt_rllib.sampling.env_runner import MODULE_ID, BoardEnvRunner
from ttt_rllib.sampling.process_usage import CPU_S_KEY, MEMORY_MB_KEY

__all__ = ["BoardEnvRunnerGroup", "board_env_runner_group", "restore_env_runners", "sample_moves"]

RESTART_TIMEOUT_S = 300.0
"""How long to wait for a restarted env runner when all are gone; a pod takes a minute or two."""

RESTART_POLL_S = 0.25


class BoardEnvRunnerGroup(EnvRunnerGroup):
    """An EnvRunnerGroup whose remote env runners import neither torch nor RLlib.

    RLlib would hand each of them the AlgorithmConfig, which cannot be unpickled without both. A
    config whose module is not one of ours gets RLlib's way, with its own env runner.
    """

    def get_spaces(self) -> Any:
        """Return the spaces of the modules, which light env runners do not know."""
        return self.local_env_runner.get_spaces()

    def _make_worker(self, *, worker_index: int, config: Any, **settings: Any) -> Any:
        is_light = worker_index > 0 and self._remote_config.has_our_module
        if not is_light:
            return super()._make_worker(worker_index=worker_index, config=config, **settings)
        is_placed = ray.util.get_current_placement_group() is not None
        bundle = self._pg_offset + worker_index if is_placed else -1
        actor = ray.remote(**self._remote_args)(BoardEnvRunner)
        return actor.options(placement_group_bundle_index=bundle).remote(
            self._remote_config.sampler_settings(),
            self._remote_config.model_config["activation"],
            worker_index,
            self._remote_config.run_labels,
        )


@contextmanager
def board_env_runner_group() -> Iterator[None]:
    """Let `Algorithm.setup` make a `BoardEnvRunnerGroup`; RLlib has no setting for its class."""
    original = rllib_algorithm.EnvRunnerGroup
    rllib_algorithm.EnvRunnerGroup = BoardEnvRunnerGroup
    try:
        yield
    finally:
        rllib_algorithm.EnvRunnerGroup = original


def restore_env_runners(algorithm: AlgorithmHost, group: Any) -> list[int]:
    """Bring restarted env runners back and send them the current weights.

    RLlib's own way sends them a function, with the module's class and so with torch.

    Args:
        algorithm: The RLlib Algorithm.
        group: Its EnvRunnerGroup.

    Returns:
        The numbers of the env runners that are back.
    """
    restored: list[int] = group.probe_unhealthy_env_runners()
    if restored:
        group.foreach_env_runner(
            "set_state",
            kwargs={"state": ray.put(algorithm.env_runner.get_state())},
            remote_worker_ids=restored,
            local_env_runner=False,
            timeout_seconds=algorithm.config.env_runner_restore_timeout_s,
        )
    return restored


def sample_moves(
    algorithm: AlgorithmHost, num_moves: int = 0, *, epsilon: float = 0.0
) -> MultiAgentBatch:
    """Play whole games on all env runners, even when some of them have failed.

    Args:
        algorithm: The RLlib Algorithm; its metrics take in what was sampled.
        num_moves: Least number of moves; 0 = every board plays one game.
        epsilon: Share of random moves, for algorithms that explore by it.

    Returns:
        The columns of all runners.

    Raises:
        FloatingPointError: If the network's outputs are not finite.
        RuntimeError: If no env runner comes back within `RESTART_TIMEOUT_S`.
    """
    is_remote = algorithm.config.num_env_runners > 0
    if is_remote:
        answers = _ask_remotely(algorithm, num_moves, epsilon)
    else:
        runner = algorithm.env_runner_group.local_env_runner
        answers = [runner.sample_games(num_moves, epsilon)]
    games = []
    for answer in answers:
        if isinstance(answer, FloatingPointError):
            raise answer
        played, cpu_s, memory_mb = answer
        games.append(played)
        log_games(algorithm.metrics, played, ENV_RUNNER_RESULTS)
        if is_remote:
            # Otherwise the process of the trial samples, and it reports its usage itself.
            place = (ENV_RUNNER_RESULTS,)
            algorithm.metrics.log_value((*place, CPU_S_KEY), cpu_s, reduce="sum")
            algorithm.metrics.log_value((*place, MEMORY_MB_KEY), memory_mb, reduce="max", window=1)
    return _batch(games)


def _batch(games: list[SampledGames]) -> MultiAgentBatch:
    columns = {
        name: np.concatenate([part.columns[name] for part in games]) for name in games[0].columns
    }
    moves = sum(part.num_moves for part in games)
    return MultiAgentBatch({MODULE_ID: SampleBatch(columns)}, env_steps=moves)


def _ask_remotely(algorithm: AlgorithmHost, num_moves: int, epsilon: float) -> list[Any]:
    """Sample on all runners that are up, and wait for one if none is."""
    group = algorithm.env_runner_group
    deadline_s = time.monotonic() + RESTART_TIMEOUT_S
    while time.monotonic() < deadline_s:
        runners = max(1, group.num_healthy_remote_workers())
        # By name, since a function of this module would bring RLlib with it.
        answers = group.foreach_env_runner(
            "sample_games",
            kwargs={"num_moves": math.ceil(num_moves / runners), "epsilon": epsilon},
            local_env_runner=False,
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
