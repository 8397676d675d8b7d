"""RLlib's env runner for boards, with torch: for the trial's own process, and for other modules.

It translates between RLlib's `EnvRunner` contract and `BoardSampler`, which plays the games. Other
processes have a lighter one, `ttt_rllib.sampling.env_runner`, wherever the module is one of ours.
"""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import ray
import torch
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.metrics import (
    EPISODE_LEN_MEAN,
    EPISODE_RETURN_MEAN,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_EPISODES,
    WEIGHTS_SEQ_NO,
)

from ttt_envs.game import Game
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.policies import Policy
from ttt_rllib.sampling.board_sampler import BoardSampler, SampledGames
from ttt_rllib.sampling.counters import SamplingCounters
from ttt_rllib.sampling.env_runner import MODULE_ID, STARTS, Sampled
from ttt_rllib.sampling.opponents import OPPONENTS, ReceivedOpponents
from ttt_rllib.sampling.process_usage import ProcessUsage
from ttt_rllib.sampling.rollout import Evaluation

__all__ = [
    "DRAWS",
    "O_WINS",
    "RETURNS",
    "X_WINS",
    "TorchBoardEnvRunner",
    "board_spaces",
    "log_games",
]

X_WINS, DRAWS, O_WINS = "x_wins", "draws", "o_wins"
RETURNS = "returns"
"""Sums of the agents' returns, where the game is not one of ours."""


def board_spaces(
    game: Game, inputs: Inputs = PLAIN_INPUTS
) -> tuple[gym.spaces.Box, gym.spaces.Discrete[np.int64]]:
    """Return the spaces of the flat observation (planes, then mask) and of the action.

    Args:
        game: The rules.
        inputs: What the network sees and may choose.
    """
    width = inputs.width(game) + game.num_actions
    return gym.spaces.Box(0, 1, (width,), np.int8), gym.spaces.Discrete(game.num_actions)


def log_games(metrics: Any, games: SampledGames, *keys: str) -> None:
    """Log what was sampled to an RLlib MetricsLogger, by RLlib's names and under these keys."""
    counts = {
        NUM_ENV_STEPS_SAMPLED: games.num_moves,
        NUM_EPISODES: games.num_games,
        X_WINS: games.x_wins,
        O_WINS: games.o_wins,
        DRAWS: games.num_games - games.x_wins - games.o_wins,
    }
    for key, count in counts.items():
        metrics.log_value((*keys, key), count, reduce="sum")
    metrics.log_value(
        (*keys, NUM_ENV_STEPS_SAMPLED_LIFETIME), games.num_moves, reduce="lifetime_sum"
    )
    means = {
        EPISODE_RETURN_MEAN: (games.x_wins - games.o_wins) / games.num_games,
        EPISODE_LEN_MEAN: games.num_moves / games.num_games,
    }
    for key, mean in means.items():
        metrics.log_value((*keys, key), mean, window=1)


