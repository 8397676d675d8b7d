"""RLModules of RLlib; Ray and torch are imported only when one is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ttt_envs.game import Game
from ttt_rllib.errors import InputError
from ttt_rllib.foreign.checked import Foreign
from ttt_rllib.foreign.games import agreed_game
from ttt_rllib.foreign.observations import observer
from ttt_rllib.runs.bundles import find_bundle

__all__ = ["checkpoint_agent", "is_rl_module", "module_agent"]

MODULE = "ray.rllib.core.rl_module"

CONSTRUCTOR = "class_and_ctor_args.pkl"
"""The file by which RLlib makes a module again (`RLModule.CLASS_AND_CTOR_ARGS_FILE_NAME`)."""

PARTS = ("learner_group", "learner", "rl_module")
PLACES = tuple(Path(*PARTS[first:]) for first in range(len(PARTS) + 1))
"""Where the module is in the checkpoint of an algorithm, a learner group, a learner, a module."""


def is_rl_module(agent: Any) -> bool:
    """Return whether an object is an RLModule, also one of several."""
    return any(parent.__module__.startswith(MODULE) for parent in type(agent).__mro__)


def module_agent(agent: Any, wanted: Game | None, name: str) -> Foreign:
    """Return an RLModule, which is asked by `forward_inference`.

    Args:
        agent: The module.
        wanted: The game; None = tic-tac-toe.
        name: What people call the agent.

    Raises:
        InputError: If its spaces are not those of the game, or if it cannot be asked alone.
    """
    from ttt_rllib.rl.checkpoint_module import answer, only_module

    module = only_module(agent, name)
    game = agreed_game(wanted, None, name)
    show = observer(game, module.observation_space, module.action_space, name)
    kind = f"a {type(module).__name__} of RLlib"
    return Foreign(kind, game, lambda boards: answer(module, show(boards)))


def checkpoint_agent(path: Path, wanted: Game | None, name: str) -> Foreign:
    """Return the RLModule in a checkpoint.

    Args:
        path: A folder.
        wanted: The game; None = tic-tac-toe.
        name: What people call the agent.

    Raises:
        InputError: If it holds none, or an agent of this package.
    """
    _refuse_own(path, name)
    # Before Ray and torch are imported. All but a module have such a file of their own, too.
    folders = [path / place for place in PLACES if (path / place / CONSTRUCTOR).is_file()]
    if not folders:
        raise InputError(
            f"{name}: holds no RLModule; give the folder that save_to_path() of RLlib has written"
        )
    from ttt_rllib.rl.checkpoint_module import load_module

    return module_agent(load_module(folders[0], name), wanted, name)


def _refuse_own(path: Path, name: str) -> None:
    try:
        find_bundle(path)
    except ValueError:
        # It holds none of ours, which is what is expected here.
        return
    raise InputError(f"{name}: holds an agent of ttt_rllib; prove it with: ttt evaluate {name}")
