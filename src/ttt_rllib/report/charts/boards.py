"""Boards on a card: what an agent would play beside the truth, and the games it loses.

A square looks as on the web page: at the top is the result of a move there under perfect play,
at the bottom the probability that the agent plays it. Values are for the player that moves, and
lengths count the winner's moves after this one: "+2" wins in 2, "-2" loses in 2, "=" draws. Of a
move whose result is not known, only the probability is drawn.
"""

from __future__ import annotations

import math

from ttt_envs.game import Game
from ttt_rllib.agents.policies import Policy
from ttt_rllib.analysis.game_record import GameRecord, position_text
from ttt_rllib.analysis.position import (
    Analysis,
    MoveAnalysis,
    Outlook,
    analyse,
    outlook_words,
)
from ttt_rllib.analysis.squares import landing_squares, owners
from ttt_rllib.report.charts.axes import PERCENT, in_percent
from ttt_rllib.report.charts.svg import number, tag

__all__ = ["game_drawing", "is_dense", "move_name", "percent", "policy_drawing"]

SIDE = 60.0
INSET = 3.0
MAX_COLS_WITH_FIGURES = 4
NINE = (
    *("top left", "top", "top right"),
    *("left", "centre", "right"),
    *("bottom left", "bottom", "bottom right"),
)


def policy_drawing(record: GameRecord, policy: Policy) -> str:
    """Draw a position with the value and the probability of every move.

    Args:
        record: A game that is not over.
        policy: The agent; it must play the same game.
    """
    if record.game.table is not None:
        return _text(record)
    analysis = analyse(record, policy)
    squares = landing_squares(record, [move.action for move in analysis.moves])
    moves = dict(zip(squares, analysis.moves, strict=True))
    most = max(analysis.moves, key=lambda move: move.probability or 0.0)
    parts = [
        _move(record.game, square, move, is_choice=move is most) for square, move in moves.items()
    ]
    # Marks are drawn last, because their ends may overlap a tint.
    return _board(record, parts, _spoken(record.game, analysis))


def game_drawing(record: GameRecord, mistakes: tuple[int, ...], *, numbered_from: int = 0) -> str:
    """Draw a finished game with the numbers of its moves and the winning line tinted.

    Args:
        record: The game.
        mistakes: Which moves to mark, counted from 0.
        numbered_from: The first move to show the number of, counted from 0.
    """
    if record.game.table is not None:
        return _text(record)
    boards = [GameRecord(record.game, record.moves[:ply]) for ply in range(len(record.moves))]
    squares = [
        landing_squares(before, [move])[0]
        for before, move in zip(boards, record.moves, strict=True)
    ]
    tints = [_tint(record.game, square, "loss") for square in record.winning_squares]
    numbers = [
        tag(
            "text",
            text=str(ply + 1),
            x=_corner(record.game, square)[0] + 6,
            y=_corner(record.game, square)[1] + 15,
            class_="mistake" if ply in mistakes else "ply",
        )
        for ply, square in enumerate(squares)
        if ply >= numbered_from
    ]
    names = " ".join(str(move) for move in record.moves)
    return _board(record, [*tints, *numbers], f"the game {names}")


def _text(record: GameRecord) -> str:
    """Return the moves of a game that has no board, and its position as text."""
    names = (record.game.move_names[move] for move in record.moves)
    moves = tag("p", text=f"After {', '.join(names)}:") if record.moves else ""
    return moves + tag("pre", text=position_text(record))


def is_dense(game: Game) -> bool:
    """Tell whether squares are too small for figures, so that dots are drawn instead."""
    return game.cols > MAX_COLS_WITH_FIGURES


def move_name(game: Game, action: int) -> str:
    """Return the name of a move: "centre", "column 4" or "row 2, column 3"."""
    if game.table is not None:
        return game.move_names[action]
    if game.gravity:
        return f"column {action + 1}"
    if (game.rows, game.cols) == (3, 3):
        return NINE[action]
    row, col = divmod(action, game.cols)
    return f"row {row + 1}, column {col + 1}"


def percent(share: float) -> str:
    """Return a share in whole percent, never 0 or 100 unless it is exactly that."""
    if 0.0 < share < 0.005:
        return f"<1{PERCENT}"
    if 0.995 < share < 1.0:
        return f">99{PERCENT}"
    return in_percent(share)


