"""All exact figures of one policy, computed together.

Training logs these figures at every evaluation, and the command `evaluate` prints them.
Shapes: `P` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from ttt_envs.boards import Mask
from ttt_envs.positions import Positions
from ttt_rllib.exact.exploitability import sweep
from ttt_rllib.exact.scores import Ceilings, Outcome, outcome
from ttt_rllib.exact.solved_game import SolvedGame
from ttt_rllib.exact.solver import Solution
from ttt_rllib.exact.tables import Table, check_table, greedy_table
from ttt_rllib.exact.walks import Seat, Walks
from ttt_rllib.metrics import (
    BEST_RESPONSE_O,
    BEST_RESPONSE_X,
    LOSING_POSITIONS,
    NASH_CONV,
    NASH_CONV_GREEDY,
    NORMALIZED_SCORE_O,
    NORMALIZED_SCORE_X,
    OPTIMAL_MOVE_RATE,
    REFUTED_REPLY_RATE,
    SCORE_VS_RANDOM_O,
    SCORE_VS_RANDOM_X,
    SHORTEST_REFUTATION,
)

__all__ = [
    "NOTHING_KNOWN",
    "ExactReport",
    "TableFacts",
    "evaluate",
    "evaluate_walks",
]


class TableFacts(NamedTuple):
    """What only the table of the whole game tells about an agent that plays its best moves.

    Attributes:
        losing_positions: Positions to which opponents can bring it, in both seats, and which are
            worth less than the seat's game value if both sides play perfectly from there.
        decision_positions: Decision positions of the game.
        mistakes: Those in which the agent's move gives value away.
    """

    losing_positions: int
    decision_positions: int
    mistakes: int


@dataclass(frozen=True)
class ExactReport:
    """The exact figures of a policy; those that the size of the game forbids are None.

    Attributes:
        nash_conv_greedy: NashConv of the most probable moves, in [0, 2].
        nash_conv: NashConv of the move probabilities themselves, in [0, 2].
        best_response_x: Score of the best opponent that plays X against the most probable moves.
        best_response_o: The same of the best opponent that plays O.
        facts: What the table of the whole game tells about the most probable moves.
        refuted_reply_rate: Share of the opponents' moves in all reached positions after which the
            greedy agent still gets what its seat is worth, whatever follows.
        shortest_refutation: Plies of the shortest game found in which it does not.
        vs_random_x: Result of the greedy agent as X against the uniformly random player.
        vs_random_o: The same with the agent as O; the outcome is still seen by X.
        ceilings: The best possible scores against the random player.
    """

    nash_conv_greedy: float | None
    nash_conv: float | None
    best_response_x: float | None
    best_response_o: float | None
    facts: TableFacts | None
    refuted_reply_rate: float | None
    shortest_refutation: int | None
    vs_random_x: Outcome | None
    vs_random_o: Outcome | None
    ceilings: Ceilings | None

    @property
    def optimal_move_rate(self) -> float | None:
        """Share of the decision positions whose greedy move keeps the value, in [0, 1]."""
        if self.facts is None:
            return None
        # On a board of one square, O never has to move.
        return 1.0 - self.facts.mistakes / max(1, self.facts.decision_positions)

    @property
    def score_vs_random_x(self) -> float | None:
        """Mean score of the greedy agent as X against random, in [-1, 1]."""
        return None if self.vs_random_x is None else self.vs_random_x.score

    @property
    def score_vs_random_o(self) -> float | None:
        """Mean score of the greedy agent as O against random, in [-1, 1]."""
        return None if self.vs_random_o is None else -self.vs_random_o.score

    def metrics(self) -> dict[str, float]:
        """Return the figures that are known, by their metric names.

        A normalised score is left out where its ceiling is not above 0, for example where
        the second player always loses: the quotient would say nothing.
        """
        as_x, as_o = self.score_vs_random_x, self.score_vs_random_o
        figures = {
            NASH_CONV_GREEDY: self.nash_conv_greedy,
            NASH_CONV: self.nash_conv,
            BEST_RESPONSE_X: self.best_response_x,
            BEST_RESPONSE_O: self.best_response_o,
            OPTIMAL_MOVE_RATE: self.optimal_move_rate,
            LOSING_POSITIONS: self.facts.losing_positions if self.facts else None,
            REFUTED_REPLY_RATE: self.refuted_reply_rate,
            SHORTEST_REFUTATION: self.shortest_refutation,
            SCORE_VS_RANDOM_X: as_x,
            SCORE_VS_RANDOM_O: as_o,
        }
        if self.ceilings is not None:
            for name, score, ceiling in (
                (NORMALIZED_SCORE_X, as_x, self.ceilings.as_x),
                (NORMALIZED_SCORE_O, as_o, self.ceilings.as_o),
            ):
                if score is not None and ceiling > 0.0:
                    figures[name] = score / ceiling
        return {name: float(figure) for name, figure in figures.items() if figure is not None}


NOTHING_KNOWN = ExactReport(*[None] * len(fields(ExactReport)))
"""The report of an agent whose game can be neither solved nor walked."""


def evaluate(solved: SolvedGame, table: Table, seat: Seat | None = None) -> ExactReport:
    """Measure a policy of a solved game.

    Args:
        solved: The game, as `solve_or_raise` returns it.
        table: `[P, A]` move probabilities.
        seat: The only seat that the policy plays; None = it plays both. The rows of the other seat
            do not matter, and NashConv, which takes both, is not known.

    Raises:
        ValueError: If the table is no policy of the game; see `check_table`.
    """
    if seat is not None:
        return _evaluate_seat(solved, table, seat)
    positions, solution, uniform, ceilings = solved
    check_table(positions, table)
    greedy = greedy_table(positions, table)
    response = sweep(positions, greedy)
    return ExactReport(
        nash_conv_greedy=response.nash_conv,
        nash_conv=sweep(positions, table).nash_conv,
        best_response_x=response.as_x,
        best_response_o=response.as_o,
        facts=TableFacts(
            losing_positions=_losing_positions(positions, solution, greedy),
            decision_positions=len(positions.decisions),
            mistakes=int((~solution.optimal[greedy > 0]).sum()),
        ),
        refuted_reply_rate=None,
        shortest_refutation=None,
        vs_random_x=outcome(positions, greedy, uniform),
        vs_random_o=outcome(positions, uniform, greedy),
        ceilings=ceilings,
    )


def _evaluate_seat(solved: SolvedGame, table: Table, seat: Seat) -> ExactReport:
    """Return the figures of one seat, with perfect play in the other, which makes no mistake."""
    positions, solution = solved.positions, solved.solution
    rows = positions.decisions
    rows = rows[positions.x_to_move[rows] != (seat == "x")]
    optimal = solution.optimal[rows]
    table = table.copy()
    table[rows] = optimal / optimal.sum(axis=1, keepdims=True)
    report = evaluate(solved, table)
    assert report.facts is not None  # noqa: S101 - for the type checker
    facts = report.facts._replace(decision_positions=len(positions.decisions) - len(rows))
    is_x = seat == "x"
    return replace(
        report,
        nash_conv_greedy=None,
        nash_conv=None,
        # The opponent of an agent that plays X is the best response that plays O.
        best_response_x=None if is_x else report.best_response_x,
        best_response_o=report.best_response_o if is_x else None,
        facts=facts,
        vs_random_x=report.vs_random_x if is_x else None,
        vs_random_o=None if is_x else report.vs_random_o,
    )


def evaluate_walks(walks: Walks) -> ExactReport:
    """Return the figures that need no table of the game: those of a deterministic agent.

    Args:
        walks: Those of both seats.
    """
    as_x, as_o = walks.guaranteed_as_x, walks.guaranteed_as_o
    vs_random_x, vs_random_o = walks.vs_random
    return ExactReport(
        nash_conv_greedy=walks.nash_conv,
        nash_conv=None,
        best_response_x=None if as_o is None else -as_o,
        best_response_o=None if as_x is None else -as_x,
        facts=None,
        refuted_reply_rate=walks.refuted_reply_rate,
        shortest_refutation=walks.shortest_refutation,
        vs_random_x=vs_random_x,
        vs_random_o=vs_random_o,
        ceilings=None,
    )


def _losing_positions(positions: Positions, solution: Solution, greedy: Table) -> int:
    count = 0
    for agents_turn, value in (
        (positions.x_to_move, solution.game_value),
        (~positions.x_to_move, -solution.game_value),
    ):
        allowed = positions.legal & (~agents_turn[:, None] | (greedy > 0))
        values = np.where(agents_turn, solution.values, -solution.values)
        count += int((_reached(positions, allowed) & (values < value)).sum())
    return count


def _reached(positions: Positions, allowed: Mask) -> Mask:
    reached = np.zeros(len(positions), np.bool_)
    reached[0] = True
    for rows in positions.plies():
        moves = reached[rows, None] & allowed[rows]
        reached[positions.children[rows][moves]] = True
    return reached
