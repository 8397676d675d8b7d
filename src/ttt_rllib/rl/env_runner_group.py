"""RLlib's EnvRunnerGroup with light env runners."""

from __future__ import annotations

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
from ttt_rllib.sampling.env_runner import MODULE_ID, BoardEnvRunner, Sampled
from ttt_rllib.sampling.process_usage import CPU_S_KEY, MEMORY_MB_KEY

__all__ = ["BoardEnvRunnerGroup", "board_env_runner_group", "merge_samples"]


class BoardEnvRunnerGroup(EnvRunnerGroup):
    """An EnvRunnerGroup whose remote env runners import neither torch nor RLlib.

    RLlib would hand each of them the AlgorithmConfig, which cannot be unpickled without both. A
    config whose module is not one of ours gets RLlib's way, with its own env runner.
    """

    _light_actor: Any = None

    def get_spaces(self) -> Any:
        """Return the spaces of the modules, which light env runners do not know."""
        return self.local_env_runner.get_spaces()

    def stop(self) -> None:
        """End the env runners at once, whatever they are playing."""
        for actor in self._worker_manager.actors().values():
            ray.kill(actor)
        self._worker_manager.clear()

    def _make_worker(self, *, worker_index: int, config: Any, **settings: Any) -> Any:
        is_light = worker_index > 0 and self._remote_config.has_our_module
        if not is_light:
            return super()._make_worker(worker_index=worker_index, config=config, **settings)
        is_placed = ray.util.get_current_placement_group() is not None
        bundle = self._pg_offset + worker_index if is_placed else -1
        if self._light_actor is None:
            self._light_actor = ray.remote(**self._remote_args)(BoardEnvRunner)
        return self._light_actor.options(placement_group_bundle_index=bundle).remote(
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


def merge_samples(algorithm: AlgorithmHost, samples: list[Sampled]) -> MultiAgentBatch:
    """Return the columns of all env runners, and let the Algorithm's metrics take them in."""
    for sampled in samples:
        log_games(algorithm.metrics, sampled.games, ENV_RUNNER_RESULTS)
        if algorithm.config.num_env_runners > 0:
            # Otherwise the process of the trial samples, and it reports its usage itself.
            place = (ENV_RUNNER_RESULTS,)
            algorithm.metrics.log_value((*place, CPU_S_KEY), sampled.cpu_s, reduce="sum")
            algorithm.metrics.log_value(
                (*place, MEMORY_MB_KEY), sampled.memory_mb, reduce="max", window=1
            )
    games = [sampled.games for sampled in samples]
    columns = {
        name: np.concatenate([part.columns[name] for part in games]) for name in games[0].columns
    }
    moves = sum(part.num_moves for part in games)
    return MultiAgentBatch({MODULE_ID: SampleBatch(columns)}, env_steps=moves)
