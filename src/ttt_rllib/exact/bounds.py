"""Bounds on the value of a position and of its moves, in games of any size.

Where a game is too large for a table, much can still be proved from a single position: its end,
and what threats force. The search goes forward, whole plies at a time and with equal positions
merged, until nothing is in doubt or a number of positions is reached. Then it goes backward with a
pair of bounds for each position. One in which no moves were made may be worth anything that its
empty squares and open lines allow; the bounds of all others follow from those below by minimax.
What is bounded is the *merit*, which tells both who wins and how soon, `S` squares on the board:

    merit = S + 1 - n  if the mover wins with the n-th stone on the board,
            n - S - 1  if the opponent does, and 0 if the game is drawn.

A greater merit is a sooner win or a later loss. It is the score of P. Pons, Solving Connect 4
(http://blog.gamesolver.org, part 2), counted in plies. Pairs of bounds are those of H. Berliner,
The B* tree search algorithm, Artificial Intelligence 12(1), 1979; B* searches the best move first,
and here it is whole plies, so that a win is not found before shorter ones are excluded.
Shapes: `n` positions of a ply, `e` moves made in them, `m` legal moves of the position searched.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, Mask, has_line, unpack_bits
from ttt_envs.keys import distinct
from ttt_envs.threats import safe_actions, winning_actions

__all__ = ["MAX_POSITIONS", "PositionBounds", "bound_moves", "plies_of_merit"]

MAX_POSITIONS = 10_000
"""By default, a search makes at most this many positions, which takes 5 to 20 milliseconds."""

Merits = npt.NDArray[np.int8]
Rows = npt.NDArray[np.intp]


class PositionBounds(NamedTuple):
    """What is proved about the moves of a position; all merits are those of its mover.

    Attributes:
        actions: `[m]` the legal moves, ascending.
        lower: `[m]` int8, the least merit that each may have.
        upper: `[m]` int8, the greatest one.
        positions: Positions made by the search.
    """

    actions: Rows
    lower: Merits
    upper: Merits
    positions: int

    @property
    def merit(self) -> tuple[int, int]:
        """The least and the greatest merit that the position may have."""
        return int(self.lower.max()), int(self.upper.max())


def plies_of_merit(board: Boards, merit: int) -> int:
    """Return after how many plies a position `[1]` of this merit ends under best play."""
    squares, stones = board.game.num_squares, int(board.ply[0])
    return squares - stones if merit == 0 else squares + 1 - abs(merit) - stones


def bound_moves(board: Boards, max_positions: int = MAX_POSITIONS) -> PositionBounds:
    """Bound the merits of all legal moves of a position.

    Args:
        board: A batch of one, the game not over.
        max_positions: The greatest number of positions to make; those after each of the legal
            moves are made in any case.
    """
    root = _Layer(board)
    layers = [root, root.make_moves(np.zeros(1, np.intp), board.legal_bits())]
    positions = len(layers[1].boards)
    while True:
        _bound_by_moves(layers)
        frontier = layers[-1]
        rows = np.flatnonzero(_is_in_doubt(layers))
        moves = frontier.safe[rows]
        # Before equal positions are merged: at least as many as there will be.
        num_moves = int(np.bitwise_count(moves).sum(dtype=np.int64))
        if not num_moves or positions + num_moves > max_positions:
            break
        layers.append(frontier.make_moves(rows, moves))
        positions += len(layers[-1].boards)
    actions = np.flatnonzero(board.legal_mask()[0])
    after, children = layers[1], root.children
    return PositionBounds(actions, -after.upper[children], -after.lower[children], positions)


class _Layer:
    """The positions of one ply.

    Attributes:
        boards: `[n]` positions, none twice.
        safe: `[n]` uint64, the actions after which the opponent cannot win at once. Only these are
            searched: all others lose sooner.
        lower: `[n]` int8, the least merit for the mover.
        upper: `[n]` int8, the greatest one.
        searched: Rows of the positions in which moves were made, ascending.
        parents: `[e]` rows of the positions in which the moves were made, ascending.
        children: `[e]` rows of the next layer to which they lead.
    """

    def __init__(self, boards: Boards) -> None:
        self.boards, self.safe = boards, safe_actions(boards)
        self.lower, self.upper = _bounds_at_sight(boards, self.safe != 0)
        self.searched = self.parents = self.children = np.zeros(0, np.intp)

    def make_moves(self, rows: Rows, moves: Bits) -> _Layer:
        """Make moves in some rows, ascending, and return the next layer.

        Args:
            rows: The positions.
            moves: uint64 bitboards of the actions, at least one in each position.
        """
        places, actions = np.nonzero(unpack_bits(moves, self.boards.game.num_actions))
        self.searched, self.parents = rows, rows[places]
        after, self.children = distinct(self.boards[self.parents].place(actions))
        return _Layer(after)

    def bound_by(self, below: _Layer) -> None:
        """Tighten the bounds of the positions searched: a position is worth its best move."""
        first_moves = np.searchsorted(self.parents, self.searched)
        for bounds, of_moves, tighter in (
            (self.lower, -below.upper[self.children], np.maximum),
            (self.upper, -below.lower[self.children], np.minimum),
        ):
            best = np.maximum.reduceat(of_moves, first_moves)
            bounds[self.searched] = tighter(bounds[self.searched], best)


def _bound_by_moves(layers: list[_Layer]) -> None:
    """Go backward through the plies."""
    for layer, below in reversed(list(pairwise(layers))):
        layer.bound_by(below)


def _is_in_doubt(layers: list[_Layer]) -> Mask:
    """`[n]` bool of the last ply: on which positions the merits of the first moves may depend.

    They do not on a move that cannot be better than another one of the same position.
    """
    first = layers[1]
    in_doubt = first.lower < first.upper
    for layer, below in pairwise(layers[1:]):
        best = layer.lower[layer.parents]
        may_be_better = in_doubt[layer.parents] & (-below.lower[layer.children] > best)
        in_doubt = np.zeros(len(below.boards), np.bool_)
        in_doubt[layer.children[may_be_better]] = True
    return in_doubt


def _bounds_at_sight(boards: Boards, has_safe_move: Mask) -> tuple[Merits, Merits]:
    """Return the bounds `[n]` of positions of one ply that follow without making a move."""
    game = boards.game
    empty = game.num_squares - int(boards.ply[0])
    # Where nobody wins with the next two stones, the mover may win with the third after these, and
    # the opponent with the fourth.
    lower = np.full(len(boards), min(0, 3 - empty), np.int8)
    upper = np.full(len(boards), max(0, empty - 2), np.int8)
    free = ~(boards.mover | boards.opponent) & np.uint64((1 << game.num_squares) - 1)
    lower[~has_line(game, boards.opponent | free)] = 0
    upper[~has_line(game, boards.mover | free)] = 0
    for rows, merit in (
        (~has_safe_move, 1 - empty),
        (winning_actions(boards) != 0, empty),
        (boards.legal_bits() == 0, 0),
        (has_line(game, boards.opponent), -1 - empty),
    ):
        lower[rows] = upper[rows] = merit
    return lower, upper
