"""Positions right after an agent's mistakes, in which a person is to find how it is beaten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_envs.positions import too_many_positions
from ttt_envs.symmetry import image, symmetries
from ttt_rllib.agents.policies import Policy
from ttt_rllib.analysis.mistakes import Mistake, find_mistakes
from ttt_rllib.evaluation.losing_lines import walked_losing_lines
from ttt_rllib.exact.certificate import LosingLine

__all__ = ["MAX_PUZZLES", "Puzzle", "find_puzzles", "no_puzzles_reason"]

MAX_PUZZLES = 24
"""Most puzzles of one agent; the mistakes of the shortest games come first."""


@dataclass(frozen=True)
class Puzzle:
    """A position in which the agent has just made a mistake, and its opponent is to move.

    Attributes:
        moves: From the empty board to the mistake, which is the last of them.
        solution: The moves of both players from there to the end of the shortest game that
            reaches the goal; the agent's are its most probable ones.
        wins: Whether the goal is to win; else it is to draw in a seat that is lost with best play.
        num_lines: How many of the agent's losing games this mistake decides.
    """

    moves: tuple[int, ...]
    solution: tuple[int, ...]
    wins: bool
    num_lines: int

    @property
    def num_moves(self) -> int:
        """How many moves the opponent makes in the solution."""
        return (len(self.solution) + 1) // 2


def no_puzzles_reason(game: Game) -> str | None:
    """Return a clause that says why no agent of a game has puzzles; None if its agents may."""
    if game.table is not None:
        return "puzzles are made for games with a board only"
    if too_many_positions(game) is not None:
        return "this game has too many positions to know every mistake in it"
    return None


def find_puzzles(agent: Policy) -> tuple[Puzzle, ...]:
    """Return at most `MAX_PUZZLES` puzzles, no two of them equal up to symmetry.

    Args:
        agent: The agent; its most probable moves count. Its game has none of the reasons of
            `no_puzzles_reason`.
    """
    lines = walked_losing_lines(agent)
    found: dict[tuple[int, int], Puzzle] = {}
    for mistake in find_mistakes(agent.game, lines):
        moves = mistake.line.moves[: mistake.ply + 1]
        # Different mistakes can lead to the same stones, which are one puzzle.
        found.setdefault(_least_image(agent.game, moves), _puzzle(mistake, moves, lines))
        if len(found) == MAX_PUZZLES:
            break
    return tuple(found.values())


def _puzzle(mistake: Mistake, moves: tuple[int, ...], lines: Sequence[LosingLine]) -> Puzzle:
    # A shorter game through this position may be decided by a later mistake.
    through = [
        line for line in lines if line.seat == mistake.seat and line.moves[: len(moves)] == moves
    ]
    best = min(through, key=lambda line: (line.result, len(line.moves), line.moves))
    return Puzzle(moves, best.moves[len(moves) :], best.result < 0, mistake.num_lines)


def _least_image(game: Game, moves: tuple[int, ...]) -> tuple[int, int]:
    boards = Boards.empty(game, 1)
    for action in moves:
        boards = boards.place(np.array([action]))
    mover, opponent = int(boards.mover[0]), int(boards.opponent[0])
    return min((image(mover, squares), image(opponent, squares)) for squares in symmetries(game))
