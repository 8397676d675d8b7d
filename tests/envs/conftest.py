"""Naive rules in plain Python, as a test for the bitboards. A square is (row, column)."""

from itertools import product

import pytest


@pytest.fixture(scope="session")
def holds_line():
    """`(rows, cols, connect, squares) -> bool`: look along every direction from every square."""

    def look(rows, cols, connect, squares):
        owned = {divmod(square, cols) for square in squares}
        assert all(row < rows for row, _ in owned)
        return any(
            all((row + i * down, col + i * right) in owned for i in range(connect))
            for (row, col), (down, right) in product(owned, ((0, 1), (1, 0), (1, 1), (1, -1)))
        )

    return look


@pytest.fixture(scope="session")
def squares_in():
    """`bits -> [square]`: the squares of one bitboard, lowest first."""
    return lambda bits: [square for square in range(64) if int(bits) >> square & 1]
