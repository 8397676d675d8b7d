"""RLlib's own env runner, which tells what the environment failed with.

RLlib raises a RuntimeError without a word where an environment fails in a step. A remote env
runner that raises anything waits for a minute, and then ends its process, words and all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner

from ttt_rllib.errors import EnvironmentFailedError, InputError
from ttt_rllib.sampling.counters import SamplingCounters

__all__ = ["StockEnvRunner"]


FAILURES = (InputError, EnvironmentFailedError)
"""What the adapter raises."""


class StockEnvRunner(MultiAgentEnvRunner):
    """A MultiAgentEnvRunner on `MaskedAECEnv`.

    Where its environment fails, a remote one stays alive for the algorithm to ask why.

    Attributes:
        failure: What its environment failed with; None while it has not.
    """

    failure: InputError | EnvironmentFailedError | None = None

    def __init__(self, *, config: Any, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self._counters = SamplingCounters(config.run_labels, self.worker_index or 0)

    def apply(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function with this env runner, as RLlib does.

        Raises:
            InputError: If the environment cannot be trained on.
            EnvironmentFailedError: If it raised something else.
        """
        try:
            return func(self, *args, **kwargs)
        except FAILURES:
            raise
        except Exception as error:
            return super().apply(_raise, error)

    def sample(self, **settings: Any) -> Any:
        """Sample as RLlib does; the settings are RLlib's.

        Raises:
            InputError: If the environment cannot be trained on.
            EnvironmentFailedError: If it raised something else.
        """
        if self._needs_initial_reset:
            for env in self.env.envs:
                env.unwrapped.sampled_before = self.num_env_steps_sampled_lifetime
        start_s = time.perf_counter()
        try:
            episodes = super().sample(**settings)
        except Exception as error:
            self.failure = _failure(error)
            if self.failure is None or self.failure is error:
                raise
            # From the environment's own error, since RLlib's was raised from this one.
            raise self.failure from self.failure.__cause__
        self._counters.count(sum(map(len, episodes)), time.perf_counter() - start_s)
        return episodes


def _raise(runner: StockEnvRunner, error: Exception) -> None:
    raise error


def _failure(error: BaseException | None) -> InputError | EnvironmentFailedError | None:
    """Return the adapter's error among an error and its causes."""
    while error is not None:
        if isinstance(error, FAILURES):
            return error
        error = error.__cause__
    return None