def _move(game: Game, square: int, move: MoveAnalysis, *, is_choice: bool) -> str:
    share = move.probability or 0.0
    truth: dict[str, str] = {}
    parts = []
    if move.outlook:
        truth = {"data_value": str(move.outlook.value)}
        if move.outlook.plies is not None:
            truth["data_plies"] = str(move.outlook.plies)
        parts.append(_tint(game, square, _tone(move.outlook)))
    if is_dense(game):
        parts.append(_disc(game, square, share))
    else:
        parts += _figures(game, square, move, is_choice=is_choice)
    return tag("g", *parts, data_action=str(move.action), data_probability=repr(share), **truth)


def _disc(game: Game, square: int, share: float) -> str:
    """Draw a probability as an area."""
    x, y = _corner(game, square)
    radius = (SIDE / 2 - 2 * INSET) * math.sqrt(share)
    return tag("circle", cx=x + SIDE / 2, cy=y + SIDE / 2, r=radius, class_="share")


def _figures(game: Game, square: int, move: MoveAnalysis, *, is_choice: bool) -> list[str]:
    """Write value and probability, and draw the probability as a bar."""
    x, y = _corner(game, square)
    share = move.probability or 0.0
    room = SIDE - 4 * INSET
    parts = []
    if move.outlook:
        style = f"value {_tone(move.outlook)}"
        parts.append(tag("text", text=_sign(move.outlook), x=x + 8, y=y + 22, class_=style))
    odds = percent(share).removesuffix(PERCENT)
    style = "odds most" if is_choice else "odds"
    rail = {"x": number(x + 2 * INSET), "y": number(y + 49), "height": "4", "rx": "2"}
    return [
        *parts,
        tag("text", text=odds, x=x + SIDE - 8, y=y + 45, class_=style),
        tag("rect", width=room, class_="rail", **rail),
        tag("rect", width=room * share, class_="share", **rail),
    ]


def _board(record: GameRecord, below: list[str], spoken: str) -> str:
    """Draw the grid and the stones over the given parts."""
    game = record.game
    width, height = game.cols * SIDE, game.rows * SIDE
    lines = [f"M{number(col * SIDE)} 0V{number(height)}" for col in range(1, game.cols)]
    lines += [f"M0 {number(row * SIDE)}H{number(width)}" for row in range(1, game.rows)]
    stones = [
        _stone(owner, *_corner(game, square))
        for square, owner in enumerate(owners(record))
        if owner
    ]
    return tag(
        "svg",
        *below,
        tag("path", d="".join(lines) or "M0 0", class_="lines"),
        *stones,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=spoken,
        class_="board dense" if is_dense(game) else "board",
        data_moves=" ".join(map(str, record.moves)),
    )


def _stone(owner: str, x: float, y: float) -> str:
    if owner == "X":
        strokes = f"M{number(x + 18)} {number(y + 18)}l24 24m0 -24l-24 24"
        return tag("path", d=strokes, class_="mark")
    return tag("circle", cx=x + SIDE / 2, cy=y + SIDE / 2, r=13, class_="mark")


def _tint(game: Game, square: int, tone: str) -> str:
    x, y = _corner(game, square)
    side = SIDE - 2 * INSET
    return tag(
        "rect", x=x + INSET, y=y + INSET, width=side, height=side, rx=8, class_=f"tint {tone}"
    )


def _corner(game: Game, square: int) -> tuple[float, float]:
    row, col = divmod(square, game.cols)
    return col * SIDE, row * SIDE


def _tone(outlook: Outlook) -> str:
    return ("loss", "draw", "win")[outlook.value + 1]


def _sign(outlook: Outlook) -> str:
    if outlook.value == 0:
        return "="
    moves = str(outlook.winner_moves or "")
    return f"+{moves}" if outlook.value > 0 else f"\N{MINUS SIGN}{moves}"


def _spoken(game: Game, analysis: Analysis) -> str:
    """Put a card into words: every move, its result and its probability."""
    clauses = []
    for move in analysis.moves:
        words = [move_name(game, move.action)]
        if move.outlook:
            words.append(outlook_words(move.outlook))
        words.append(percent(move.probability or 0.0))
        clauses.append(", ".join(words))
    return "; ".join(clauses)
