"""The different mistakes of an agent, found in the games that it loses.

Opponents can lose their way to the same hole on many paths. Here a hole is one mistake: a position,
whatever the order of the moves that led to it, and the agent's move in it. Positions that are equal
up to a rotation or reflection of the board are one. Every losing game has one deciding mistake, the
agent's last move that took it from a position worth what its seat is worth to one worth less.

Where the game is too large for a table, a bounded search (`exact.bounds`) judges the moves, from
the end of the game back as far as it is known to be lost. The mistake is a move that certainly
gives up what another one certainly keeps. If there is none, the mistake is unknown; the first move
after which the game is known to be lost stands for it, and no better one is named.
Shapes: `L` games, `n` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Actions, Boards, Mask
from ttt_envs.game import Game
from ttt_envs.symmetry import image, symmetries
from ttt_rllib.exact.bounds import bound_moves
from ttt_rllib.exact.certificate import LosingLine
from ttt_rllib.exact.solved_game import SolvedGame, game_value, solved_game
from ttt_rllib.exact.walks import SEATS, Seat

__all__ = ["Kind", "Mistake", "find_mistakes"]

Kind = tuple[int, int, int]
"""Bitboards of the agent and of its opponent, and the square of the agent's next stone; of all
symmetric images the least. Where the rules are a table, its rows and the agent's move."""

Values = npt.NDArray[np.int8]

NONE = -1
ILLEGAL = np.int8(-2)
"""Instead of the value of a move; less than every value."""

KEPT_POSITIONS = 4096
"""Positions that are searched or turned once only: losing games have most of theirs in common."""


@dataclass(frozen=True)
class Mistake:
    """A position, and the agent's move in it that gives up what its seat is worth.

    Attributes:
        kind: Tells it from all others, whatever the order of moves and the side of the board.
        line: The shortest of the games that it decides, as the agent played it. Nothing is turned:
            in a symmetric position the agent may play another move.
        ply: Which move of that game it is, counted from 0.
        better: The moves there that are known to keep the value, ascending. None are if the mistake
            is unknown: the game is lost by this move at the latest.
        num_lines: How many of the given games it decides.
    """

    kind: Kind
    line: LosingLine
    ply: int
    better: tuple[int, ...]
    num_lines: int

    @property
    def seat(self) -> Seat:
        """The agent's seat."""
        return self.line.seat

    @property
    def before(self) -> tuple[int, ...]:
        """The moves that lead to the position, X first."""
        return self.line.moves[: self.ply]

    @property
    def action(self) -> int:
        """The agent's move."""
        return self.line.moves[self.ply]

    @property
    def is_known(self) -> bool:
        """Whether it is proved to be a mistake: another move keeps the value."""
        return bool(self.better)


def find_mistakes(game: Game, lines: Iterable[LosingLine]) -> tuple[Mistake, ...]:
    """Return the different mistakes that decide losing games, those of shorter games first.

    Args:
        game: The rules.
        lines: Games of one agent that end below its seat's value, as a certificate lists them. A
            game in which the agent never moved has no mistake.
    """
    found: dict[Kind, Mistake] = {}
    ordered = sorted(lines, key=lambda line: (len(line.moves), line.seat, line.moves))
    for (_, seat), same in groupby(ordered, key=lambda line: (len(line.moves), line.seat)):
        for mistake in _deciding(game, seat, list(same)):
            first = found.setdefault(mistake.kind, mistake)
            if first is not mistake:
                found[mistake.kind] = replace(first, num_lines=first.num_lines + 1)
    return tuple(found.values())


