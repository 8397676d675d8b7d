"""Small AEC environments, each with one oddity that people's own environments have.

`env(kind)` makes one of `KINDS`. All of them have two agents, `a` and `b`, who alternate for
six plies; of three actions the last one is illegal. An agent sees the last four actions.
"""

from __future__ import annotations

import math
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv

__all__ = ["KINDS", "env"]

PLIES = 6
SEEN = 4
LEGAL = (1, 1, 0)

Observation = dict[str, npt.NDArray[Any]]


class Plain(AECEnv):
    """A game without an oddity: the last move decides who wins, and action 1 wins for `a`.

    Args:
        from_game: The game of this environment, counted from 1, with which the oddity begins.
    """

    metadata = {"name": "odd_v0", "is_parallelizable": False, "render_modes": []}  # noqa: RUF012 - PettingZoo's way

    def __init__(self, from_game: int = 1) -> None:
        super().__init__()
        self.possible_agents = ["a", "b"]
        self.render_mode = None
        self.from_game = from_game
        self.games = 0

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return the last actions, and the mask."""
        return spaces.Dict(
            {
                "observation": spaces.Box(0.0, 1.0, (SEEN,), np.float32),
                "action_mask": spaces.Box(0, 1, (len(LEGAL),), np.int8),
            }
        )

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the three actions."""
        return spaces.Discrete(len(LEGAL))

    def observe(self, agent: str) -> Observation:
        """Return what an agent sees."""
        return {"observation": self.seen.copy(), "action_mask": self.mask(agent)}

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start a game."""
        self.games += 1
        self.agents = self.possible_agents[:]
        self.agent_selection, self.ply = "a", 0
        self.seen = np.zeros(SEEN, np.float32)
        self.rewards: dict[str, float] = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, Any] = {agent: {} for agent in self.agents}

    def step(self, action: int | None) -> None:
        """Make a move; refuse an illegal one."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        assert action is not None
        assert LEGAL[action], f"{agent} plays {action}, which is illegal"
        self._cumulative_rewards[agent] = 0.0
        self.ply += 1
        self.seen = np.array([action, *self.seen[:-1]], np.float32)
        self.rewards = self.pay(agent, action)
        self.end()
        self.agent_selection = "b" if agent == "a" else "a"
        self._accumulate_rewards()

    @property
    def is_odd(self) -> bool:
        """Whether the oddity shows in this game."""
        return self.games >= self.from_game

    @property
    def is_last(self) -> bool:
        """Whether the last move has been made."""
        return self.ply == PLIES

    def mask(self, agent: str) -> npt.NDArray[np.int8]:
        """Return what an agent may do."""
        return np.array(LEGAL, np.int8)

    def pay(self, agent: str, action: int) -> dict[str, float]:
        """Return what each agent gets for a move."""
        reward = (1.0 if action == 1 else -1.0) if self.is_last else 0.0
        return {"a": reward, "b": -reward}

    def end(self) -> None:
        """End the game after its last move."""
        if self.is_last:
            self.terminations = dict.fromkeys(self.agents, True)


class Early(Plain):
    """A cooperative game: the first move pays both, `b` before its own first move."""

    def pay(self, agent: str, action: int) -> dict[str, float]:
        """Pay for the first move only."""
        return dict.fromkeys("ab", 1.0 if self.ply == 1 else 0.0)


class Big(Plain):
    """Rewards of -1000 and 1000."""

    def pay(self, agent: str, action: int) -> dict[str, float]:
        """Pay a thousand times as much."""
        return {who: 1000.0 * reward for who, reward in super().pay(agent, action).items()}


class NanReward(Plain):
    """Rewards that are no numbers."""

    def pay(self, agent: str, action: int) -> dict[str, float]:
        """Pay NaN at the end."""
        return (
            dict.fromkeys("ab", math.nan)
            if self.is_odd and self.is_last
            else super().pay(agent, action)
        )


class NoMove(Plain):
    """`b` is once on move and may do nothing, as in Othello without a move to pass."""

    def mask(self, agent: str) -> npt.NDArray[np.int8]:
        """Allow nothing on ply 3."""
        legal = super().mask(agent)
        return legal * 0 if self.is_odd and agent == "b" and self.ply == 3 else legal


class Raises(Plain):
    """A simulator that breaks down."""

    def end(self) -> None:
        """Raise on ply 3."""
        if self.is_odd and self.ply == 3:
            raise ConnectionError("the simulator lost its connection")
        super().end()


class DifferentSpaces(Plain):
    """`b` sees more than `a`."""

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return two more entries for `b`."""
        space = super().observation_space(agent)
        size = SEEN + 2 * (agent == "b")
        return spaces.Dict(
            {**space.spaces, "observation": spaces.Box(0.0, 1.0, (size,), np.float32)}
        )

    def observe(self, agent: str) -> Observation:
        """Return two zeros more for `b`."""
        seen = super().observe(agent)
        return {**seen, "observation": np.pad(seen["observation"], (0, 2 * (agent == "b")))}


class NoPossibleAgents(Plain):
    """Agents that are known only once a game has begun."""

    def __init__(self) -> None:
        super().__init__()
        del self.possible_agents

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Name the agents only now."""
        self.possible_agents = ["a", "b"]
        super().reset(seed, options)


class WrongShape(Plain):
    """An observation that is not what its space says."""

    def observe(self, agent: str) -> Observation:
        """Return one entry too many."""
        seen = super().observe(agent)
        return {**seen, "observation": np.pad(seen["observation"], (0, 1))}


class Truncated(Plain):
    """A game that is cut off, and pays 1 for every action 1.

    Args:
        dead_mask: What the mask of an agent shows that is not on move, or whose game is over.
    """

    def __init__(self, dead_mask: int) -> None:
        super().__init__()
        self.dead_mask = dead_mask

    def mask(self, agent: str) -> npt.NDArray[np.int8]:
        """Show what means nothing to an agent that is not on move."""
        if agent == self.agent_selection and not self.is_last:
            return super().mask(agent)
        return np.full(len(LEGAL), self.dead_mask, np.int8)

    def pay(self, agent: str, action: int) -> dict[str, float]:
        """Pay the mover."""
        return {**dict.fromkeys("ab", 0.0), agent: float(action)}

    def end(self) -> None:
        """Cut the game off instead of ending it."""
        if self.is_last:
            self.truncations = dict.fromkeys(self.agents, True)


class Seeded(Plain):
    """A game that notes its seeds in a file, a line each: the environment's name and the seed.

    Args:
        log: The file.
    """

    def __init__(self, log: str) -> None:
        super().__init__()
        self.log, self.name = Path(log), uuid.uuid4().hex

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Note the seed."""
        with self.log.open("a") as file:
            file.write(f"{self.name} {seed}\n")
        super().reset(seed, options)


class OnlyOnce(Plain):
    """A simulator with one licence, which nobody gives back.

    Args:
        licence: The file that stands for it.
    """

    def __init__(self, licence: str) -> None:
        super().__init__()
        Path(licence).touch(exist_ok=False)


KINDS: dict[str, type[Plain]] = {
    "plain": Plain,
    "early": Early,
    "big": Big,
    "nan": NanReward,
    "no move": NoMove,
    "raises": Raises,
    "different spaces": DifferentSpaces,
    "no possible agents": NoPossibleAgents,
    "wrong shape": WrongShape,
    "truncated": Truncated,
    "seeded": Seeded,
    "only once": OnlyOnce,
}


def env(kind: str, **settings: Any) -> Plain:
    """Make an environment of a kind; the settings are those of its class."""
    return KINDS[kind](**settings)
