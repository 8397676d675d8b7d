"""Tic-tac-toe again, as strings and plain recursion: the truth that `play` is tested against."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest

LINES = ("012", "345", "678", "036", "147", "258", "048", "246")


def winner(board):
    """Return "X", "O" or None."""
    for line in LINES:
        marks = {board[int(square)] for square in line}
        if len(marks) == 1 and marks != {"."}:
            return marks.pop()
    return None


def mover(board):
    return "X" if board.count("X") == board.count("O") else "O"


def after(board, square):
    return board[:square] + mover(board) + board[square + 1 :]


def squares(board):
    return [] if winner(board) else [square for square in range(9) if board[square] == "."]


@cache
def fate(board):
    """Return who wins under best play ("X", "O" or None) and how many moves that one makes.

    The winner wants few moves, the loser wants many.
    """
    if winner(board) or "." not in board:
        return winner(board), 0
    me = mover(board)
    fates = []
    for square in squares(board):
        who, moves = fate(after(board, square))
        fates.append((who, moves + (who == me)))
    wins = [moves for who, moves in fates if who == me]
    if wins:
        return me, min(wins)
    if any(who is None for who, _ in fates):
        return None, 0
    return fates[0][0], max(moves for _, moves in fates)


@pytest.fixture(scope="session")
def naive():
    """Return the functions above."""
    return SimpleNamespace(
        winner=winner, mover=mover, after=after, squares=squares, fate=fate, empty="." * 9
    )


@pytest.fixture(scope="session")
def lines_to(naive):
    """Return the board of every position with one way to come there."""
    found = {naive.empty: ()}
    todo = [naive.empty]
    for board in todo:
        for square in naive.squares(board):
            child = naive.after(board, square)
            if child not in found:
                found[child] = (*found[board], square)
                todo.append(child)
    return found
