"""Test positions with the exact value of every move, for games that are too large to solve.

How often an agent's greedy move keeps the value tells agents apart that score the same against
every fixed player. Most positions of random play are easy: nothing is at stake, or one player can
win at once. So the figures are rates over strata of them, from easy to hard.
`benchmarks/label_positions.py` makes the file, which lies beside this module.
Shapes: `N` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards, Mask
from ttt_envs.game import Game
from ttt_envs.threats import threat_actions, winning_actions
from ttt_rllib.agents.policies import Policy
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.metrics import (
    OPTIMAL_RATE_BY_PLIES,
    OPTIMAL_RATE_DECISIVE,
    OPTIMAL_RATE_ONLY_MOVE,
    OPTIMAL_RATE_QUIET,
)

__all__ = ["ILLEGAL", "LabelledPositions", "labelled_positions", "optimal_rates"]

ILLEGAL = -2
"""Instead of the value of a move; less than every value."""


@dataclass(frozen=True)
class LabelledPositions:
    """Positions of one game in which the value of every move is known.

    Attributes:
        boards: `[N]` positions in which the game is not over.
        values: `[N, A]` int8 value of each move for its mover, +1 = the mover wins; `ILLEGAL`
            where it cannot be played.
    """

    boards: Boards
    values: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.boards)

    @cached_property
    def keeps_value(self) -> Mask:
        """`[N, A]` bool, True for the moves that keep the value of their position."""
        return self.values == self.values.max(axis=1, keepdims=True)

    @cached_property
    def strata(self) -> dict[str, Mask]:
        """`[N]` bool for each stratum, by the name of its metric; the strata overlap.

        *Decisive*: the legal moves differ in value; only these positions are in any stratum.
        *Quiet*: also neither player could win at once, were it to move. *Only move*: of the
        quiet ones, those in which exactly one move keeps the value. The others are the decisive
        positions by the number of stones on the board.
        """
        boards = self.boards
        legal = self.values != ILLEGAL
        decisive = (legal & ~self.keeps_value).any(axis=1)
        quiet = decisive & (winning_actions(boards) == 0) & (threat_actions(boards) == 0)
        by_plies = {
            name: decisive & (first <= boards.ply) & (boards.ply <= last)
            for name, (first, last) in OPTIMAL_RATE_BY_PLIES.items()
        }
        return {
            OPTIMAL_RATE_DECISIVE: decisive,
            OPTIMAL_RATE_QUIET: quiet,
            OPTIMAL_RATE_ONLY_MOVE: quiet & (self.keeps_value.sum(axis=1) == 1),
            **by_plies,
        }

    def optimal_rates(self, policy: Policy) -> dict[str, float]:
        """Return how often the policy's greedy move keeps the value, by the name of the metric.

        Args:
            policy: A player of this game; of equally probable moves the lowest number counts.
        """
        rows = np.flatnonzero(self.strata[OPTIMAL_RATE_DECISIVE])
        kept = np.zeros(len(self), np.bool_)
        kept[rows] = self.keeps_value[rows, greedy_actions(policy, self.boards[rows])]
        return {
            name: float(kept[stratum].mean())
            for name, stratum in self.strata.items()
            if stratum.any()
        }


@lru_cache(maxsize=8)
def labelled_positions(game: Game) -> LabelledPositions | None:
    """Return the test positions of a game; None if there are none.

    Args:
        game: The rules.
    """
    file = files(__package__).joinpath("positions", f"{game.name}.npz")
    if not file.is_file():
        return None
    with file.open("rb") as stream, np.load(stream) as arrays:
        mover, scores = arrays["mover"], arrays["scores"]
        boards = Boards(game, mover, arrays["occupied"] & ~mover)
    values = np.where(boards.legal_mask(), np.sign(scores), np.int8(ILLEGAL))
    return LabelledPositions(boards, values)


def optimal_rates(policy: Policy) -> dict[str, float]:
    """Return the rates of `LabelledPositions.optimal_rates`; none if the game has no positions.

    Args:
        policy: A player of any game.
    """
    positions = labelled_positions(policy.game)
    return {} if positions is None else positions.optimal_rates(policy)
