"""PettingZoo environments by name: making them, checking them, and which `Game` they play.

This module must not know ray. Every reason why an environment cannot be trained on is an
`InputError` with one line. What an environment's spaces do not tell is found out in a few
random games.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv

from ttt_envs.boards import Boards
from ttt_envs.game import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.errors import EnvironmentFailedError, InputError, did_you_mean, error_words

__all__ = [
    "ACTION_MASK",
    "CLASSIC_GAMES",
    "OBSERVATION",
    "Traits",
    "check_env",
    "check_policies",
    "env_failed",
    "env_traits",
    "make_env",
    "no_legal_action",
    "traits_of",
]

SEATS = 2
CLASSIC = "pettingzoo.classic"
CLASSIC_GAMES = {
    "pettingzoo.classic.tictactoe.tictactoe": TIC_TAC_TOE,
    "pettingzoo.classic.connect_four.connect_four": CONNECT_FOUR,
}
"""PettingZoo modules that play a game whose rules are known here, too."""

OBSERVATION, ACTION_MASK = "observation", "action_mask"

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


def make_env(name: str, kwargs: Mapping[str, Any] | None = None) -> AECEnv[str, Any, Any]:
    """Make an environment and check that it can be trained on.

    Args:
        name: A module of `pettingzoo.classic`, or the dotted path of any module, that has
            a function `env`.
        kwargs: Its arguments.

    Raises:
        InputError: If there is no such environment or `check_env` refuses it.
    """
    module = _import(name)
    factory = getattr(module, "env", None)
    if not callable(factory):
        raise InputError(f"env.pettingzoo: the module {module.__name__} has no function env()")
    try:
        env = factory(**(kwargs or {}))
    except Exception as error:
        # A foreign constructor may raise anything.
        raise InputError(
            f"env: {name} cannot be made with {dict(kwargs or {})}: {error_words(error)}"
        ) from error
    check_env(env, name)
    return env


def check_env(env: Any, name: str) -> None:
    """Check that an environment shows boards and masks that a masked network can read.

    Raises:
        InputError: If it is no AEC environment, or an agent has another observation than
            `{"observation": Box, "action_mask": [A]}` or no discrete actions 0 to A - 1.
    """
    if not isinstance(env, AECEnv):
        raise InputError(f"env.pettingzoo: {name} is no AEC environment but a {type(env).__name__}")
    if not getattr(env, "possible_agents", None):
        raise InputError(
            f"env.pettingzoo: {name} cannot be trained on: it has no possible_agents; it must list "
            "them before its first game"
        )
    for agent in env.possible_agents:
        problem = _problem(env.observation_space(agent), env.action_space(agent))
        if problem:
            raise InputError(f"env.pettingzoo: {name} cannot be trained on: {agent} has {problem}")


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


def no_legal_action(name: str, agent: str) -> InputError:
    """Return the error of an agent that is on move and may do nothing."""
    return InputError(
        f"env.pettingzoo: {name}: {agent} is on move, and its {ACTION_MASK} allows no action; give "
        "it an action that passes, or end its game"
    )


def env_failed(name: str, error: Exception) -> EnvironmentFailedError:
    """Return the error of an environment that raised another one."""
    return EnvironmentFailedError(f"env.pettingzoo: {name} failed: {error_words(error)}")


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


def _problem(observation: spaces.Space[Any], action: spaces.Space[Any]) -> str | None:
    """Return what is wrong with the spaces of an agent, None if nothing is."""
    if not isinstance(action, spaces.Discrete) or action.start != 0:
        return f"the action space {action}; it must be Discrete, from 0"
    if not isinstance(observation, spaces.Dict) or ACTION_MASK not in observation.spaces:
        return f'no "{ACTION_MASK}" in its observation space {observation}'
    if not isinstance(observation.spaces.get(OBSERVATION), spaces.Box):
        return f'no Box "{OBSERVATION}" in its observation space {observation}'
    if observation[ACTION_MASK].shape != (action.n,):
        shape = observation[ACTION_MASK].shape
        return f"a mask of shape {shape} for {action.n} actions; they must be equally many"
    return None


def _import(name: str) -> ModuleType:
    path = name
    if "." not in name and (name in _classic_names() or find_spec(name) is None):
        path = f"{CLASSIC}.{name}"
    try:
        with warnings.catch_warnings():
            # PettingZoo warns that a registry will replace its modules.
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module(path)
    except ModuleNotFoundError as error:
        if error.name and f"{path}.".startswith(f"{error.name}."):
            known = [] if "." in name else _classic_names()
            raise InputError(
                f"env.pettingzoo: there is no module {path!r}{did_you_mean(name, known)}"
            ) from error
        extra = "; pip install pygame" if error.name == "pygame" else ""
        raise InputError(
            f"env.pettingzoo: {name} needs the package {error.name}, which is not installed{extra}"
        ) from error
    except ImportError as error:
        raise InputError(
            f"env.pettingzoo: {name} cannot be imported: {error_words(error)}"
        ) from error


def _classic_names() -> list[str]:
    spec = find_spec(CLASSIC)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        return []
    return sorted(path.stem for path in Path(folders[0]).glob("*_v*.py"))
