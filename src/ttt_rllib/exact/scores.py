"""The exact result of one policy against another, and the best result possible.

Shapes: `P` positions, `A` actions.
"""

from typing import NamedTuple

import numpy as np

from ttt_envs.boards import Mask
from ttt_envs.positions import Positions
from ttt_rllib.exact.exploitability import best_response
from ttt_rllib.exact.solver import Solution, action_values, terminal_values
from ttt_rllib.exact.tables import Table, check_table

__all__ = ["Ceilings", "Outcome", "match", "outcome", "score_ceilings", "sharpest_moves"]


ROUNDING = 1e-9
"""Mean scores this close are equal; the sums of equals differ in the last digits."""


class Outcome(NamedTuple):
    """Probabilities of the three results, seen by X."""

    x_wins: float
    draw: float
    o_wins: float

    @property
    def score(self) -> float:
        """Mean score of X in [-1, 1]."""
        return self.x_wins - self.o_wins


class Ceilings(NamedTuple):
    """The best mean score against a fixed opponent, for each seat of the responder."""

    as_x: float
    as_o: float


def match(positions: Positions, x_table: Table, o_table: Table) -> Outcome:
    """Return the exact outcome of X's policy against O's, over all games at once.

    Args:
        positions: All positions of the game.
        x_table: `[P, A]` probabilities of the player in the first seat.
        o_table: `[P, A]` probabilities of the player in the second seat.

    Raises:
        ValueError: If a table is no policy of the game; see `check_table`.
    """
    check_table(positions, x_table)
    check_table(positions, o_table)
    return outcome(positions, x_table, o_table)


def outcome(positions: Positions, x_table: Table, o_table: Table) -> Outcome:
    """Do what `match` does with tables that were checked before."""
    table = np.where(positions.x_to_move[:, None], x_table, o_table)
    reached = np.zeros(len(positions))
    reached[0] = 1.0
    for rows in positions.plies():
        moves = reached[rows, None] * table[rows]
        parents, actions = np.nonzero(moves)
        children = positions.children[rows][parents, actions]
        np.add.at(reached, children, moves[parents, actions])
    return Outcome(
        x_wins=float(reached[positions.lost & ~positions.x_to_move].sum()),
        draw=float(reached[positions.terminal & ~positions.lost].sum()),
        o_wins=float(reached[positions.lost & positions.x_to_move].sum()),
    )


def score_ceilings(positions: Positions, opponent: Table) -> Ceilings:
    """Return the greatest possible mean scores against `opponent`.

    Args:
        positions: All positions of the game.
        opponent: `[P, A]` the opponent's move probabilities.
    """
    response = best_response(positions, opponent)
    return Ceilings(response.as_x, response.as_o)


def sharpest_moves(positions: Positions, solution: Solution, opponent: Table) -> Mask:
    """`[P, A]` bool: of the moves that keep the value, those that score best against `opponent`.

    Args:
        positions: All positions of the game.
        solution: Their values.
        opponent: `[P, A]` the opponent's move probabilities; it need not play well.
    """
    player, replier = terminal_values(positions), terminal_values(positions)
    sharpest = np.zeros_like(positions.legal)
    for rows in reversed(list(positions.plies())):
        playing = ~positions.terminal[rows]
        optimal = solution.optimal[rows]
        scores = np.where(optimal, action_values(positions, replier, rows), -np.inf)
        best = scores.max(axis=1)
        sharpest[rows] = optimal & (scores >= best[:, None] - ROUNDING)
        reply = np.where(positions.legal[rows], -player[positions.children[rows]], 0.0)
        player[rows] = np.where(playing, best, player[rows])
        replier[rows] = np.where(playing, (opponent[rows] * reply).sum(axis=1), replier[rows])
    return sharpest
