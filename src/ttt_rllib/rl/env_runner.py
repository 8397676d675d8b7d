"""RLlib's env runner for boards: whole games on thousands of boards, one forward pass per ply.

It translates between RLlib's `EnvRunner` contract and `rollout`, which plays the games.
Random numbers are drawn from (seed, worker, weights number, call), so a runner that is restarted
or resumed needs no generator state and never repeats itself.
"""

from __future__ import annotations

import math
from functools import partial
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

from ttt_envs.boards import random_openings
from ttt_envs.game import Game
from ttt_rllib.rl.actor_critic import ILLEGAL_LOGIT, MODULE_ID
from ttt_rllib.rl.process_usage import ProcessUsage
from ttt_rllib.rl.rollout import (
    ActionSampler,
    Evaluation,
    Games,
    exploring_start_actions,
    greedy_actions,
    play_games,
    sample_actions,
)

__all__ = ["DRAWS", "O_WINS", "RETURNS", "X_WINS", "BoardEnvRunner", "board_spaces"]

X_WINS, DRAWS, O_WINS = "x_wins", "draws", "o_wins"
RETURNS = "returns"
"""Sums of the agents' returns, where the game is not one of ours."""


def board_spaces(game: Game) -> tuple[gym.spaces.Box, gym.spaces.Discrete[np.int64]]:
    """Return the spaces of the flat observation (stones, then legal mask) and the action."""
    width = 2 * game.num_squares + game.num_actions
    return gym.spaces.Box(0, 1, (width,), np.int8), gym.spaces.Discrete(game.num_actions)


class BoardEnvRunner(EnvRunner, Checkpointable):
    """Samples self-play games of the game in `config.env_config`.

    `env_config` holds `game` (a `Game`), `random_plies` (least and greatest number of
    random opening plies) and `exploring_starts` (share of games whose first move is random).
    `num_envs_per_env_runner` boards are played at a time.
    `epsilon` is the share of random moves where the config's `exploration_sampler` has one; the
    algorithm sets it before it samples.
    """

    def __init__(self, *, config: Any, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self.spaces = kwargs.get("spaces") or {}
        self.weights_seq_no = 0
        self.epsilon = 0.0
        self._calls_with_these_weights = 0
        self._usage = ProcessUsage()
        # Without a seed every runner draws its own; with one, all randomness follows from it.
        self._entropy = (
            [int(np.random.SeedSequence().generate_state(1)[0])]
            if self.config.seed is None
            else [int(self.config.seed), int(self.config.in_evaluation)]
        )
        self.make_env()
        self.make_module()

    def make_env(self) -> None:
        """Read the game from the config; `sample` makes its boards each time it is called."""
        self.game: Game = self.config.env_config["game"]
        self.random_plies: tuple[int, int] = tuple(self.config.env_config["random_plies"])
        self.exploring_starts: float = self.config.env_config["exploring_starts"]
        self.env = self.game

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
        columns: list[dict[str, npt.NDArray[Any]]] = []
        moves = games = 0
        rng = self._next_generator()
        evaluate = self._evaluate_uniformly if random_actions else self.evaluate
        choose, start = self._choosers(explore, random_actions)
        while not columns or moves < (num_timesteps or 0) or games < (num_episodes or 0):
            boards = self.config.num_envs_per_env_runner
            if columns and not num_episodes:
                # The last round plays about as many games as moves are missing.
                missing = (num_timesteps or 0) - moves
                boards = min(boards, math.ceil(missing * games / moves))
            openings = random_openings(self.game, boards, self.random_plies, rng)
            played = play_games(openings, evaluate, choose, rng, start=start)
            columns.append(self.config.columns(played))
            moves += played.num_moves
            games += played.num_games
            self._log(played)
        self.num_env_steps_sampled_lifetime += moves
        # It is private, but without it the alert and the dashboard that watch this counter of
        # RLlib's would see no moves.
        self._metrics_num_env_steps_sampled.inc(moves)
        if self.worker_index:
            # Without actors the process of the trial samples, and it reports its usage itself.
            self._usage.log(self.metrics)
        merged = {key: np.concatenate([part[key] for part in columns]) for key in columns[0]}
        return [MultiAgentBatch({MODULE_ID: SampleBatch(merged)}, env_steps=moves)]

    def evaluate(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        """Return masked logits or Q-values `[n, A]` and values `[n]` of flat observations."""
        with torch.inference_mode():
            logits, values = self.module[MODULE_ID].evaluate(torch.from_numpy(observations))
            return Evaluation(logits.numpy(), values.numpy())

    def _choosers(
        self, explore: bool | None, random_actions: bool
    ) -> tuple[ActionSampler, ActionSampler | None]:
        """Return the sampler of moves, and that of a game's first move if it differs."""
        if random_actions:
            return sample_actions, None
        if not (self.config.explore if explore is None else explore):
            return greedy_actions, None
        share = self.exploring_starts
        start = partial(exploring_start_actions, share=share) if share else None
        return self.config.exploration_sampler(self.epsilon), start

    def _evaluate_uniformly(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        legal = observations[:, -self.game.num_actions :]
        logits = (1.0 - legal.astype(np.float32)) * np.float32(ILLEGAL_LOGIT)
        return Evaluation(logits, np.zeros(len(observations), np.float32))

    def _next_generator(self) -> np.random.Generator:
        position = [self.worker_index or 0, self.weights_seq_no, self._calls_with_these_weights]
        self._calls_with_these_weights += 1
        return np.random.default_rng([*self._entropy, *position])

    def _log(self, games: Games) -> None:
        counts = {
            NUM_ENV_STEPS_SAMPLED: games.num_moves,
            NUM_EPISODES: games.num_games,
            X_WINS: games.x_wins,
            O_WINS: games.o_wins,
            DRAWS: games.num_games - games.x_wins - games.o_wins,
        }
        for key, count in counts.items():
            self.metrics.log_value(key, count, reduce="sum")
        self.metrics.log_value(
            NUM_ENV_STEPS_SAMPLED_LIFETIME, games.num_moves, reduce="lifetime_sum"
        )
        score = (games.x_wins - games.o_wins) / games.num_games
        self.metrics.log_value(EPISODE_RETURN_MEAN, score, window=1)
        self.metrics.log_value(EPISODE_LEN_MEAN, games.num_moves / games.num_games, window=1)

    def get_metrics(self) -> Any:
        """Return the metrics logged since the last call."""
        return self.metrics.reduce()

    def get_spaces(self) -> dict[str, tuple[gym.Space[Any], gym.Space[Any]]]:
        """Return the spaces of the game, the same for the env and the module."""
        spaces = board_spaces(self.game)
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
            state[WEIGHTS_SEQ_NO] = self.weights_seq_no
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over weights, their number and the count of moves, where `state` has them."""
        if COMPONENT_RL_MODULE in state:
            weights = state[COMPONENT_RL_MODULE]
            # RLlib puts the weights into the object store once for all runners.
            self.module.set_state(
                ray.get(weights) if isinstance(weights, ray.ObjectRef) else weights
            )
            seq_no = int(state.get(WEIGHTS_SEQ_NO, 0))
            if seq_no != self.weights_seq_no:
                self.weights_seq_no = seq_no
                self._calls_with_these_weights = 0
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
