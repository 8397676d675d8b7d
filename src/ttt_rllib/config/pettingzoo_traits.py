"""What an environment's spaces do not tell, found out in a few random games: its traits.

This module must not know ray.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.config.pettingzoo_envs import (
    ACTION_MASK,
    CLASSIC_GAMES,
    OBSERVATION,
    make_env,
    no_legal_action,
)
from ttt_rllib.errors import InputError, error_words

__all__ = ["Traits", "check_policies", "env_traits", "traits_of"]

SEATS = 2

REHEARSALS = 50
"""Random games with which an environment is checked. A difference that shows in one of 20 games
escapes all of them once in 13 times, one that shows in one of 5 once in 70,000 times."""
REHEARSAL_S = 2.0
"""Most seconds for them; at least one game is played, or the beginning of one."""
REHEARSAL_PLIES = 10_000


@dataclass(frozen=True)
class Traits:
    """What is known of an environment before it is trained on.

    Attributes:
        game: The rules; None if they are not known here.
        agents: Its possible agents.
        same_spaces: Whether all agents have the same spaces, so that they can share a network.
        is_zero_sum: Whether there are two agents whose returns were opposite in all random games;
            False if no game came to its end.
        greatest_return: The greatest magnitude of an agent's return in the random games.
    """

    game: Game | None
    agents: tuple[str, ...]
    same_spaces: bool
    is_zero_sum: bool
    greatest_return: float


@dataclass(frozen=True)
class _Turn:
    """What an agent sees when it is on move, or leaves the game, and the action it plays.

    Attributes:
        agent: The agent.
        observation: Its observation, with its mask.
        reward: Its reward since its last turn.
        is_over: Whether its game is over.
        action: What it plays; None if its game is over.
    """

    agent: str
    observation: Any
    reward: float
    is_over: bool
    action: int | None


def env_traits(name: str, kwargs: Mapping[str, Any] | None = None) -> Traits:
    """Make an environment, play random games in it, and return what they show.

    Raises:
        InputError: If it cannot be made or trained on, or if a random game fails, never lets an
            agent move that is on move, or gives a reward that is not finite.
    """
    return _env_traits(name, json.dumps(dict(kwargs or {}), sort_keys=True))


@cache
def _env_traits(name: str, kwargs: str) -> Traits:
    env = make_env(name, json.loads(kwargs))
    try:
        return traits_of(env, name)
    finally:
        env.close()


def traits_of(env: AECEnv[str, Any, Any], name: str) -> Traits:
    """Play random games in an environment that has passed `check_env`; return what they show.

    Raises:
        InputError: As `env_traits`.
    """
    agents = tuple(env.possible_agents)
    pairs = [(env.observation_space(agent), env.action_space(agent)) for agent in agents]
    game, returns = _claimed_game(env), []
    for turns in _rehearsals(env, name):
        returns.append(_returns(turns, name))
        if game is not None and not _is_played(game, turns, agents):
            game = None
    return Traits(
        game=game if returns else None,
        agents=agents,
        same_spaces=all(pair == pairs[0] for pair in pairs),
        is_zero_sum=len(agents) == SEATS
        and bool(returns)
        and all(math.isclose(sum(one.values()), 0.0, abs_tol=1e-9) for one in returns),
        greatest_return=max((abs(r) for one in returns for r in one.values()), default=0.0),
    )


def check_policies(traits: Traits, policies: str) -> None:
    """Refuse one network for agents that see or do different things.

    Raises:
        InputError: If `policies` is "shared" and the agents have different spaces.
    """
    if policies == "shared" and not traits.same_spaces:
        raise InputError(
            "multi_agent.policies: the agents of this environment have different spaces, "
            "so they cannot share a policy; set it to separate"
        )


def _claimed_game(env: AECEnv[str, Any, Any]) -> Game | None:
    """Return the game that an environment plays if nothing around it changes the game.

    A wrapper or a house rule may change who moves, what they see, what they may do or what they
    get. Then it is not the known game: its agent would see other boards than the agent that is
    evaluated. Random games beside our own rules tell.
    """
    unwrapped = env.unwrapped
    game = CLASSIC_GAMES.get(type(unwrapped).__module__, getattr(unwrapped, "game", None))
    return game if isinstance(game, Game) and len(env.possible_agents) == SEATS else None


def _rehearsals(env: AECEnv[str, Any, Any], name: str) -> Iterator[list[_Turn]]:
    """Play random games from the beginning, as long as there is time.

    Yields:
        All turns of a game; a game that is not over after `REHEARSAL_PLIES` is left out.

    Raises:
        InputError: If the environment raises, or an agent on move has no legal action.
    """
    deadline_s = time.monotonic() + REHEARSAL_S
    for number in range(REHEARSALS):
        turns: list[_Turn] = []
        try:
            for turn in _random_game(env, number, name):
                turns.append(turn)
                late = time.monotonic() > deadline_s
                if len(turns) >= REHEARSAL_PLIES or (late and number):
                    return
        except InputError:
            raise
        except Exception as error:
            # A foreign environment may raise anything.
            raise InputError(
                f"env.pettingzoo: {name} fails in a game of random legal moves: "
                f"{error_words(error)}"
            ) from error
        yield turns
        if time.monotonic() > deadline_s:
            return


def _random_game(env: AECEnv[str, Any, Any], seed: int, name: str) -> Iterator[_Turn]:
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    while env.agents:
        agent = env.agent_selection
        observation, reward, terminated, truncated, _ = env.last()
        is_over = bool(terminated or truncated)
        action = None
        _check_shapes(name, agent, observation, env.observation_space(agent))
        if not is_over:
            legal = np.flatnonzero(np.asarray(observation[ACTION_MASK]))
            if not len(legal):
                raise no_legal_action(name, agent)
            action = int(rng.choice(legal))
        yield _Turn(agent, observation, float(reward), is_over, action)
        env.step(action)


def _check_shapes(name: str, agent: str, observation: Any, space: spaces.Space[Any]) -> None:
    """Refuse an observation that has another shape than its space.

    Raises:
        InputError: If the board or the mask does; no network could read it.
    """
    assert isinstance(space, spaces.Dict)  # noqa: S101 - `check_env` ensures it
    for part in (OBSERVATION, ACTION_MASK):
        shape, expected = np.shape(observation[part]), space[part].shape
        if shape != expected:
            raise InputError(
                f"env.pettingzoo: {name}: the {part} of {agent} has the shape {shape}, but that of "
                f"its space is {expected}"
            )


def _returns(turns: list[_Turn], name: str) -> dict[str, float]:
    """Return what each agent got in a game.

    Raises:
        InputError: If a reward is not finite.
    """
    returns: dict[str, float] = {}
    for turn in turns:
        if not math.isfinite(turn.reward):
            raise InputError(
                f"env.pettingzoo: {name}: the reward of {turn.agent} is {turn.reward}; rewards "
                "must be finite numbers"
            )
        returns[turn.agent] = returns.get(turn.agent, 0.0) + turn.reward
    return returns


def _is_played(game: Game, turns: list[_Turn], agents: Sequence[str]) -> bool:
    """Tell whether a game was played by the rules of `game`, and shown as we show it."""
    boards, rewards, is_over = Boards.empty(game, 1), dict.fromkeys(agents, 0.0), False
    for turn in turns:
        if turn.is_over != is_over or turn.reward != rewards[turn.agent]:
            return False
        if is_over:
            continue
        seen = np.asarray(turn.observation[OBSERVATION])
        mask = np.asarray(turn.observation[ACTION_MASK])
        if (
            turn.agent != agents[int(boards.ply[0]) % SEATS]
            or not np.array_equal(seen, boards.observe()[0])
            or not np.array_equal(mask, boards.legal_mask()[0])
        ):
            return False
        boards, won, done = boards.step(np.array([turn.action]))
        is_over = bool(done[0])
        if won[0]:
            rewards = {agent: 1.0 if agent == turn.agent else -1.0 for agent in agents}
    return is_over
