"""All exact figures of one policy, computed together.

Training logs these figures at every evaluation, and the command `evaluate` prints them.
Shapes: `P` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ttt_envs.game import Game
from ttt_envs.positions import Positions, TooManyPositionsError, enumerate_positions
from ttt_rllib.exact.certificate import MAX_LOSING_LINES, Certificate, certify
from ttt_rllib.exact.exploitability import sweep
from ttt_rllib.exact.scores import Ceilings, Outcome, outcome, score_ceilings
from ttt_rllib.exact.solver import Solution, solve
from ttt_rllib.exact.tables import Table, check_table, greedy_table, uniform_table
from ttt_rllib.metrics import (
    LOSING_POSITIONS,
    NASH_CONV,
    NASH_CONV_GREEDY,
    NORMALIZED_SCORE_O,
    NORMALIZED_SCORE_X,
    OPTIMAL_MOVE_RATE,
    SCORE_VS_RANDOM_O,
    SCORE_VS_RANDOM_X,
)

__all__ = [
    "NOT_PROVABLE",
    "ExactReport",
    "SolvedGame",
    "evaluate",
    "solve_or_raise",
    "solved_game",
    "unsolved_reason",
]

NOT_PROVABLE = "the game has too many positions for exact evaluation"


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


@dataclass(frozen=True)
class ExactReport:
    """The exact figures of a policy.

    Attributes:
        nash_conv_greedy: NashConv of the most probable moves, in [0, 4].
        nash_conv: NashConv of the move probabilities themselves, in [0, 4].
        optimal_move_rate: Share of the decision positions whose greedy move keeps the value.
        vs_random_x: Result of the greedy agent as X against the uniformly random player.
        vs_random_o: The same with the agent as O; the outcome is still seen by X.
        ceilings: The best possible scores against the random player.
        certificate: The proof, or the losing lines.
    """

    nash_conv_greedy: float
    nash_conv: float
    optimal_move_rate: float
    vs_random_x: Outcome
    vs_random_o: Outcome
    ceilings: Ceilings
    certificate: Certificate

    @property
    def score_vs_random_x(self) -> float:
        """Mean score of the greedy agent as X against random, in [-1, 1]."""
        return self.vs_random_x.score

    @property
    def score_vs_random_o(self) -> float:
        """Mean score of the greedy agent as O against random, in [-1, 1]."""
        return -self.vs_random_o.score

    def metrics(self) -> dict[str, float]:
        """Return the figures by their metric names.

        A normalised score is left out where its ceiling is not above 0, for example where
        the second player always loses: the quotient would say nothing.
        """
        figures = {
            NASH_CONV_GREEDY: self.nash_conv_greedy,
            NASH_CONV: self.nash_conv,
            OPTIMAL_MOVE_RATE: self.optimal_move_rate,
            LOSING_POSITIONS: self.certificate.losing_positions,
            SCORE_VS_RANDOM_X: self.score_vs_random_x,
            SCORE_VS_RANDOM_O: self.score_vs_random_o,
        }
        if self.ceilings.as_x > 0.0:
            figures[NORMALIZED_SCORE_X] = self.score_vs_random_x / self.ceilings.as_x
        if self.ceilings.as_o > 0.0:
            figures[NORMALIZED_SCORE_O] = self.score_vs_random_o / self.ceilings.as_o
        return figures


def solved_game(game: Game | None) -> SolvedGame | None:
    """Return `solve_or_raise(game)`, or None where the game is unknown or too large; cached."""
    if game is None:
        return None
    found = _solved_or_reason(game)
    return None if isinstance(found, str) else found


def unsolved_reason(game: Game) -> str | None:
    """Return a clause that says why a game has no exact evaluation; None if it has one."""
    found = _solved_or_reason(game)
    return found if isinstance(found, str) else None


@lru_cache(maxsize=8)
def solve_or_raise(game: Game) -> SolvedGame:
    """Solve a game once and keep the result.

    Raises:
        TooManyPositionsError: If the game is too large to enumerate.
    """
    positions = enumerate_positions(game)
    uniform = uniform_table(positions)
    return SolvedGame(positions, solve(positions), uniform, score_ceilings(positions, uniform))


@lru_cache(maxsize=64)
def _solved_or_reason(game: Game) -> SolvedGame | str:
    try:
        return solve_or_raise(game)
    except TooManyPositionsError as error:
        return str(error)


def evaluate(solved: SolvedGame, table: Table, max_lines: int = MAX_LOSING_LINES) -> ExactReport:
    """Measure a policy exactly.

    Args:
        solved: The game, as `solve_or_raise` returns it.
        table: `[P, A]` move probabilities.
        max_lines: The greatest number of losing lines that the certificate lists.

    Raises:
        ValueError: If the table is no policy of the game; see `check_table`.
    """
    positions, solution, uniform, ceilings = solved
    check_table(positions, table)
    greedy = greedy_table(positions, table)
    certificate = certify(positions, solution, greedy, max_lines)
    return ExactReport(
        nash_conv_greedy=sweep(positions, greedy).nash_conv,
        nash_conv=sweep(positions, table).nash_conv,
        optimal_move_rate=1.0 - certificate.mistakes / certificate.decision_positions,
        vs_random_x=outcome(positions, greedy, uniform),
        vs_random_o=outcome(positions, uniform, greedy),
        ceilings=ceilings,
        certificate=certificate,
    )
