"""Which kind of agent something is; each kind has a module beside this one."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from ttt_envs.game import Game
from ttt_rllib.errors import InputError, error_words
from ttt_rllib.foreign.checked import CheckedPolicy, Foreign
from ttt_rllib.foreign.functions import function_agent, parameters_of, policy_agent
from ttt_rllib.foreign.onnx_file import ONNX_SUFFIX, onnx_agent
from ttt_rllib.foreign.openspiel import is_openspiel, openspiel_agent
from ttt_rllib.foreign.rllib_module import checkpoint_agent, is_rl_module, module_agent
from ttt_rllib.foreign.sb3 import is_sb3, sb3_agent

__all__ = ["recognise"]

KNOWN = (
    "a function of positions or of observations and masks, a model of Stable-Baselines3, a policy "
    "of OpenSpiel, an RLModule, or the path of an ONNX model or of a checkpoint of RLlib"
)


def recognise(
    agent: Any, game: Game | None = None, *, name: str = "", takes: str | None = None
) -> CheckedPolicy:
    """Return an agent of any kind as a policy whose answers are checked.

    Args:
        agent: The agent, or a function without parameters that makes it.
        game: The game; None = the one that the agent declares, else tic-tac-toe.
        name: What people call it; "" = the name of the function or the class.
        takes: What a function takes, a key of `functions.FORMS`; None = its parameters say it.

    Raises:
        InputError: If it is of no kind that is known, or if it plays another game.
    """
    name = name or _name(agent)
    if inspect.isclass(agent):
        raise InputError(f"{name}: is a class; give an object of it, or a function that makes one")
    if takes is None and inspect.isroutine(agent) and parameters_of(agent) == ():
        try:
            agent = agent()
        except Exception as error:
            # A foreign function may raise anything.
            raise InputError(f"{name}: cannot be made: {error_words(error)}") from error
    found = _found(agent, game, name, takes)
    return CheckedPolicy(name, found.kind, found.game, found.ask)


def _found(agent: Any, game: Game | None, name: str, takes: str | None) -> Foreign:
    if isinstance(agent, (str, Path)):
        path = Path(agent)
        if not path.exists():
            raise InputError(f"{name}: no such file; give an ONNX model or a checkpoint of RLlib")
        is_model = path.suffix == ONNX_SUFFIX or path.is_file()
        return (onnx_agent if is_model else checkpoint_agent)(path, game, name)
    for is_kind, make in (
        (is_sb3, sb3_agent),
        (is_rl_module, module_agent),
        (is_openspiel, openspiel_agent),
        (_is_policy, policy_agent),
    ):
        if is_kind(agent):
            return make(agent, game, name)
    if callable(agent):
        return function_agent(agent, game, name, takes)
    raise InputError(
        f"{name}: is of the type {type(agent).__name__}, which cannot be asked; give {KNOWN}"
    )


def _is_policy(agent: Any) -> bool:
    return callable(agent) and isinstance(getattr(agent, "game", None), Game)


def _name(agent: Any) -> str:
    if isinstance(agent, (str, Path)):
        return str(agent)
    return str(getattr(agent, "__name__", type(agent).__name__))
