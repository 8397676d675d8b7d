"""PettingZoo's tic-tac-toe behind wrappers that people write: the same shapes, another game."""

from __future__ import annotations

from typing import Any

from pettingzoo.classic.tictactoe import tictactoe
from pettingzoo.utils import BaseWrapper

__all__ = ["WRAPPERS", "env"]

CENTRE = 4
X, O = "player_1", "player_2"  # noqa: E741 - the game's own letter


class Changed(BaseWrapper):
    """A wrapper through which `last` shows what `observe` does."""

    def last(self, observe: bool = True) -> tuple[Any, ...]:
        """Return what the agent on move sees, and what it got."""
        _, *rest = super().last(observe=False)
        return (self.observe(self.agent_selection) if observe else None, *rest)


class SwappedPlanes(Changed):
    """The opponent's stones come first."""

    def observe(self, agent: str) -> Any:
        """Swap the planes."""
        seen = super().observe(agent)
        return {**seen, "observation": seen["observation"][..., ::-1].copy()}


class AbsolutePlanes(Changed):
    """The first plane is always X's."""

    def observe(self, agent: str) -> Any:
        """Swap O's planes."""
        seen = super().observe(agent)
        return (
            {**seen, "observation": seen["observation"][..., ::-1].copy()} if agent == O else seen
        )


class OtherMask(Changed):
    """The mask of the first move forbids the centre; the rules below still allow it."""

    def observe(self, agent: str) -> Any:
        """Forbid the centre on an empty board."""
        seen = super().observe(agent)
        mask = seen["action_mask"].copy()
        if not seen["observation"].any():
            mask[CENTRE] = 0
        return {**seen, "action_mask": mask}


class HouseRule(Changed):
    """The player who takes the centre wins at once."""

    def step(self, action: int | None) -> None:
        """End the game if somebody takes the centre."""
        mover = self.agent_selection
        super().step(action)
        raw = self.unwrapped
        if action == CENTRE and not any(raw.terminations.values()):
            raw.rewards = {agent: 1 if agent == mover else -1 for agent in raw.agents}
            raw.terminations = dict.fromkeys(raw.agents, True)
            raw._accumulate_rewards()


class OtherRewards(BaseWrapper):
    """A draw is worth half a point to O."""

    def last(self, observe: bool = True) -> tuple[Any, ...]:
        """Return the changed reward of a game that ended in a draw."""
        observation, reward, terminated, *rest = super().last(observe)
        if terminated and not any(self.unwrapped.rewards.values()):
            reward = 0.5 if self.agent_selection == O else -0.5
        return (observation, reward, terminated, *rest)


WRAPPERS: dict[str, type[BaseWrapper]] = {
    "swapped planes": SwappedPlanes,
    "absolute planes": AbsolutePlanes,
    "other mask": OtherMask,
    "house rule": HouseRule,
    "other rewards": OtherRewards,
}


def env(wrapper: str) -> BaseWrapper:
    """Make tic-tac-toe behind one of `WRAPPERS`."""
    return WRAPPERS[wrapper](tictactoe.env())
