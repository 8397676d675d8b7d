"""A line of moves to a position: other libraries know positions by how they came about.

A position in which the game is not over holds no line, and neither does any part of its stones, so
no game ends on the way.
"""

from __future__ import annotations

from ttt_envs.boards import Boards
from ttt_envs.game import Game

__all__ = ["line_to", "place"]

Stones = tuple[tuple[int, ...], tuple[int, ...]]


def line_to(board: Boards, *, from_the_right: bool = False) -> tuple[int, ...]:
    """Return moves that lead from the empty board to a position.

    Args:
        board: A batch of one, which a game can reach and in which it is not over.
        from_the_right: Try the highest action number first instead of the lowest, which mostly
            gives another line to the same position.
    """
    game, ply = board.game, int(board.ply[0])
    bits = int(board.mover[0]), int(board.opponent[0])
    x_bits, o_bits = bits if ply % 2 == 0 else bits[::-1]
    if game.gravity:
        return _falling_line(game, x_bits, o_bits, from_the_right)
    xs, os = (_squares(game, one, from_the_right) for one in (x_bits, o_bits))
    return tuple((xs, os)[number % 2][number // 2] for number in range(ply))


def place(board: Boards) -> str:
    """Return words that tell people which position is meant.

    Args:
        board: As for `line_to`.
    """
    moves = line_to(board)
    if not moves:
        return "on the empty board"
    return f"in the position after the moves {' '.join(map(str, moves))}"


def _squares(game: Game, bits: int, from_the_right: bool) -> list[int]:
    squares = [square for square in range(game.num_squares) if bits >> square & 1]
    return squares[::-1] if from_the_right else squares


def _falling_line(game: Game, x_bits: int, o_bits: int, from_the_right: bool) -> tuple[int, ...]:
    """Search the orders in which the columns can have been filled."""
    columns = [_column(game, x_bits, o_bits, col) for col in range(game.cols)]
    order = range(game.cols)[::-1] if from_the_right else range(game.cols)
    ply = sum(map(len, columns))
    heights, moves = [0] * game.cols, [iter(order)]
    line: list[int] = []
    # Heights from which no order leads on; without them the search would repeat itself.
    dead: set[tuple[int, ...]] = set()
    while len(line) < ply:
        wanted = len(line) % 2
        for col in moves[-1]:
            if heights[col] == len(columns[col]) or columns[col][heights[col]] != wanted:
                continue
            heights[col] += 1
            if tuple(heights) not in dead:
                line.append(col)
                moves.append(iter(order))
                break
            heights[col] -= 1
        else:
            if not line:
                raise ValueError("no game reaches this position")
            dead.add(tuple(heights))
            moves.pop()
            heights[line.pop()] -= 1
    return tuple(line)


def _column(game: Game, x_bits: int, o_bits: int, col: int) -> list[int]:
    """Return whose stones lie in a column, from the bottom: 0 = X, 1 = O."""
    squares = [row * game.cols + col for row in reversed(range(game.rows))]
    occupied = [square for square in squares if (x_bits | o_bits) >> square & 1]
    return [0 if x_bits >> square & 1 else 1 for square in occupied]
