"""PettingZoo environments by name: making them, and checking what they show.

This module must not know ray. Every reason why an environment cannot be trained on is an
`InputError` with one line.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from gymnasium import spaces
from pettingzoo import AECEnv

from ttt_envs.game import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.errors import EnvironmentFailedError, InputError, did_you_mean, error_words

__all__ = [
    "ACTION_MASK",
    "CLASSIC_GAMES",
    "OBSERVATION",
    "check_env",
    "env_failed",
    "make_env",
    "no_legal_action",
]

CLASSIC = "pettingzoo.classic"
CLASSIC_GAMES = {
    "pettingzoo.classic.tictactoe.tictactoe": TIC_TAC_TOE,
    "pettingzoo.classic.connect_four.connect_four": CONNECT_FOUR,
}
"""PettingZoo modules that play a game whose rules are known here, too."""

OBSERVATION, ACTION_MASK = "observation", "action_mask"


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


def no_legal_action(name: str, agent: str) -> InputError:
    """Return the error of an agent that is on move and may do nothing."""
    return InputError(
        f"env.pettingzoo: {name}: {agent} is on move, and its {ACTION_MASK} allows no action; give "
        "it an action that passes, or end its game"
    )


def env_failed(name: str, error: Exception) -> EnvironmentFailedError:
    """Return the error of an environment that raised another one."""
    return EnvironmentFailedError(f"env.pettingzoo: {name} failed: {error_words(error)}")


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
