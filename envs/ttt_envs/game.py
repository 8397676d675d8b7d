"""A connection game as data: board size, line length, gravity.

A `Game` knows geometry and nothing of players, learning or drawing. Squares are
row-major, square 0 is the top left one and bit `s` of a bitboard is square `s`:

    0 1 2
    3 4 5
    6 7 8

An action is the square to mark or, with gravity, the column to drop a stone into.
Shapes: `A` actions of the game.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ttt_envs.rules_table import RulesTable

__all__ = ["CONNECT_FOUR", "GAMES", "TIC_TAC_TOE", "Game"]

MAX_SQUARES = 64
"""A bitboard is one uint64."""


@dataclass(frozen=True)
class Game:
    """The rules of an m,n,k-game, optionally with stones that fall to the bottom.

    Two players alternate; the first to own `connect` squares in a row, a column or a
    diagonal wins, and a full board without such a line is a draw.

    Attributes:
        rows: Number of rows, 1 or more.
        cols: Number of columns, 1 or more; `rows * cols` is at most 64.
        connect: Length of a winning line, 1 to `max(rows, cols)`.
        gravity: Whether an action names a column and the stone falls.

    Raises:
        ValueError: If the board does not fit 64 squares or no line fits the board.
    """

    rows: int = 3
    cols: int = 3
    connect: int = 3
    gravity: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1 or self.rows * self.cols > MAX_SQUARES:
            raise ValueError(
                f"rows x cols is {self.rows} x {self.cols}; a board has 1 to {MAX_SQUARES} squares"
            )
        if not 1 <= self.connect <= max(self.rows, self.cols):
            raise ValueError(
                f"connect is {self.connect}; on a {self.rows} x {self.cols} board it is "
                f"1 to {max(self.rows, self.cols)}"
            )

    @property
    def name(self) -> str:
        """The game's name, or its size, such as "4x4x3" or "4x4x3_gravity"."""
        size = f"{self.rows}x{self.cols}x{self.connect}" + "_gravity" * self.gravity
        return next((name for name, game in GAMES.items() if game == self), size)

    @property
    def title(self) -> str:
        """The game's name or its size, as people read it."""
        falls = ", stones fall" if self.gravity else ""
        size = f"{self.rows} \N{MULTIPLICATION SIGN} {self.cols}, {self.connect} in a row{falls}"
        return TITLES.get(self.name, size)

    @property
    def size(self) -> str:
        """What the board is and what wins on it, such as "3 x 3, connect 3"."""
        return f"{self.rows} x {self.cols}, connect {self.connect}" + ", gravity" * self.gravity

    @property
    def table(self) -> RulesTable | None:
        """The rules as a table of all positions; None = they are those of lines on a board."""
        return None

    @property
    def num_squares(self) -> int:
        """Number of squares."""
        return self.rows * self.cols

    @property
    def max_plies(self) -> int:
        """Length of the longest possible game in plies."""
        return self.num_squares

    @property
    def num_inputs(self) -> int:
        """Numbers that describe a position to a network without further knowledge."""
        return 2 * self.num_squares

    @property
    def num_actions(self) -> int:
        """Size `A` of the action space: the number of columns with gravity, else of squares."""
        return self.cols if self.gravity else self.num_squares

    @property
    def move_names(self) -> tuple[str, ...]:
        """`[A]` what people call each action."""
        return tuple(map(str, range(self.num_actions)))

    def as_json(self) -> dict[str, Any]:
        """Return what tells the game from all others, as plain JSON values."""
        return asdict(self)

    @cached_property
    def action_bits(self) -> int:
        """Bitboard of the squares that must be empty for the action of that number.

        With gravity a column is open while its top square is empty, and the top row's
        squares have the numbers of their columns.
        """
        return (1 << self.num_actions) - 1

    @cached_property
    def column_bits(self) -> int:
        """Bitboard of column 0; shift it left by `c` for column `c`."""
        return sum(1 << (row * self.cols) for row in range(self.rows))

    @cached_property
    def lines(self) -> tuple[tuple[int, int], ...]:
        """For each direction in which a line fits: (distance of its squares, its starts).

        `starts` is the bitboard of the squares from which a line in that direction
        stays on the board, so that shifted bitboards need no sentinel columns.
        """
        directions = ((0, 1), (1, 0), (1, 1), (1, -1))
        lines = ((dr * self.cols + dc, self._line_starts(dr, dc)) for dr, dc in directions)
        return tuple((distance, starts) for distance, starts in lines if starts)

    def _line_starts(self, d_row: int, d_col: int) -> int:
        reach = self.connect - 1
        return sum(
            1 << (row * self.cols + col)
            for row in range(self.rows - d_row * reach)
            for col in range(self.cols)
            if 0 <= col + d_col * reach < self.cols
        )


TIC_TAC_TOE = Game(3, 3, 3, gravity=False)
CONNECT_FOUR = Game(6, 7, 4, gravity=True)
GAMES = {"tic_tac_toe": TIC_TAC_TOE, "connect_four": CONNECT_FOUR}
"""The games that have a name; all others are named by their size."""

TITLES = {"tic_tac_toe": "Tic-tac-toe", "connect_four": "Connect Four"}
