"""An env runner in another process, which imports neither torch nor RLlib.

It starts in a second or two and takes a tenth of a gigabyte. RLlib's EnvRunnerGroup manages it
like any other: see `ttt_rllib.rl.env_runner_group`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ray
from ray.util.metrics import Counter

from ttt_rllib.agents.policies import Policy
from ttt_rllib.metrics import RunLabels
from ttt_rllib.sampling.board_sampler import BoardSampler, SampledGames, SamplerSettings
from ttt_rllib.sampling.counters import SamplingCounters
from ttt_rllib.sampling.network import AfterstateNetwork, NumpyNetwork
from ttt_rllib.sampling.opponents import OPPONENTS, ReceivedOpponents
from ttt_rllib.sampling.process_usage import ProcessUsage

__all__ = ["MODULE_ID", "RL_MODULE", "STARTS", "WEIGHTS_SEQ_NO", "BoardEnvRunner", "Sampled"]

RL_MODULE, WEIGHTS_SEQ_NO = "rl_module", "weights_seq_no"
"""RLlib's keys in the state that it sends, and ours of the one module."""
STARTS = "starts"
"""Key of the positions in which a share of the games begin, in the state; None = there are none."""
MODULE_ID = "main"
"""The one policy that plays both seats."""


class Sampled(NamedTuple):
    """What an env runner answers when it is asked for moves.

    Attributes:
        games: The games.
        sample_s: Seconds that they took.
        cpu_s: CPU seconds of its process since the last answer.
        memory_mb: Memory of its process, in megabytes.
    """

    games: SampledGames
    sample_s: float
    cpu_s: float
    memory_mb: float


class BoardEnvRunner:
    """Plays games for an Algorithm.

    Args:
        settings: What to play.
        activation: That of the network.
        worker_index: Number of the worker, from 1.
        labels: Which trial it samples for, for Prometheus.

    Attributes:
        opponents: Those that the learner plays beside itself.
    """

    def __init__(
        self,
        settings: SamplerSettings,
        activation: str,
        worker_index: int,
        labels: RunLabels = RunLabels(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._sampler = BoardSampler(settings, worker_index)
        self._activation = activation
        self._weights: Mapping[str, Any] = {}
        self._settings = settings
        self._network: NumpyNetwork | AfterstateNetwork | None = None
        self.opponents: tuple[Policy, ...] = ()
        self._received = ReceivedOpponents()
        self._usage = ProcessUsage()
        self._counters = SamplingCounters(labels, worker_index)
        # RLlib's own env runners have it, and an alert and a dashboard watch it.
        self._counter = Counter(
            "rllib_env_runner_num_env_steps_sampled_counter",
            description="Number of env steps sampled in this Env Runner.",
            tag_keys=("rllib",),
        )
        self._counter.set_default_tags({"rllib": type(self).__name__})

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over weights, their number, opponents and starts, where the state has them.

        Args:
            state: As RLlib sends it; the weights may be a reference to the object store.

        Raises:
            RuntimeError: If an opponent is not the one that was meant.
        """
        if OPPONENTS in state:
            self.opponents = self._received.get(state[OPPONENTS])
            self._sampler.play_against(self.opponents)
        if STARTS in state:
            self._sampler.start_from(state[STARTS])
        weights = state.get(RL_MODULE)
        if weights is None:
            return
        if not isinstance(weights, Mapping):
            weights = ray.get(weights)
        self._weights = weights
        self._network = self._network_of(weights[MODULE_ID])
        self._sampler.weights_seq_no = int(state.get(WEIGHTS_SEQ_NO, 0))

    def _network_of(self, weights: Mapping[str, Any]) -> NumpyNetwork | AfterstateNetwork:
        settings = self._settings
        if settings.head == "value":
            return AfterstateNetwork(weights, self._activation, settings.game, settings.inputs)
        return NumpyNetwork(weights, self._activation)

    def get_state(self) -> dict[str, Any]:
        """Return the weights, by module, and their number."""
        return {RL_MODULE: self._weights, WEIGHTS_SEQ_NO: self._sampler.weights_seq_no}

    def sample_games(
        self,
        num_moves: int,
        epsilon: float,
        state: Mapping[str, Any] | None = None,
        call: int | None = None,
    ) -> Sampled | FloatingPointError:
        """Play complete games until there are enough moves.

        Args:
            num_moves: Least number of moves; 0 = one round of all boards.
            epsilon: Share of random moves, for algorithms that explore by it.
            state: Taken over first, as by `set_state`.
            call: How many times these weights have been played with before; None counts here.

        Returns:
            The games; or the error of a network whose outputs are not finite, which restarting
            this process would not mend.

        Raises:
            RuntimeError: If no weights have arrived.
        """
        start_s = time.perf_counter()
        if state is not None:
            self.set_state(state)
        if self._network is None:
            raise RuntimeError("an env runner was asked for moves before it had weights")
        try:
            games = self._sampler.sample(
                self._network.evaluate, num_moves=num_moves, epsilon=epsilon, call=call
            )
        except FloatingPointError as error:
            return error
        sample_s = time.perf_counter() - start_s
        self._counter.inc(games.num_moves)
        self._counters.count(games.num_moves, sample_s)
        return Sampled(games, sample_s, self._usage.cpu_s(), self._usage.memory_mb())

    def ping(self) -> str:
        """Answer, as RLlib's own actors do."""
        return "pong"

    def apply(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function with this env runner, as RLlib does."""
        return func(self, *args, **kwargs)

    def assert_healthy(self) -> None:
        """Do nothing: an actor that answers is healthy."""

    def stop(self) -> None:
        """Do nothing: no resource is held open."""
