"""Any PettingZoo AEC environment with an action mask, for RLlib's own env runner.

It only translates. RLlib learns from what a step returns: an agent that gets an observation is
on move, and the reward that comes with it belongs to the agent's last move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from ttt_rllib.config.pettingzoo_envs import ACTION_MASK, OBSERVATION

__all__ = ["MaskedAECEnv", "flat_space"]

ALL = "__all__"
Observation = npt.NDArray[Any]
AgentFlags = dict[str, bool]


def flat_space(space: gym.spaces.Dict) -> gym.spaces.Box:
    """Return the space of a flat observation: the board's entries, then the mask's.

    Args:
        space: With "observation", a Box, and "action_mask" of shape `[A]`.

    Returns:
        A Box of the dtype and the bounds of the observation; the last A entries are 0 or 1.
    """
    board, mask = space[OBSERVATION], space[ACTION_MASK]
    assert isinstance(board, gym.spaces.Box)  # noqa: S101 - `check_env` ensures it
    (num_actions,) = mask.shape or ()
    low = np.concatenate([board.low.ravel(), np.zeros(num_actions, board.dtype)])
    high = np.concatenate([board.high.ravel(), np.ones(num_actions, board.dtype)])
    return gym.spaces.Box(low, high, dtype=low.dtype.type)


@dataclass
class _Report:
    """The results that the agents receive after one move."""

    observations: dict[str, Observation] = field(default_factory=dict)
    rewards: dict[str, float] = field(default_factory=dict)
    infos: dict[str, Any] = field(default_factory=dict)
    terminated: set[str] = field(default_factory=set)
    truncated: set[str] = field(default_factory=set)


class MaskedAECEnv(MultiAgentEnv):
    """An AEC environment as RLlib sees it.

    Observations are flat, `[S + A]`: the S entries of the board, then the mask of the A
    actions, in the dtype of the environment's own observation.

    Args:
        config: `make_env`, a function without arguments that returns the environment; it
            must have passed `pettingzoo_envs.check_env`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.env = config["make_env"]()
        agents = list(self.env.possible_agents)
        self.possible_agents = agents
        self.agents = agents[:]
        self.observation_spaces: dict[str, gym.Space[Any]] = {
            agent: flat_space(self.env.observation_space(agent)) for agent in agents
        }
        self.action_spaces = {a: self.env.action_space(a) for a in agents}
        self.observation_space = gym.spaces.Dict(self.observation_spaces)
        self.action_space = gym.spaces.Dict(self.action_spaces)
        self._held_back = _Report()
        self._shown: set[str] = set()
        self._left: set[str] = set()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, Any]]:
        """Start a game; the environment gets `seed` and `options` unchanged.

        Returns:
            The observation of the agent on move, and its info.
        """
        self.env.reset(seed=seed, options=options)
        self._held_back, self._shown, self._left = _Report(), set(), set()
        self.agents = list(self.env.agents)
        mover = self.env.agent_selection
        self._shown.add(mover)
        return {mover: self._flat(self.env.observe(mover))}, {mover: self.env.infos[mover]}

    def step(
        self, action_dict: Mapping[str, Any]
    ) -> tuple[
        dict[str, Observation], dict[str, float], AgentFlags, AgentFlags, dict[str, dict[str, Any]]
    ]:
        """Make the move of the agent on move; the environment deals with illegal ones.

        Returns:
            Observations, rewards since the agent's last move, terminated and truncated
            flags, infos; of the agents whose game is over, and of the next agent on move.
        """
        self.env.step(int(action_dict[self.env.agent_selection]))
        report, self._held_back = self._held_back, _Report()
        self._collect(report)
        self.agents = list(self.env.agents)
        if self.agents and self._shown <= self._left:
            # If every agent seen so far had left, RLlib would think that the game is over.
            self._hold_back(report)
        self._shown |= set(report.observations)
        return (report.observations, report.rewards, *self._flags(report), report.infos)

    def _collect(self, report: _Report) -> None:
        """Step out every agent whose game is over, up to the next one on move."""
        while self.env.agents:
            agent = self.env.agent_selection
            observation, reward, terminated, truncated, info = self.env.last()
            report.observations[agent] = self._flat(observation)
            report.rewards[agent] = float(reward)
            report.infos[agent] = info
            if not (terminated or truncated):
                return
            # PettingZoo's wrapper sets both after an illegal move: that ends the game.
            (report.terminated if terminated else report.truncated).add(agent)
            self._left.add(agent)
            self.env.step(None)

    def _hold_back(self, report: _Report) -> None:
        held = self._held_back
        held.terminated, report.terminated = report.terminated, set()
        held.truncated, report.truncated = report.truncated, set()
        for agent in held.terminated | held.truncated:
            held.observations[agent] = report.observations.pop(agent)
            held.rewards[agent] = report.rewards.pop(agent)
            held.infos[agent] = report.infos.pop(agent)

    def _flags(self, report: _Report) -> tuple[AgentFlags, AgentFlags]:
        is_over = not self.agents
        terminateds = dict.fromkeys(report.terminated, True)
        truncateds = dict.fromkeys(report.truncated, True)
        if is_over and report.truncated:
            # If each agent had a flag, RLlib would treat all of them as terminated.
            return {**terminateds, ALL: False}, {ALL: True}
        return {**terminateds, ALL: is_over}, {**truncateds, ALL: False}

    def _flat(self, observation: Mapping[str, npt.NDArray[Any]]) -> Observation:
        board = observation[OBSERVATION]
        mask = np.asarray(observation[ACTION_MASK]).astype(board.dtype)
        return np.concatenate([board.ravel(), mask])

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def render(self) -> Any:
        """Return what the environment draws."""
        return self.env.render()
