"""A game's positions and their values, computed once for all agents that are measured on it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ttt_envs.game import Game
from ttt_envs.positions import Positions, enumerate_positions, too_many_positions
from ttt_rllib.exact.known_values import known_value
from ttt_rllib.exact.scores import Ceilings, score_ceilings
from ttt_rllib.exact.solver import Solution, solve
from ttt_rllib.exact.tables import Table, uniform_table

__all__ = ["NOT_EXACT", "SolvedGame", "game_value", "solve_or_raise", "solved_game"]

NOT_EXACT = "the game has too many positions for exact evaluation"


class SolvedGame(NamedTuple):
    """A game's positions and their values, which do not depend on any agent.

    Attributes:
        positions: All positions.
        solution: Their values.
        uniform: `[P, A]` the uniformly random policy.
        ceilings: The best scores against it.
    """

    positions: Positions
    solution: Solution
    uniform: Table
    ceilings: Ceilings


def game_value(game: Game) -> int | None:
    """Return the value of the empty board for X, in {-1, 0, +1}; None where it is not known."""
    solved = solved_game(game)
    if solved is not None:
        return solved.solution.game_value
    known = known_value(game)
    return known.value if known else None


def solved_game(game: Game | None) -> SolvedGame | None:
    """Return `solve_or_raise(game)`, or None where the game is unknown or too large; cached."""
    if game is None or too_many_positions(game) is not None:
        return None
    return solve_or_raise(game)


@lru_cache(maxsize=64)
def solve_or_raise(game: Game) -> SolvedGame:
    """Solve a game once and keep the result.

    Raises:
        TooManyPositionsError: If the game is too large to enumerate.
    """
    positions = enumerate_positions(game)
    uniform = uniform_table(positions)
    return SolvedGame(positions, solve(positions), uniform, score_ceilings(positions, uniform))
