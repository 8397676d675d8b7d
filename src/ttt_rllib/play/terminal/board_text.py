"""A game's board for a terminal: marks, numbers to choose from, probabilities, bars.

The text is plain ASCII; a painter may add colour, which takes no room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ttt_rllib.analysis.game_record import GameRecord, position_text
from ttt_rllib.analysis.position import MoveAnalysis, outlook_words

__all__ = [
    "Painter",
    "ansi",
    "balance_text",
    "board_text",
    "move_bars",
    "no_colour",
    "percent_text",
    "value_style",
]

Painter = Callable[[str, str], str]
"""Takes a text and one of the styles; returns the text with or without colour."""

STYLES = {"mark": "1", "line": "1;7", "number": "2", "win": "36", "draw": "33", "loss": "31"}
PERCENT_WIDTH = 3

BAR_WIDTH = 12
"""Characters of a bar; with number, percent and words it fits 40 columns."""

SHOWN_MOVES = 9
"""Bars at most; large boards have more moves."""


def no_colour(text: str, style: str) -> str:
    """Return the text unchanged."""
    return text


def ansi(text: str, style: str) -> str:
    """Return the text in bold, dim or reverse, or in one of three of the terminal's colours."""
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


def move_bars(moves: Sequence[MoveAnalysis], paint: Painter = no_colour) -> str:
    """Return a bar for each of the most probable moves, with what the move leads to.

    Args:
        moves: The legal moves, with probabilities.
        paint: Colours what is known of a move.
    """
    by_chance = sorted(moves, key=lambda move: -(move.probability or 0.0))[:SHOWN_MOVES]
    width = max(len(str(move.action)) for move in by_chance)
    lines = []
    for move in by_chance:
        chance = move.probability or 0.0
        bar = "#" * round(BAR_WIDTH * chance)
        line = f"{move.action:{width}} {bar:.<{BAR_WIDTH}} {100 * chance:3.0f} %"
        if move.outlook is not None:
            words = outlook_words(move.outlook)
            line += f"  {paint(words, value_style(move.outlook.value))}"
        lines.append(line)
    return "\n".join(lines)


def balance_text(value: float, paint: Painter = no_colour) -> str:
    """Return a bar with a mark from a loss on the left to a win on the right.

    Args:
        value: For the player in question, -1 to +1; more counts as that.
        paint: Colours the mark.
    """
    within = max(-1.0, min(1.0, value))
    place = round((1 + within) / 2 * 2 * BAR_WIDTH)
    mark = paint("#", value_style(round(within)))
    return f"loss {'-' * place}{mark}{'-' * (2 * BAR_WIDTH - place)} win"


def value_style(value: int) -> str:
    """Return the style of a value in {-1, 0, +1}."""
    return ("draw", "win", "loss")[value]


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