def _deciding(game: Game, seat: Seat, lines: Sequence[LosingLine]) -> Iterator[Mistake]:
    """Yield the mistake of each game; all are equally long and have the agent in one seat."""
    value = game_value(game)
    # As in the certificate: a draw where the value is not known.
    target = 0 if value is None else value if seat == "x" else -value
    moves = np.array([line.moves for line in lines], np.intp)
    boards = [Boards.empty(game, len(lines))]
    for column in moves.T[:-1]:
        boards.append(boards[-1].place(column))
    own = range(len(boards))[SEATS.index(seat) :: len(SEATS)]
    plies = np.full(len(lines), max(own, default=NONE))
    holds = np.zeros((len(lines), game.num_actions), np.bool_)
    # Backward, as long as the game is known to be lost, to the move that lost it.
    rows = np.arange(len(lines))
    for ply in reversed(own):
        is_lost, holds_here = _judge(boards[ply][rows], moves[rows, ply], target)
        plies[rows[is_lost]] = ply
        holds[rows[is_lost]] = holds_here[is_lost]
        rows = rows[is_lost & ~holds_here.any(axis=1)]
        if not len(rows):
            break
    for row, line in enumerate(lines):
        ply = int(plies[row])
        if ply != NONE:
            kind = _kind_of(boards[ply][row : row + 1], line.moves[ply])
            yield Mistake(kind, line, ply, tuple(np.flatnonzero(holds[row]).tolist()), 1)


def _judge(boards: Boards, actions: Actions, target: int) -> tuple[Mask, Mask]:
    """Judge the agent's moves in positions `[L]` of one ply, many of which may be equal.

    Args:
        boards: The positions.
        actions: `[L]` the agent's moves.
        target: What its seat is worth.

    Returns:
        `[L]` where the move certainly leads to less, and `[L, A]` the moves that certainly do not.
    """
    pairs = np.stack([boards.mover, boards.opponent], axis=1)
    _, first, inverse = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    solved = solved_game(boards.game)
    different = boards[first]
    lower, upper = _searched(different) if solved is None else _looked_up(different, solved)
    rows = inverse.reshape(-1)
    return upper[rows, actions] < target, lower[rows] >= target


def _looked_up(boards: Boards, solved: SolvedGame) -> tuple[Values, Values]:
    """Return the values `[n, A]` of all moves for the mover, twice: as least and as greatest."""
    children = solved.positions.children[solved.positions.find(boards)]
    legal = boards.legal_mask()
    values = np.where(legal, -solved.solution.values[children], ILLEGAL).astype(np.int8)
    return values, values


def _searched(boards: Boards) -> tuple[Values, Values]:
    """Return the least and the greatest values `[n, A]` that a search leaves to the moves."""
    pairs = zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)
    found = [_search(boards.game, *pair) for pair in pairs]
    return np.stack([one for one, _ in found]), np.stack([other for _, other in found])


@lru_cache(maxsize=KEPT_POSITIONS)
def _search(game: Game, mover: int, opponent: int) -> tuple[Values, Values]:
    board = Boards(game, np.array([mover], np.uint64), np.array([opponent], np.uint64))
    bounds = bound_moves(board)
    lower, upper = np.full(game.num_actions, ILLEGAL), np.full(game.num_actions, ILLEGAL)
    # The sign of a merit says who wins.
    lower[bounds.actions], upper[bounds.actions] = np.sign(bounds.lower), np.sign(bounds.upper)
    return lower, upper


def _kind_of(board: Boards, action: int) -> Kind:
    """Return the kind of a move in a position `[1]`."""
    if board.game.table is not None:  # no board, so nothing to turn
        return int(board.mover[0]), int(board.opponent[0]), action
    after = board.place(np.array([action]))
    agent, opponent = int(board.mover[0]), int(board.opponent[0])
    return _least_image(board.game, agent, opponent, int(after.opponent[0]) ^ agent)


@lru_cache(maxsize=KEPT_POSITIONS)
def _least_image(game: Game, agent: int, opponent: int, stone: int) -> Kind:
    square = stone.bit_length() - 1
    return min(
        (image(agent, squares), image(opponent, squares), squares[square])
        for squares in symmetries(game)
    )
