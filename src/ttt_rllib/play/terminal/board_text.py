"""A game's board for a terminal: marks, numbers to choose from, probabilities.

The text is plain ASCII; a painter may add colour, which takes no room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ttt_rllib.analysis.game_record import GameRecord, position_text

__all__ = ["Painter", "ansi", "board_text", "no_colour", "percent_text"]

Painter = Callable[[str, str], str]
"""Takes a text and one of the styles; returns the text with or without colour."""

STYLES = {"mark": "1", "line": "1;7", "number": "2"}
PERCENT_WIDTH = 3


def no_colour(text: str, style: str) -> str:
    """Return the text unchanged."""
    return text


def ansi(text: str, style: str) -> str:
    """Return the text in bold, dim or reverse, which every colour scheme shows."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def board_text(record: GameRecord, paint: Painter = no_colour) -> str:
    """Return the board: an empty square shows its number or, under gravity, a dot.

    Under gravity the columns' numbers stand below.

    Args:
        record: The game.
        paint: Colours marks, winning lines and numbers.
    """
    game = record.game
    if game.table is not None:
        return _text(record, game.move_names)
    numbers = [str(number) for number in range(game.num_actions)]
    empty = ["."] * game.num_squares if game.gravity else numbers
    footer = numbers if game.gravity else []
    return _grid(record, empty, footer, len(numbers[-1]), paint)


def percent_text(
    record: GameRecord, probabilities: Sequence[float], paint: Painter = no_colour
) -> str:
    """Return the board with an agent's probabilities in percent, rounded.

    Args:
        record: The game.
        probabilities: `[A]`, one for every action.
        paint: Colours marks and figures.
    """
    game = record.game
    percents = [f"{100 * probability:.0f}" for probability in probabilities]
    if game.table is not None:
        return _moves(record, [f"{one:>{PERCENT_WIDTH}} %" for one in percents])
    empty = ["."] * game.num_squares if game.gravity else percents
    return _grid(record, empty, percents if game.gravity else [], PERCENT_WIDTH, paint)


def _text(record: GameRecord, names: Sequence[str]) -> str:
    """Return a position as its author draws it, and the numbers of the moves with their names."""
    return "\n\n".join(filter(None, (position_text(record), _moves(record, names))))


def _moves(record: GameRecord, words: Sequence[str]) -> str:
    return "\n".join(f"{action:>2}  {words[action]}" for action in record.legal)


def _grid(
    record: GameRecord, empty: Sequence[str], footer: Sequence[str], width: int, paint: Painter
) -> str:
    game = record.game
    x_stones, o_stones = record.stones
    winning = record.winning_squares

    def square(number: int) -> str:
        if not (x_stones | o_stones) >> number & 1:
            return paint(empty[number].rjust(width), "number")
        mark = "X" if x_stones >> number & 1 else "O"
        style = "line" if number in winning else "mark"
        return " " * (width - 1) + paint(mark, style)

    lines = [
        " ".join(square(row * game.cols + col) for col in range(game.cols))
        for row in range(game.rows)
    ]
    if footer:
        lines.append(" ".join(paint(text.rjust(width), "number") for text in footer))
    return "\n".join(lines)
