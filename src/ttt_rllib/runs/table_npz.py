"""A run's copy of an opponent of one's own: its move probabilities, without its code.

Shapes: `P` positions of the game, `A` actions.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ttt_envs.game import Game
from ttt_rllib.agents.table_policy import TablePolicy
from ttt_rllib.errors import InputError
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import check_table

__all__ = ["TABLE_FILE", "read_table", "write_table"]

TABLE_FILE = "table.npz"
ARRAY = "table"


def write_table(policy: TablePolicy, folder: Path) -> None:
    """Write `table.npz`, and create its folder if necessary.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / TABLE_FILE, table=policy.table)


def read_table(folder: Path, game: Game) -> TablePolicy:
    """Read `table.npz`.

    Args:
        folder: Where it is.
        game: The rules, by which the rows are positions.

    Raises:
        InputError: If it is missing or damaged, or no policy of this game.
    """
    path = folder / TABLE_FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            table = arrays[ARRAY]
        check_table(solve_or_raise(game).positions, table)
    except FileNotFoundError:
        raise InputError(f"{path}: the run's copy is missing; put it there") from None
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not readable: {error}; start a new run") from None
    return TablePolicy(game, table)
