"""Rotations and reflections of a board that keep the rules, as permutations of its squares."""

from itertools import product

from ttt_envs.game import Game

__all__ = ["Permutation", "image", "symmetries"]

Permutation = tuple[int, ...]
"""Where each square goes."""


def symmetries(game: Game) -> tuple[Permutation, ...]:
    """Return where each square goes, for every rotation and reflection that keeps the rules.

    With gravity these are the identity and the mirror image; else a rectangle has 4, a square 8.
    """
    rows, cols = game.rows, game.cols
    flips = product((False, True), (False,) if game.gravity else (False, True))
    maps = [_flipped(game, left_right, up_down) for left_right, up_down in flips]
    if rows == cols and not game.gravity:
        transposed = tuple(square % cols * cols + square // cols for square in range(rows * cols))
        maps += [tuple(transposed[square] for square in flip) for flip in maps]
    # On a board of one row or column, some of them are the same.
    return tuple(dict.fromkeys(maps))


def image(stones: int, squares: Permutation) -> int:
    """Return the bitboard of stones after a rotation or reflection.

    Args:
        stones: A bitboard.
        squares: Where each square goes.
    """
    return sum(1 << to for square, to in enumerate(squares) if stones >> square & 1)


def _flipped(game: Game, left_right: bool, up_down: bool) -> Permutation:
    squares = []
    for row, col in product(range(game.rows), range(game.cols)):
        to_row = game.rows - 1 - row if up_down else row
        to_col = game.cols - 1 - col if left_right else col
        squares.append(to_row * game.cols + to_col)
    return tuple(squares)
