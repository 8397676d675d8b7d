"""Stock RLlib on PettingZoo's tic-tac-toe, as fair as it can be: the baseline.

RLlib's own PettingZoo adapter, env runner, connectors and PPO learner, with the network of
`SelfPlayPPO`. The observation is one flat array, which the stock path handles faster than a
dictionary.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import PettingZooEnv

from ttt_envs.game import TIC_TAC_TOE
from ttt_rllib.rl.actor_critic import BoardActorCritic
from ttt_rllib.rl.env_runner import board_spaces
from ttt_rllib.rl.self_play import shared_policy_mapping_fn
from ttt_rllib.sampling.env_runner import MODULE_ID

__all__ = ["FlatTicTacToe", "stock_config"]

MODEL = {"hidden_sizes": (128, 128), "activation": "relu"}
NUM_ENVS = 64


class FlatTicTacToe(PettingZooEnv):
    """`tictactoe_v3` with stones and mask in one flat array."""

    def __init__(self, config: Any = None) -> None:
        from pettingzoo.classic import tictactoe_v3

        super().__init__(tictactoe_v3.env())
        observation_space, action_space = _spaces()
        self.observation_spaces = dict.fromkeys(self.possible_agents, observation_space)
        self.action_spaces = dict.fromkeys(self.possible_agents, action_space)
        self.observation_space = gym.spaces.Dict({**self.observation_spaces})
        self.action_space = gym.spaces.Dict(self.action_spaces)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        """Start a game."""
        observations, infos = super().reset(seed=seed, options=options)
        return _flat(observations), infos

    def step(self, action: Any) -> tuple[Any, ...]:
        """Play one move."""
        observations, *rest = super().step(action)
        return _flat(observations), *rest


def stock_config() -> PPOConfig:
    """Return PPO with one network for both seats, on RLlib's own multi-agent path."""
    observation_space, action_space = _spaces()
    module = RLModuleSpec(
        module_class=BoardActorCritic,
        observation_space=observation_space,
        action_space=action_space,
        model_config=MODEL,
    )
    config = PPOConfig()
    config.environment(FlatTicTacToe, disable_env_checking=True)
    config.multi_agent(policies={MODULE_ID}, policy_mapping_fn=shared_policy_mapping_fn)
    config.rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={MODULE_ID: module}))
    config.env_runners(num_envs_per_env_runner=NUM_ENVS)
    config.training(use_kl_loss=False)
    config.debugging(log_level="ERROR")
    return config


def _spaces() -> tuple[gym.spaces.Box, Any]:
    """Return those of `SelfPlayPPO`, in float32: the stock path converts no types."""
    observation_space, action_space = board_spaces(TIC_TAC_TOE)
    return gym.spaces.Box(0, 1, observation_space.shape, np.float32), action_space


def _flat(observations: dict[str, Any]) -> dict[str, Any]:
    return {
        agent: np.concatenate([seen["observation"].ravel(), seen["action_mask"]], dtype=np.float32)
        for agent, seen in observations.items()
    }
