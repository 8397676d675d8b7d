"""Every position of a small game, as an indexed table.

The table makes exact evaluation cheap: a policy becomes an array `[P, A]`, and a
game-theoretic quantity takes one sweep over the plies, from the last to the first.
Shapes: `P` positions, `D` decision positions, `A` actions, `N` queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, Mask
from ttt_envs.game import Game

__all__ = ["MAX_POSITIONS", "Positions", "TooManyPositionsError", "enumerate_positions"]

MAX_POSITIONS = 1_000_000
"""By default, games with more positions are not enumerated; with 16 actions these take 0.1 GB."""

NO_CHILD = -1
KEY_SHIFT = np.uint64(32)


class TooManyPositionsError(ValueError):
    """The game has more positions than may be enumerated."""


@dataclass(frozen=True)
class Positions:
    """All positions reachable from the empty board, sorted by ply; row 0 is empty.

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
        wanted = _keys(boards)
        order = self._order
        rank = np.searchsorted(self._sorted_keys, wanted).clip(max=len(self) - 1)
        rows = order[rank]
        if not np.array_equal(_keys(self.boards[rows]), wanted):
            missing = int(np.flatnonzero(_keys(self.boards[rows]) != wanted)[0])
            raise KeyError(
                f"no game reaches mover={int(boards.mover[missing]):#x} "
                f"opponent={int(boards.opponent[missing]):#x}"
            )
        return rows

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(_keys(self.boards))

    @cached_property
    def _sorted_keys(self) -> Bits:
        return _keys(self.boards)[self._order]


@lru_cache(maxsize=8)
def enumerate_positions(game: Game, max_positions: int = MAX_POSITIONS) -> Positions:
    """Enumerate the positions that can be reached from the empty board, ply by ply.

    Args:
        game: The rules; at most 32 squares.
        max_positions: The greatest number of positions to enumerate.

    Raises:
        TooManyPositionsError: If the game has more positions, or more than 32 squares.
    """
    if game.num_squares > int(KEY_SHIFT):
        raise TooManyPositionsError(
            f"a {game.rows} x {game.cols} board has {game.num_squares} squares; "
            f"exact evaluation takes at most {int(KEY_SHIFT)}"
        )
    layers, children, starts = [Boards.empty(game, 1)], [], [0, 1]
    lost, terminal = [np.zeros(1, np.bool_)], [np.zeros(1, np.bool_)]
    while True:
        below, is_lost, is_terminal, child = _expand(layers[-1], terminal[-1], starts[-1])
        children.append(child)
        if not len(below):
            break
        layers.append(below)
        lost.append(is_lost)
        terminal.append(is_terminal)
        starts.append(starts[-1] + len(below))
        if starts[-1] > max_positions:
            raise TooManyPositionsError(
                f"a {game.rows} x {game.cols} board with lines of {game.connect} has more than "
                f"{max_positions:,} positions ({starts[-1]:,} within {len(starts) - 2} plies)"
            )
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


def _expand(
    layer: Boards, terminal: Mask, first_child: int
) -> tuple[Boards, Mask, Mask, npt.NDArray[np.int32]]:
    """Play every legal action in every position of one ply and merge equal positions."""
    legal = layer.legal_mask() & ~terminal[:, None]
    parent, action = np.nonzero(legal)
    after, won, done = layer[parent].step(action)
    _, first, inverse = np.unique(_keys(after), return_index=True, return_inverse=True)
    children = np.full(legal.shape, NO_CHILD, np.int32)
    children[parent, action] = first_child + inverse
    return after[first], won[first], done[first], children


def _keys(boards: Boards) -> Bits:
    return boards.mover | (boards.opponent << KEY_SHIFT)
