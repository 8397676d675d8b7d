"""A game in progress: its moves, and everything that follows from them.

It holds no rules; it asks `Boards`. A record cannot hold an impossible position.
Shapes: a board alone is a batch `[1]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_envs.table_game import TableGame
from ttt_rllib.errors import InputError

__all__ = ["GameRecord", "IllegalMoveError", "Result", "Seat", "position_text"]

Seat = Literal["X", "O"]
Result = Literal["X", "O", "draw"]
SEATS: tuple[Seat, Seat] = ("X", "O")


class IllegalMoveError(InputError):
    """The move cannot be made in this position."""


@dataclass(frozen=True)
class GameRecord:
    """A game that starts on the empty board.

    Attributes:
        game: The rules.
        moves: Action numbers of both players in turn, X first.

    Raises:
        IllegalMoveError: If a move is illegal, or made after the end of the game.
    """

    game: Game
    moves: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _ = self.boards

    @cached_property
    def boards(self) -> tuple[Boards, ...]:
        """The position before the first move and after every move, each a batch of one."""
        boards = [Boards.empty(self.game, 1)]
        over = False
        for move in self.moves:
            if over:
                raise IllegalMoveError(f"move {move}: the game is over; undo a move first")
            _check(boards[-1], move)
            after, _, done = boards[-1].step(np.array([move]))
            boards.append(after)
            over = bool(done[0])
        return tuple(boards)

    @property
    def board(self) -> Boards:
        """The current position, a batch of one."""
        return self.boards[-1]

    @property
    def turn(self) -> Seat:
        """The player whose move it is, or would be if the game were not over."""
        return SEATS[len(self.moves) % 2]

    @cached_property
    def result(self) -> Result | None:
        """The winner or "draw"; None while the game is not over."""
        if self.board.lost()[0]:
            return SEATS[(len(self.moves) + 1) % 2]
        return "draw" if self.board.legal_bits()[0] == 0 else None

    @property
    def is_over(self) -> bool:
        """Whether there is a result."""
        return self.result is not None

    @property
    def legal(self) -> tuple[int, ...]:
        """The actions that can be played now, in order; none once the game is over."""
        return () if self.is_over else _legal(self.board)

    @property
    def must_pass(self) -> bool:
        """Whether the player to move has no choice but to pass."""
        game = self.game
        return isinstance(game, TableGame) and game.is_forced_pass(self.legal)

    @property
    def stones(self) -> tuple[int, int]:
        """Bitboards of X and of O."""
        stones = int(self.board.mover[0]), int(self.board.opponent[0])
        return stones if self.turn == "X" else (stones[1], stones[0])

    @property
    def winning_squares(self) -> tuple[int, ...]:
        """The squares of the winner's lines, in order; none without a winner or lines."""
        if self.game.table is not None:
            return ()
        winner = int(self.board.opponent[0])
        squares = set()
        for distance, starts in self.game.lines:
            offsets = [place * distance for place in range(self.game.connect)]
            for start in range(self.game.num_squares):
                line = [start + offset for offset in offsets]
                if starts >> start & 1 and all(winner >> square & 1 for square in line):
                    squares.update(line)
        return tuple(sorted(squares))

    def play(self, action: int) -> GameRecord:
        """Return the game with one more move.

        Raises:
            IllegalMoveError: If the move is illegal or the game is over.
        """
        return GameRecord(self.game, (*self.moves, action))

    def undo(self, plies: int = 1) -> GameRecord:
        """Return the game without its last moves; at most, all moves are undone."""
        return GameRecord(self.game, self.moves[: max(0, len(self.moves) - plies)])


def position_text(record: GameRecord) -> str:
    """Return the current position of a game whose rules are a table, as its author draws it."""
    game = record.game
    assert isinstance(game, TableGame)  # noqa: S101 - for the type checker
    return game.draw(int(record.board.mover[0]))


def _legal(board: Boards) -> tuple[int, ...]:
    return tuple(int(action) for action in np.flatnonzero(board.legal_mask()[0]))


def _check(board: Boards, move: int) -> None:
    legal = _legal(board)
    if move in legal:
        return
    game = board.game
    if game.table is not None:
        raise IllegalMoveError(f"move {move} is not legal; legal are {' '.join(map(str, legal))}")
    place = "column" if game.gravity else "square"
    choices = f"legal are {' '.join(map(str, legal))}"
    if not 0 <= move < game.num_actions:
        raise IllegalMoveError(
            f"{place} {move}: the board has {place}s 0 to {game.num_actions - 1}; {choices}"
        )
    raise IllegalMoveError(f"{place} {move} is {'full' if game.gravity else 'taken'}; {choices}")
