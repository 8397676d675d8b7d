"""Games of one's own by their reference, each enumerated once in a process.

A reference is `module:Class`, `path/to/file.py:Class`, or `openspiel:` and what OpenSpiel calls a
game. Loading one runs the code of that module.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ttt_envs.own_game import FUNCTIONS, explore
from ttt_envs.table_game import OwnGameError, TableGame, table_game

__all__ = ["OPENSPIEL", "load_own_game", "use_own_game"]

OPENSPIEL = "openspiel"

_LOADED: dict[str, TableGame] = {}
"""The games of this process by their references: making one takes up to a minute."""


def load_own_game(reference: str) -> TableGame:
    """Return a game.

    Args:
        reference: Such as "my_module:Nim", "examples/nim.py:Nim" or "openspiel:tic_tac_toe"; a path
            is relative to the working directory.

    Raises:
        OwnGameError: If there is no such game, or something is wrong with it; the sentence begins
            with the reference.
    """
    if reference not in _LOADED:
        try:
            _LOADED[reference] = _make(reference)
        except OwnGameError as error:
            raise OwnGameError(f"{reference}: {error}") from error.__cause__
    return _LOADED[reference]


def use_own_game(game: TableGame) -> None:
    """Let this process find a game by its reference without its module."""
    _LOADED[game.reference] = game


def _make(reference: str) -> TableGame:
    place, colon, name = reference.rpartition(":")
    if reference.partition(":")[0] == OPENSPIEL:
        from ttt_envs.openspiel import openspiel_game

        return openspiel_game(reference, reference.partition(":")[2])
    if not colon or not place or not name.isidentifier():
        raise OwnGameError(
            "no reference of a game; write module:Class, path/to/file.py:Class or openspiel:name"
        )
    made = getattr(_module(place), name, None)
    if not isclass(made):
        raise OwnGameError(f"there is no class {name} in {place}")
    missing = [one for one in FUNCTIONS if not callable(getattr(made, one, None))]
    if missing:
        raise OwnGameError(
            f"{name} has no function {missing[0]}; a game has {', '.join(FUNCTIONS)}"
        )
    return table_game(explore(_instance(made)), reference, getattr(made, "title", name))


def _instance(made: Any) -> Any:
    try:
        return made()
    except Exception as error:
        # An author's constructor may raise anything.
        raise OwnGameError(f"cannot be made: {type(error).__name__}: {error}") from error


def _module(place: str) -> ModuleType:
    try:
        return _module_of_file(Path(place)) if place.endswith(".py") else import_module(place)
    except OwnGameError:
        raise
    except Exception as error:
        # A foreign module may raise anything while it is imported.
        raise OwnGameError(
            f"{place} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise OwnGameError(f"there is no file {path} in the working directory")
    # The name is no valid one for `import`, so that it hides no other module.
    name = f"own game {path}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OwnGameError(f"{path} is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
