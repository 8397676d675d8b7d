"""What a picture looks like on the page: stones on squares, and a caption per board."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ttt_envs.game import Game
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.squares import landing_squares
from ttt_rllib.report.charts.boards import move_name, percent
from ttt_rllib.runs.live_json import LosingGame, Opening, Picture

__all__ = ["drawn_game", "drawn_picture"]


def drawn_game(game: Game) -> dict[str, Any]:
    """Return the shape of the board, and the game's name as people read it."""
    return {"title": game.title, "rows": game.rows, "cols": game.cols}


def drawn_picture(game: Game, picture: Picture) -> dict[str, Any]:
    """Return the boards of a picture, with squares in the place of actions."""
    return {
        "moves": picture.moves,
        "openings": [_opening(game, one) for one in picture.openings],
        "losing_games": [_losing_game(game, one) for one in picture.losing_games],
        "num_losing_games": picture.num_losing_games,
    }


class _Played(NamedTuple):
    """A game on squares: those of the moves, in their order, and those of the winning line."""

    squares: tuple[int, ...]
    won: tuple[int, ...]


@lru_cache(maxsize=4096)
def _played(game: Game, moves: tuple[int, ...]) -> _Played:
    squares = [
        landing_squares(GameRecord(game, moves[:ply]), [move])[0] for ply, move in enumerate(moves)
    ]
    return _Played(tuple(squares), GameRecord(game, moves).winning_squares)


def _opening(game: Game, opening: Opening) -> dict[str, Any]:
    squares, _ = _played(game, (*opening.moves, opening.action))
    player = "XO"[len(opening.moves) % 2]
    verdict = {True: "keeps the value", False: "a mistake", None: ""}[opening.keeps]
    share = "" if opening.probability is None else f", {percent(opening.probability)}"
    move = f"{player} plays {move_name(game, opening.action)}{share}"
    return {
        "squares": squares[:-1],
        "choice": squares[-1],
        "keeps": opening.keeps,
        "label": f"{_after(game, opening.moves)}{move}{verdict and f': {verdict}'}",
    }


def _losing_game(game: Game, lost: LosingGame) -> dict[str, Any]:
    squares, won = _played(game, lost.moves)
    result = "loses" if lost.result < 0 else "only draws"
    caption = f"As {lost.seat.upper()}, it {result} at move {len(lost.moves)}"
    names = ", ".join(move_name(game, move) for move in lost.moves)
    return {
        "squares": squares,
        "won": won,
        "mistake": lost.mistake,
        "caption": caption,
        "label": f"{caption}: {names}",
    }


def _after(game: Game, moves: Sequence[int]) -> str:
    names = ", ".join(move_name(game, move) for move in moves)
    return f"after {names}: " if names else ""
