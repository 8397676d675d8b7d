"""The openings of a game: its first positions, one of each kind up to symmetry.

Shapes: a board alone is a batch `[1]`; a symmetry is a permutation of the squares.
"""

from __future__ import annotations

from ttt_envs.game import Game
from ttt_envs.symmetry import Permutation, image, symmetries
from ttt_rllib.analysis.game_record import GameRecord

__all__ = ["OPENING_PLIES", "openings"]

OPENING_PLIES = 2
"""Plies of the longest opening; three of them are 38 positions of tic-tac-toe."""


def openings(game: Game, plies: int = OPENING_PLIES) -> tuple[GameRecord, ...]:
    """Return games that lead to every position of the first plies in which a move is due.

    Of positions that are equal up to a symmetry of the board, only the one with the lowest
    move numbers is kept; they are ordered by ply, then by moves.

    Args:
        game: The rules.
        plies: Length of the longest opening.
    """
    maps = symmetries(game)
    layer = [GameRecord(game)]
    found = list(layer)
    for _ in range(plies):
        kinds: dict[tuple[int, int], GameRecord] = {}
        for record in layer:
            for action in record.legal:
                after = record.play(action)
                kinds.setdefault(_kind(after, maps), after)
        layer = [record for record in kinds.values() if not record.is_over]
        found += layer
    return tuple(found)


def _kind(record: GameRecord, maps: tuple[Permutation, ...]) -> tuple[int, int]:
    """Return the least bitboards of X and O among the symmetric images of a position."""
    if record.game.table is not None:
        return record.stones
    x_stones, o_stones = record.stones
    return min((image(x_stones, squares), image(o_stones, squares)) for squares in maps)
