"""A run's copy of a game of one's own: its table, without the code that it was made from.

Trials play from it, so that the nodes of a cluster need not have the game's module.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.own_game_loading import use_own_game
from ttt_envs.rules_table import RulesTable
from ttt_envs.table_game import TableGame
from ttt_rllib.config.env import OwnGameEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.files import REMEDY

__all__ = ["GAME_FILE", "check_game", "copy_game", "use_game"]

GAME_FILE = "game.npz"
ARRAYS = ("children", "lost", "planes", "ply")
WORDS = "words"


def copy_game(experiment: Experiment, folder: Path) -> None:
    """Write the copy, if the game is one's own.

    Args:
        experiment: The experiment.
        folder: The run directory.

    Raises:
        InputError: If there is no such game.
        OSError: If the copy cannot be written.
    """
    game = _own_game(experiment)
    if game is None:
        return
    words = json.dumps({"label": game.label, "names": game.names, "reference": game.reference})
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(game.rules, name) for name in ARRAYS}
    arrays[WORDS] = np.array(words)
    np.savez_compressed(folder / GAME_FILE, **arrays)  # type: ignore[arg-type]  # numpy's stub


def use_game(folder: Path) -> None:
    """Let this process play the copy of a run directory, if there is one."""
    if (folder / GAME_FILE).is_file():
        use_own_game(_read(folder / GAME_FILE))


def check_game(experiment: Experiment, folder: Path) -> None:
    """Refuse to resume a run whose game has been edited.

    Args:
        experiment: The run's experiment.
        folder: The run directory.

    Raises:
        InputError: If it has, or if the copy is damaged.
    """
    game = _own_game(experiment)
    if game is not None and game != _read(folder / GAME_FILE):
        raise InputError(
            f"{folder / GAME_FILE}: {game.reference} is another game by now; undo the change, or "
            "start a new run"
        )


def _own_game(experiment: Experiment) -> TableGame | None:
    if not isinstance(experiment.env, OwnGameEnv):
        return None
    game = experiment.env.game
    assert isinstance(game, TableGame)  # noqa: S101 - for the type checker
    return game


def _read(path: Path) -> TableGame:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            rules = RulesTable(**{name: arrays[name] for name in ARRAYS})
            words = json.loads(str(arrays[WORDS]))
        names = tuple(words.pop("names"))
        return TableGame(rules=rules, names=names, drawer=None, **words)
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not readable: {error}; {REMEDY}") from None
