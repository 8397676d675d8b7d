"""A policy whose answers are checked, so that a proof is about what was really answered.

Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.errors import InputError, error_words
from ttt_rllib.exact.tables import TOLERANCE, Table
from ttt_rllib.foreign.lines import place

__all__ = ["Ask", "CheckedPolicy", "Foreign", "as_array"]

Ask = Callable[[Boards], Any]
"""From `[B]` positions to probabilities `[B, A]`, or to moves `[B]`; nothing of it is trusted."""

ASKED_AGAIN = 10_000
"""Positions of a batch that are asked about twice."""


@dataclass(frozen=True)
class Foreign:
    """What an agent was recognised as.

    Attributes:
        kind: Its kind, for people, such as "an OpenSpiel policy".
        game: The rules it plays by.
        ask: Asks it.
    """

    kind: str
    game: Game
    ask: Ask


@dataclass(frozen=True)
class CheckedPolicy:
    """A `Policy` that raises one sentence where an agent's answer is no policy.

    Attributes:
        name: What people call the agent.
        kind: What it is.
        game: The rules.
        ask: Asks it.
    """

    name: str
    kind: str
    game: Game
    ask: Ask

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`.

        Raises:
            InputError: If the agent raises, or if its answer has another shape, is not finite, is
                not made of probabilities, plays an illegal move, or is another one when it is asked
                again.
        """
        table = self._answer(boards)
        self._check(boards, table)
        self._check_same(boards, table)
        return table

    def _answer(self, boards: Boards) -> Table:
        # The agent may modify the boards it is given; the proof needs its own unchanged.
        shown = Boards(boards.game, boards.mover.copy(), boards.opponent.copy())
        try:
            given = as_array(self.ask(shown))
        except InputError:
            raise
        except Exception as error:
            # A foreign agent may raise anything.
            where, cause = self._culprit(boards, error)
            raise InputError(f"{self.name}: raises {where}: {error_words(cause)}") from error
        num_actions = self.game.num_actions
        if given.shape == (len(boards),) and given.dtype.kind in "iu":
            return self._of_moves(boards, given)
        if given.shape != (len(boards), num_actions) or given.dtype.kind not in "biuf":
            raise InputError(
                f"{self.name}: answers {len(boards):,} positions with an array of {given.dtype} "
                f"and shape {given.shape}; give probabilities of shape ({len(boards)}, "
                f"{num_actions}), or the numbers of {len(boards)} moves"
            )
        return given.astype(np.float64)

    def _culprit(self, boards: Boards, error: Exception) -> tuple[str, Exception]:
        """Return words for the first position found in which the agent raises, and its error."""
        while len(boards) > 1:
            half = boards[: len(boards) // 2]
            try:
                self.ask(half)
            except Exception as found:
                boards, error = half, found
                continue
            rest = boards[len(boards) // 2 :]
            try:
                self.ask(rest)
            except Exception as found:
                boards, error = rest, found
                continue
            return f"when it is asked about {len(boards):,} positions at once", error
        return place(boards), error

    def _of_moves(self, boards: Boards, moves: npt.NDArray[Any]) -> Table:
        wrong = np.flatnonzero((moves < 0) | (moves >= self.game.num_actions))
        if len(wrong):
            row = int(wrong[0])
            raise self._refused(
                boards, row, f"it plays {moves[row]}; moves are 0 to {self.game.num_actions - 1}"
            )
        return (np.arange(self.game.num_actions) == moves[:, None]).astype(np.float64)

    def _check(self, boards: Boards, table: Table) -> None:
        legal = boards.legal_mask()
        faults = (
            (~np.isfinite(table), "gives move {move} the probability {value}; {finite}"),
            (table < 0.0, "gives move {move} the probability {value:.6g}; {range}"),
            (table > 1.0 + TOLERANCE, "gives move {move} the probability {value:.6g}; {range}"),
            (
                ~legal & (table != 0.0),
                "gives move {move}, which is illegal, the probability {value:.6g}; {mask}",
            ),
        )
        for is_wrong, words in faults:
            if is_wrong.any():
                row, move = (int(number[0]) for number in np.nonzero(is_wrong))
                told = words.format(move=move, value=float(table[row, move]), **REMEDIES)
                raise self._refused(boards, row, f"it {told}")
        sums = table.sum(axis=1)
        wrong = np.flatnonzero(np.abs(sums - 1.0) > TOLERANCE)
        if len(wrong):
            row = int(wrong[0])
            raise self._refused(
                boards,
                row,
                f"its probabilities sum to {sums[row]:.6g}; divide them by their sum",
            )

    def _check_same(self, boards: Boards, table: Table) -> None:
        """Ask again, in another order: a proof is about one answer in each position."""
        rows = np.unique(np.linspace(0, len(boards) - 1, min(len(boards), ASKED_AGAIN)).astype(int))
        rows = rows[::-1]
        apart = np.abs(self._answer(boards[rows]) - table[rows])
        # A comparison with NaN is false.
        differs = ~(apart <= TOLERANCE)
        if differs.any():
            row = int(rows[differs.any(axis=1)].min())
            at = int(np.flatnonzero(rows == row)[0])
            move = int(differs[at].argmax())
            raise self._refused(
                boards,
                row,
                f"it gives move {move} the probability {table[row, move]:.6g} and, asked again, "
                f"another one; {REMEDIES['same']}",
            )

    def _refused(self, boards: Boards, row: int, clause: str) -> InputError:
        return InputError(f"{self.name}: {place(boards[row : row + 1])} {clause}")


REMEDIES = {
    "finite": "probabilities are finite, look for a division by 0 or a softmax of -inf alone",
    "range": "probabilities are 0 to 1, logits and Q values need a softmax or an argmax first",
    "mask": "mask illegal moves before the softmax, or set them to 0 and divide by the sum",
    "same": "return probabilities instead of drawing a move, without exploration or dropout",
}


def as_array(given: Any) -> npt.NDArray[Any]:
    """Return an answer as an array, also a tensor of torch on a GPU or with a gradient."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
    return np.asarray(given)
