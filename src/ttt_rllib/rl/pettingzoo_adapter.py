"""Any PettingZoo AEC environment with an action mask, for RLlib's own env runner.

It translates, scales observations to magnitudes of at most 1, and keeps the results of games.
RLlib learns from what a step returns: an agent that gets an observation is on move, and the
reward that comes with it belongs to the agent's last move. What an agent gets before its first
move belongs to none, so that only the results have it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from ttt_rllib.config.pettingzoo_envs import (
    ACTION_MASK,
    OBSERVATION,
    env_failed,
    no_legal_action,
)
from ttt_rllib.errors import InputError

__all__ = ["GameResult", "MaskedAECEnv", "flat_space"]

ALL = "__all__"
SCALED = np.float32
GREATEST_BOUND = 2.0**31
"""Greater bounds stand for none."""
Observation = npt.NDArray[Any]
AgentFlags = dict[str, bool]


def flat_space(space: gym.spaces.Dict) -> gym.spaces.Box:
    """Return the space of a flat observation: the board's entries, then the mask's.

    Args:
        space: With "observation", a Box, and "action_mask" of shape `[A]`.

    Returns:
        A Box; the last A entries are 0 or 1. It has the dtype and the bounds of the
        observation, unless entries are scaled: then it is float32.
    """
    board, mask = space[OBSERVATION], space[ACTION_MASK]
    assert isinstance(board, gym.spaces.Box)  # noqa: S101 - `check_env` ensures it
    (num_actions,) = mask.shape or ()
    scale = _scale(board)
    if scale is None:
        low, high = board.low.ravel(), board.high.ravel()
    else:
        low, high = board.low.ravel() * scale, board.high.ravel() * scale
    low = np.concatenate([low, np.zeros(num_actions, low.dtype)])
    high = np.concatenate([high, np.ones(num_actions, high.dtype)])
    return gym.spaces.Box(low, high, dtype=low.dtype.type)


def _scale(board: gym.spaces.Box) -> npt.NDArray[np.float32] | None:
    """Return the factor of each entry that brings its bounds to 1, None if none is needed.

    A network learns badly from numbers such as the 0 to 255 of an image. Entries without
    bounds are left as they are.
    """
    greatest = np.maximum(np.abs(board.low), np.abs(board.high)).ravel().astype(np.float64)
    is_large = (greatest > 1.0) & (greatest <= GREATEST_BOUND)
    if not is_large.any():
        return None
    return np.where(is_large, 1.0 / np.where(is_large, greatest, 1.0), 1.0).astype(SCALED)


@dataclass(frozen=True)
class GameResult:
    """The result of a game.

    Attributes:
        returns: What each agent got in it, as the environment paid it.
        first: The agent that moved first.
    """

    returns: dict[str, float]
    first: str


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
    actions; see `flat_space`.

    The mask of an agent whose game was truncated is 0: PettingZoo does not say what it could
    have done, so that there is nothing to bootstrap from.

    Every game has a different seed. RLlib seeds the first game of environment `i` of runner `r`
    with `seed + r + i` and no other one; here all follow from that number, `r`, the number of the
    game and what was sampled before.

    Args:
        config: `make_env`, a function without arguments that returns the environment; it
            must have passed `pettingzoo_envs.check_env`. RLlib's EnvContext also has the number
            of the runner.

    Attributes:
        results: The games that are over and that nobody has taken yet, in their order.
        sampled_before: Moves of the training before the first game here: a resumed training,
            like an env runner that was started again, does not repeat its first games.
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
        self._scales = {
            agent: _scale(self.env.observation_space(agent)[OBSERVATION]) for agent in agents
        }
        self._runner = int(getattr(config, "worker_index", None) or 0)
        self._first_seed: int | None = None
        self._games = 0
        self.sampled_before = 0
        self.results: deque[GameResult] = deque()
        self._first = ""
        self._returns: dict[str, float] = {}
        self._held_back = _Report()
        self._shown: set[str] = set()
        self._left: set[str] = set()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, Any]]:
        """Start a game.

        Args:
            seed: Seed of this and all later games; None continues the current sequence of seeds.
            options: For the environment, unchanged.

        Returns:
            The observation of the agent on move, and its info.

        Raises:
            InputError: If the agent on move has no legal action.
            EnvironmentFailedError: If the environment raises.
        """
        if seed is not None:
            self._first_seed, self._games = seed, 0
        with self._failures_named():
            self.env.reset(seed=self._next_seed(), options=options)
            mover = self.env.agent_selection
            self._first, self._returns = mover, dict.fromkeys(self.env.agents, 0.0)
            self._held_back, self._shown, self._left = _Report(), {mover}, set()
            self.agents = list(self.env.agents)
            observation, reward, *_ = self.env.last()
            self._count(mover, reward)
            return {mover: self._flat(mover, observation)}, {mover: self.env.infos[mover]}

    def step(
        self, action_dict: Mapping[str, Any]
    ) -> tuple[
        dict[str, Observation], dict[str, float], AgentFlags, AgentFlags, dict[str, dict[str, Any]]
    ]:
        """Make the move of the agent on move; the environment deals with illegal ones.

        Returns:
            Observations, rewards since the agent's last move, terminated and truncated
            flags, infos; of the agents whose game is over, and of the next agent on move.

        Raises:
            InputError: If the agent on move has no legal action, or if a reward is not finite.
            EnvironmentFailedError: If the environment raises.
        """
        report, self._held_back = self._held_back, _Report()
        with self._failures_named():
            self.env.step(int(action_dict[self.env.agent_selection]))
            self._collect(report)
        self.agents = list(self.env.agents)
        if self.agents and self._shown <= self._left:
            # If every agent seen so far had left, RLlib would think that the game is over.
            self._hold_back(report)
        if not self.agents:
            self.results.append(GameResult(self._returns, self._first))
        self._shown |= set(report.observations)
        return (report.observations, report.rewards, *self._flags(report), report.infos)

    def _collect(self, report: _Report) -> None:
        """Step out every agent whose game is over, up to the next one on move."""
        while self.env.agents:
            agent = self.env.agent_selection
            observation, reward, terminated, truncated, info = self.env.last()
            is_over = bool(terminated or truncated)
            report.observations[agent] = self._flat(
                agent, observation, is_over=is_over, is_truncated=truncated and not terminated
            )
            report.rewards[agent] = self._count(agent, reward)
            report.infos[agent] = info
            if not is_over:
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

    def _flat(
        self,
        agent: str,
        observation: Mapping[str, npt.NDArray[Any]],
        *,
        is_over: bool = False,
        is_truncated: bool = False,
    ) -> Observation:
        board, mask = np.asarray(observation[OBSERVATION]), np.asarray(observation[ACTION_MASK])
        if not (is_over or mask.any()):
            raise no_legal_action(self._name, agent)
        scale = self._scales[agent]
        flat = board.ravel() if scale is None else board.ravel() * scale
        mask = np.zeros_like(mask) if is_truncated else mask
        return np.concatenate([flat, mask.astype(flat.dtype)])

    def _count(self, agent: str, reward: float) -> float:
        if not math.isfinite(reward):
            raise InputError(
                f"env.pettingzoo: {self._name}: the reward of {agent} is {reward}; rewards must "
                "be finite numbers"
            )
        # Agents may join a game after its beginning.
        self._returns[agent] = self._returns.get(agent, 0.0) + float(reward)
        return float(reward)

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        """Say of whatever the environment raises that the environment raised it."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            # A foreign environment may raise anything.
            raise env_failed(self._name, error) from error

    @property
    def _name(self) -> str:
        return str(self.env.metadata.get("name", type(self.env.unwrapped).__name__))

    def _next_seed(self) -> int | None:
        """Return the seed of the next game; None if RLlib was given no seed."""
        if self._first_seed is None:
            return None
        sequence = np.random.SeedSequence(
            (self._first_seed, self._runner, self._games, self.sampled_before)
        )
        self._games += 1
        # Gymnasium and PettingZoo take seeds that fit an int32.
        return int(sequence.generate_state(1)[0] >> 1)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def render(self) -> Any:
        """Return what the environment draws."""
        return self.env.render()
