"""Every position of a small game, as an indexed table.

The table makes exact evaluation cheap: a policy becomes an array `[P, A]`, and a
game-theoretic quantity takes one sweep over the plies, from the last to the first.
Shapes: `P` positions, `D` decision positions, `A` actions, `N` queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, Mask, has_line
from ttt_envs.game import Game
from ttt_envs.keys import HALF, boards_of_keys, position_keys
from ttt_envs.position_count import MAX_COUNTED_SQUARES, position_counts
from ttt_envs.rules_table import NO_CHILD, RulesTable

__all__ = [
    "MAX_ENUMERATED_SQUARES",
    "MAX_POSITIONS",
    "Positions",
    "TooManyPositionsError",
    "enumerate_positions",
    "too_many_positions",
]

MAX_POSITIONS = 4_000_000
"""By default, games with more positions are not enumerated; with 15 actions these take 0.3 GB."""

MAX_ENUMERATED_SQUARES = HALF
"""Larger boards have no keys, or with gravity nearly always too many positions."""


class TooManyPositionsError(ValueError):
    """The game has more positions than may be enumerated."""


@dataclass(frozen=True)
class Positions:
    """All positions reachable from the empty board, sorted by ply; row 0 is empty.

    In a game whose rules are a table, a position that can come after different numbers of plies is
    sorted by the greatest: every child has a later ply than its parent, not always the next one.

    Attributes:
        boards: `[P]` the positions, seen by the mover.
        children: `[P, A]` int32, row of the position after an action, -1 where the
            action is illegal or the game is over.
        lost: `[P]` bool, the opponent has just completed a line.
        terminal: `[P]` bool, the game is over: lost for the mover, or drawn.
        starts: `[plies + 1]` first row of every ply, and `P` at the end.
    """

    boards: Boards
    children: npt.NDArray[np.int32]
    lost: Mask
    terminal: Mask
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.boards)

    @property
    def game(self) -> Game:
        """The rules."""
        return self.boards.game

    @cached_property
    def decisions(self) -> npt.NDArray[np.intp]:
        """`[D]` rows of the positions in which a player has to move."""
        return np.flatnonzero(~self.terminal)

    @cached_property
    def legal(self) -> Mask:
        """`[P, A]` bool, True where legal; all False where the game is over."""
        return self.children != NO_CHILD

    @cached_property
    def x_to_move(self) -> Mask:
        """`[P]` bool, the mover has the first seat."""
        return self.boards.ply % 2 == 0

    def plies(self) -> Iterator[slice]:
        """Yield the rows of each ply, starting at the empty board."""
        return (slice(*bounds) for bounds in zip(self.starts, self.starts[1:], strict=False))

    def find(self, boards: Boards) -> npt.NDArray[np.intp]:
        """Return the rows of the given positions.

        Args:
            boards: `[N]` positions of the same game.

        Raises:
            KeyError: If a position cannot be reached from the empty board.
        """
        wanted = position_keys(boards)
        order = self._order
        rank = np.searchsorted(self._sorted_keys, wanted).clip(max=len(self) - 1)
        rows = order[rank]
        if not np.array_equal(position_keys(self.boards[rows]), wanted):
            missing = int(np.flatnonzero(position_keys(self.boards[rows]) != wanted)[0])
            raise KeyError(
                f"no game reaches mover={int(boards.mover[missing]):#x} "
                f"opponent={int(boards.opponent[missing]):#x}"
            )
        return rows

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(position_keys(self.boards))

    @cached_property
    def _sorted_keys(self) -> Bits:
        return position_keys(self.boards)[self._order]


@lru_cache(maxsize=64)
def too_many_positions(game: Game) -> str | None:
    """Return a clause that says why a game cannot be enumerated; None if it can be.

    Without gravity the positions are only counted, which takes milliseconds. They are enumerated
    with gravity, and on boards of more than `MAX_COUNTED_SQUARES` squares whose lower bounds do not
    decide; this takes seconds where they are nearly too many.
    """
    try:
        _check_size(game, MAX_POSITIONS)
        if game.gravity or game.num_squares > MAX_COUNTED_SQUARES:
            enumerate_positions(game)
    except TooManyPositionsError as error:
        return str(error)
    return None


@lru_cache(maxsize=8)
def enumerate_positions(game: Game, max_positions: int = MAX_POSITIONS) -> Positions:
    """Enumerate the positions that can be reached from the empty board, ply by ply.

    Args:
        game: The rules; at most 32 squares.
        max_positions: The greatest number of positions to enumerate.

    Raises:
        TooManyPositionsError: If the game has more positions, or more than 32 squares.
    """
    if game.table is not None:
        return _of_table(game, game.table)
    _check_size(game, max_positions)
    layers, children, starts = [Boards.empty(game, 1)], [], [0, 1]
    lost, terminal = [np.zeros(1, np.bool_)], [np.zeros(1, np.bool_)]
    while True:
        # Before the next ply is made: it may have ten times as many moves as positions are allowed.
        least = starts[-1] + _least_children(layers[-1], terminal[-1])
        if least > max_positions:
            raise _too_many(game, max_positions, least, len(layers))
        below, is_lost, is_terminal, child = _expand(layers[-1], terminal[-1], starts[-1])
        children.append(child)
        if not len(below):
            break
        layers.append(below)
        lost.append(is_lost)
        terminal.append(is_terminal)
        starts.append(starts[-1] + len(below))
    return Positions(
        boards=Boards(
            game,
            np.concatenate([layer.mover for layer in layers]),
            np.concatenate([layer.opponent for layer in layers]),
        ),
        children=np.concatenate(children),
        lost=np.concatenate(lost),
        terminal=np.concatenate(terminal),
        starts=tuple(starts),
    )


def _check_size(game: Game, max_positions: int) -> None:
    """Refuse a game whose squares, or whose counted positions, are too many.

    Raises:
        TooManyPositionsError: If they are.
    """
    if game.num_squares > MAX_ENUMERATED_SQUARES:
        raise TooManyPositionsError(
            f"a {game.rows} x {game.cols} board has {game.num_squares} squares; "
            f"exact evaluation takes at most {MAX_ENUMERATED_SQUARES}"
        )
    for ply, least in enumerate(accumulate(position_counts(game) or ())):
        if least > max_positions:
            raise _too_many(game, max_positions, least, ply)


def _too_many(game: Game, max_positions: int, least: int, plies: int) -> TooManyPositionsError:
    return TooManyPositionsError(
        f"a {game.rows} x {game.cols} board with lines of {game.connect} has more than "
        f"{max_positions:,} positions (at least {least:,} within {plies} plies)"
    )


def _of_table(game: Game, table: RulesTable) -> Positions:
    """Return the positions of a game that was enumerated before."""
    rows = np.arange(len(table.children), dtype=np.uint64)
    return Positions(
        boards=Boards(game, rows, np.zeros_like(rows)),
        children=table.children,
        lost=table.lost,
        terminal=table.legal_bits == 0,
        starts=table.starts,
    )


def _least_children(layer: Boards, terminal: Mask) -> int:
    """Return a number of positions that the next ply has at least."""
    moves = int(np.bitwise_count(layer.legal_bits()[~terminal]).sum(dtype=np.int64))
    # Only a stone of the player who has just moved can have been the last one, so a position has at
    # most that many parents.
    parents = int(layer.ply[0]) // 2 + 1
    return -(-moves // parents)


def _expand(
    layer: Boards, terminal: Mask, first_child: int
) -> tuple[Boards, Mask, Mask, npt.NDArray[np.int32]]:
    """Play every legal action in every position of one ply and merge equal positions."""
    legal = layer.legal_mask() & ~terminal[:, None]
    parent, action = np.nonzero(legal)
    # Positions are merged before lines are checked, which halves the time: many moves lead to the
    # same position.
    keys, rows = np.unique(position_keys(layer[parent].place(action)), return_inverse=True)
    children = np.full(legal.shape, NO_CHILD, np.int32)
    children[parent, action] = first_child + rows
    below = boards_of_keys(layer.game, keys)
    lost = has_line(layer.game, below.opponent)
    return below, lost, lost | (below.legal_bits() == 0), children
