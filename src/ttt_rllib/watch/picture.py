"""Draws the picture of an agent at an evaluation, in the trial's process, within milliseconds.

Nothing is searched or played here: everything is looked up in the table or the walks that the
evaluation has made anyway.
Shapes: `P` positions, `A` actions, `K` openings; a board alone is a batch `[1]`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.game import Game
from ttt_rllib.analysis.openings import OPENING_PLIES, openings
from ttt_rllib.evaluation.in_training import Evaluated
from ttt_rllib.exact.losing_games import find_losing_games
from ttt_rllib.exact.reached import ReachedSet
from ttt_rllib.exact.solved_game import SolvedGame, solve_or_raise
from ttt_rllib.exact.tables import Table
from ttt_rllib.exact.walks import Walks
from ttt_rllib.runs.live_json import LosingGame, Opening, Picture, write_picture

__all__ = ["MAX_LOSING_GAMES", "MAX_OPENINGS", "picture_of", "picture_writer"]

MAX_OPENINGS = 16
"""Those of tic-tac-toe: the empty board, three first moves and twelve replies."""
MAX_LOSING_GAMES = 6
LOOKED_AT = 60
"""Games of a seat among which different mistakes are looked for."""


def picture_of(evaluated: Evaluated) -> Picture:
    """Return what an evaluation tells about the openings and the games that the agent loses."""
    nash_conv = evaluated.report.nash_conv_greedy
    games: tuple[LosingGame, ...]
    count: int | None
    if evaluated.solved is not None and evaluated.table is not None:
        solved, table = evaluated.solved, evaluated.table
        first = _table_openings(solved, table)
        games, count = _table_losing_games(solved, table) if nash_conv else ((), 0)
    elif evaluated.walks is not None:
        first = _walk_openings(evaluated.walks)
        games, count = _walk_losing_games(evaluated.walks)
    else:
        first, games, count = (), (), None
    return Picture(evaluated.moves, nash_conv, first, games, count)


def picture_writer(folder: Path, trial: str) -> Callable[[Evaluated], None]:
    """Return what writes a trial's picture after each evaluation while somebody asks for it.

    Args:
        folder: The run's live folder; where it is missing, nobody asks.
        trial: The name of the trial's folder.
    """

    def write(evaluated: Evaluated) -> None:
        if folder.is_dir():
            # A full disk or a folder that was just removed costs a picture, not the training.
            with suppress(OSError):
                write_picture(folder, trial, picture_of(evaluated))

    return write


class _FirstRows(NamedTuple):
    """The openings of a solved game.

    Attributes:
        moves: The moves that lead to each.
        rows: `[K]` their rows in the table.
    """

    moves: tuple[tuple[int, ...], ...]
    rows: npt.NDArray[np.intp]


@lru_cache(maxsize=8)
def _first_rows(game: Game) -> _FirstRows:
    records = openings(game, OPENING_PLIES)
    plies = OPENING_PLIES
    while plies and len(records) > MAX_OPENINGS:
        plies -= 1
        records = openings(game, plies)
    positions = solve_or_raise(game).positions
    rows = np.concatenate([positions.find(record.board) for record in records])
    return _FirstRows(tuple(record.moves for record in records), rows)


def _table_openings(solved: SolvedGame, table: Table) -> tuple[Opening, ...]:
    moves, rows = _first_rows(solved.positions.game)
    likely = np.where(solved.positions.legal[rows], table[rows], -1.0)
    actions = likely.argmax(axis=1)
    shares = likely.max(axis=1)
    keeps = solved.solution.optimal[rows, actions]
    columns = (column.tolist() for column in (actions, shares, keeps))
    return tuple(Opening(*one) for one in zip(moves, *columns, strict=True))


def _table_losing_games(solved: SolvedGame, table: Table) -> tuple[tuple[LosingGame, ...], int]:
    best = np.where(solved.positions.legal, table, -1.0).argmax(axis=1)
    games, count = [], 0
    for found in find_losing_games(solved, best):
        count += found.count
        seen = set()
        for line in islice(found.shortest(), LOOKED_AT):
            mistake = found.mistake(line)
            row = None if mistake is None else mistake[1]
            if row not in seen:
                seen.add(row)
                ply = None if mistake is None else mistake[0]
                games.append(LosingGame(line.seat, line.moves, line.result, ply))
    return _shortest(games), count


def _walk_losing_games(walks: Walks) -> tuple[tuple[LosingGame, ...], int | None]:
    games = [
        LosingGame(
            "x" if refutations.reached.agent_is_x else "o", line.moves, line.result, mistake=None
        )
        for refutations in walks.refutations
        for line in islice(refutations.shortest(), MAX_LOSING_GAMES)
    ]
    is_all = walks.is_complete
    return _shortest(games), sum(one.games for one in walks.refutations) if is_all else None


def _shortest(games: list[LosingGame]) -> tuple[LosingGame, ...]:
    games.sort(key=lambda game: (len(game.moves), game.seat, game.moves))
    return tuple(games[:MAX_LOSING_GAMES])


def _walk_openings(walks: Walks) -> tuple[Opening, ...]:
    """Return the agent's first move as X, and its replies as O to all first moves."""
    found = []
    for record in openings(walks.as_x.game, 1):
        reached = walks.as_o if record.moves else walks.as_x
        action = _action(reached, record.moves)
        if action is not None:
            found.append(Opening(record.moves, action, probability=None, keeps=None))
    return tuple(found[:MAX_OPENINGS])


def _action(reached: ReachedSet, moves: tuple[int, ...]) -> int | None:
    """Return the agent's move after none or one of the opponent's; None where the walk ended."""
    if len(reached.layers) <= len(moves):
        return None
    # The first layer holds the empty board alone.
    row = int(reached.layers[0].children[0, moves[0]]) if moves else 0
    layer = reached.layers[len(moves)]
    place = int(np.searchsorted(layer.expanded, row))
    is_there = place < len(layer.actions) and layer.expanded[place] == row
    return int(layer.actions[place]) if is_there else None