class TorchBoardEnvRunner(EnvRunner, Checkpointable):
    """Samples self-play games of the game in `config.env_config`.

    `env_config` holds `game` (a `Game`), `random_plies` (least and greatest number of
    random opening plies), `exploring_starts` (share of games whose first move is random) and
    `inputs` (what the network sees and may choose).
    `num_envs_per_env_runner` boards are played at a time.
    """

    def __init__(self, *, config: Any, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self.spaces = kwargs.get("spaces") or {}
        self._usage = ProcessUsage()
        self._counters = SamplingCounters(config.run_labels, self.worker_index or 0)
        self.make_env()
        self.make_module()

    def make_env(self) -> None:
        """Read the game from the config; `sample` makes its boards each time it is called."""
        self.game: Game = self.config.env_config["game"]
        self.env = self.game
        self.opponents: tuple[Policy, ...] = ()
        self._received = ReceivedOpponents()
        self._sampler = BoardSampler(self.config.sampler_settings(), self.worker_index or 0)

    def make_module(self) -> None:
        """Build the RLModule on the CPU."""
        spec = self.config.get_multi_rl_module_spec(spaces=self.get_spaces(), inference_only=True)
        self.module = spec.build()

    def sample(
        self,
        *,
        num_timesteps: int | None = None,
        num_episodes: int | None = None,
        explore: bool | None = None,
        random_actions: bool = False,
        force_reset: bool = False,
    ) -> list[MultiAgentBatch]:
        """Play complete games until there are enough moves or games.

        Args:
            num_timesteps: Least number of moves.
            num_episodes: Least number of games; without either, one round of all boards.
            explore: Whether to sample from the policy (the default) or take its most probable move.
            random_actions: Whether to play uniformly at random instead.
            force_reset: Ignored: every game ends within the call that started it.

        Returns:
            One batch with all moves of both players, as the config's `columns` returns them.
        """
        games = self._sampler.sample(
            self.evaluate,
            num_moves=num_timesteps or 0,
            num_games=num_episodes or 0,
            explore=explore,
            random_actions=random_actions,
        )
        self.num_env_steps_sampled_lifetime += games.num_moves
        log_games(self.metrics, games)
        return [MultiAgentBatch({MODULE_ID: SampleBatch(games.columns)}, env_steps=games.num_moves)]

    def sample_games(
        self,
        num_moves: int,
        epsilon: float,
        state: dict[str, Any] | None = None,
        call: int | None = None,
    ) -> Sampled | FloatingPointError:
        """Play complete games, as `BoardEnvRunner.sample_games` does, which logs nothing."""
        start_s = time.perf_counter()
        if state is not None:
            self.set_state(state)
        try:
            games = self._sampler.sample(
                self.evaluate, num_moves=num_moves, epsilon=epsilon, call=call
            )
        except FloatingPointError as error:
            return error
        sample_s = time.perf_counter() - start_s
        self.num_env_steps_sampled_lifetime += games.num_moves
        # It is private, but without it the alert and the dashboard that watch this counter of
        # RLlib's would see no moves.
        self._metrics_num_env_steps_sampled.inc(games.num_moves)
        self._counters.count(games.num_moves, sample_s)
        return Sampled(games, sample_s, self._usage.cpu_s(), self._usage.memory_mb())

    def evaluate(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        """Return masked logits or Q-values `[n, A]` and values `[n]` of flat observations."""
        with torch.inference_mode():
            logits, values = self.module[MODULE_ID].evaluate(torch.from_numpy(observations))
            return Evaluation(logits.numpy(), values.numpy())

    def get_metrics(self) -> Any:
        """Return the metrics logged since the last call."""
        return self.metrics.reduce()

    def get_spaces(self) -> dict[str, tuple[gym.Space[Any], gym.Space[Any]]]:
        """Return the spaces of the game, the same for the env and the module."""
        spaces = board_spaces(self.game, self.config.env_config.get("inputs", PLAIN_INPUTS))
        keys = (INPUT_ENV_SPACES, INPUT_ENV_SINGLE_SPACES, MODULE_ID)
        return dict.fromkeys(keys, spaces)

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the weights with their number, and the moves sampled so far."""
        state: dict[str, Any] = {
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self.num_env_steps_sampled_lifetime
        }
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(
                components=self._get_subcomponents(COMPONENT_RL_MODULE, components),
                not_components=self._get_subcomponents(COMPONENT_RL_MODULE, not_components),
                **kwargs,
            )
            state[WEIGHTS_SEQ_NO] = self._sampler.weights_seq_no
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over weights, their number, opponents and moves counted, where `state` has them."""
        if OPPONENTS in state:
            self.opponents = self._received.get(state[OPPONENTS])
            self._sampler.play_against(self.opponents)
        if STARTS in state:
            self._sampler.start_from(state[STARTS])
        if COMPONENT_RL_MODULE in state:
            weights = state[COMPONENT_RL_MODULE]
            # RLlib puts the weights into the object store once for all runners.
            self.module.set_state(
                ray.get(weights) if isinstance(weights, ray.ObjectRef) else weights
            )
            self._sampler.weights_seq_no = int(state.get(WEIGHTS_SEQ_NO, 0))
        if NUM_ENV_STEPS_SAMPLED_LIFETIME in state:
            self.num_env_steps_sampled_lifetime = state[NUM_ENV_STEPS_SAMPLED_LIFETIME]

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[()], dict[str, Any]]:
        """Return what rebuilds this runner."""
        return (), {"config": self.config, "worker_index": self.worker_index}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """Return the RLModule under RLlib's name for it."""
        return [(COMPONENT_RL_MODULE, self.module)]

    def assert_healthy(self) -> None:
        """Check that the runner can sample."""
        assert self.module is not None  # noqa: S101 - RLlib expects an AssertionError

    def stop(self) -> None:
        """Do nothing: no resource is held open."""
