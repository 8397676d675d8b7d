"""A board as text and as SVG, without pygame or special fonts.

It takes one position as two Python ints, X's stones and O's, and knows no rules but geometry.
"""

from ttt_envs.game import Game

__all__ = ["draw_svg", "draw_text"]

SQUARE_PX = 60
STROKE = 'fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round"'


def draw_text(game: Game, x_stones: int, o_stones: int, *, numbers: bool = False) -> str:
    """Return the board as lines of text, top row first, without a final newline.

    Args:
        game: The rules, for the size of the board.
        x_stones: Bitboard of X.
        o_stones: Bitboard of O.
        numbers: Show the square's number instead of a dot where it is empty.
    """
    width = len(str(game.num_squares - 1)) if numbers else 1

    def square(number: int) -> str:
        empty = str(number) if numbers else "."
        return _mark(x_stones, o_stones, number, empty).rjust(width)

    return "\n".join(
        " ".join(square(row * game.cols + col) for col in range(game.cols))
        for row in range(game.rows)
    )


def draw_svg(game: Game, x_stones: int, o_stones: int) -> str:
    """Return the board as an SVG document that takes its colour from the text around it."""
    width, height = game.cols * SQUARE_PX, game.rows * SQUARE_PX
    grid = "".join(
        [f"M{col * SQUARE_PX} 0V{height}" for col in range(1, game.cols)]
        + [f"M0 {row * SQUARE_PX}H{width}" for row in range(1, game.rows)]
    )
    marks = "".join(
        _svg_mark(_mark(x_stones, o_stones, number, ""), *divmod(number, game.cols))
        for number in range(game.num_squares)
    )
    label = draw_text(game, x_stones, o_stones).replace("\n", " / ")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{label}">'
        f'<path d="{grid}" stroke="currentColor" stroke-width="1.5" opacity="0.5"/>{marks}</svg>'
    )


def _mark(x_stones: int, o_stones: int, number: int, empty: str) -> str:
    if x_stones >> number & 1:
        return "X"
    return "O" if o_stones >> number & 1 else empty


def _svg_mark(mark: str, row: int, col: int) -> str:
    centre_x, centre_y = (col + 0.5) * SQUARE_PX, (row + 0.5) * SQUARE_PX
    reach = 0.28 * SQUARE_PX
    if mark == "X":
        left, top, side = centre_x - reach, centre_y - reach, 2 * reach
        strokes = f"M{left:g} {top:g}l{side:g} {side:g}m0 {-side:g}l{-side:g} {side:g}"
        return f'<path d="{strokes}" {STROKE}/>'
    if mark == "O":
        return f'<circle cx="{centre_x:g}" cy="{centre_y:g}" r="{reach:g}" {STROKE}/>'
    return ""
