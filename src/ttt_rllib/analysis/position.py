"""One position explained: the exact truth beside what an agent thinks of it.

Exact figures are None where the game is too large for them. Lengths in words count the
moves that the winner still has to make, as in "mate in 2": "you lose in 1" means that the
opponent's next move wins.
Shapes: `P` positions, `A` actions; a board alone is a batch `[1]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_envs.positions import Positions
from ttt_rllib.agents.policies import Policy
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.exact.distance import plies_to_end
from ttt_rllib.exact.evaluation import solved_game

__all__ = ["Analysis", "MoveAnalysis", "Outlook", "analyse", "move_sentence", "position_sentence"]


class Outlook(NamedTuple):
    """The result of best play from a position.

    Attributes:
        value: For the player in question, in {-1, 0, +1}, +1 = wins.
        plies: Until the game is over: the fastest win, the slowest loss; 0 once it is over.
    """

    value: int
    plies: int

    @property
    def winner_moves(self) -> int:
        """Moves that the winner still has to make."""
        return (self.plies + 1) // 2


@dataclass(frozen=True)
class MoveAnalysis:
    """A legal move.

    Attributes:
        action: Its number.
        outlook: For the player who makes it, counted after the move; None: not known.
        is_best: No move is better: it keeps the value, and wins as fast or loses as slowly
            as possible; None where that is not known.
        probability: Probability that the agent plays it, in [0, 1]; None without an agent.
    """

    action: int
    outlook: Outlook | None
    is_best: bool | None
    probability: float | None


@dataclass(frozen=True)
class Analysis:
    """A position.

    Attributes:
        outlook: For the mover; None where the game is too large for exact values.
        moves: The legal moves by their numbers; none once the game is over.
        estimate: The agent's own estimate of the value for the mover, about -1 to +1; None
            where it has none, without an agent, and once the game is over.
    """

    outlook: Outlook | None
    moves: tuple[MoveAnalysis, ...]
    estimate: float | None

    @property
    def best_actions(self) -> tuple[int, ...]:
        """The best moves; none where they are not known."""
        return tuple(move.action for move in self.moves if move.is_best)


def analyse(record: GameRecord, policy: Policy | None = None) -> Analysis:
    """Analyse the current position of a game.

    Args:
        record: The game.
        policy: The agent to ask; it must play the same game.

    Raises:
        ValueError: If the agent plays another game.
    """
    if policy is not None and policy.game != record.game:
        raise ValueError(f"the agent plays {policy.game}, the position is of {record.game}")
    here, outlooks = _look(record)
    best = max((_merit(outlook) for outlook in outlooks.values()), default=None)
    probabilities = None if policy is None or record.is_over else policy(record.board)[0]
    moves = tuple(
        MoveAnalysis(
            action=action,
            outlook=outlook,
            is_best=None if outlook is None else _merit(outlook) == best,
            probability=None if probabilities is None else float(probabilities[action]),
        )
        for action, outlook in outlooks.items()
    )
    return Analysis(here, moves, _estimate(record, policy))


def move_sentence(record: GameRecord, subject: str = "you") -> str | None:
    """Say what the last move did: "you could still draw; now you lose in 2".

    Args:
        record: A game with at least one move.
        subject: Who moved: "you", or a name in the third person such as "X".

    Returns:
        A clause without capital or full stop; None where the truth is not known and the
        game is not over.
    """
    if record.is_over:
        after: Outlook | None = Outlook(0 if record.result == "draw" else 1, 0)
    else:
        after = _turned(_outlook(record.board))
    before = _outlook(record.boards[-2])
    if after is None:
        return None
    now = _words(subject, after, over=record.is_over)
    if before is None:
        return now
    if before.value == after.value == 0 and not record.is_over:
        return "still a draw"
    if after.value < before.value:
        return f"{subject} could {_chance(before)}; now {now}"
    if after.plies != before.plies - 1:
        # Counted after the move, like `now`: a winner would have used up this move.
        best = Outlook(before.value, before.plies - 1)
        return f"{now}; {_when(best)} was possible"
    return now


def position_sentence(record: GameRecord) -> str | None:
    """Say how the game stands, such as "X wins in 2"; None where it is not known."""
    if record.result is not None:
        return "it is a draw" if record.result == "draw" else f"{record.result} has won"
    outlook = _outlook(record.board)
    if outlook is None:
        return None
    if outlook.value == 0:
        return "it is a draw with best play"
    other = "O" if record.turn == "X" else "X"
    return f"{record.turn if outlook.value > 0 else other} wins in {outlook.winner_moves}"


def _words(subject: str, outlook: Outlook, *, over: bool) -> str:
    """Put an outlook after a move into words, for the player that made it."""
    if outlook.value == 0:
        return "it is a draw"
    verb = ("win" if outlook.value > 0 else "lose") + ("" if subject == "you" else "s")
    return f"{subject} {verb}" if over else f"{subject} {verb} {_when(outlook)}"


def _chance(before: Outlook) -> str:
    """Say what the mover could have achieved; `before` is not lost."""
    if before.value == 0:
        return "still draw"
    return "win at once" if before.plies == 1 else f"win in {before.winner_moves}"


def _when(outlook: Outlook) -> str:
    return f"in {outlook.winner_moves}" if outlook.plies else "at once"


class _Book(NamedTuple):
    """Everything known about a solved game, one row per position."""

    positions: Positions
    values: npt.NDArray[np.int8]
    plies: npt.NDArray[np.int8]

    def outlook(self, row: int) -> Outlook:
        return Outlook(int(self.values[row]), int(self.plies[row]))


@lru_cache(maxsize=8)
def _book(game: Game) -> _Book | None:
    truth = solved_game(game)
    if truth is None:
        return None
    plies = plies_to_end(truth.positions, truth.solution)
    return _Book(truth.positions, truth.solution.values, plies)


def _outlook(board: Boards) -> Outlook | None:
    """Look up the result of best play, for the mover of a board `[1]`."""
    book = _book(board.game)
    return None if book is None else book.outlook(int(book.positions.find(board)[0]))


def _look(record: GameRecord) -> tuple[Outlook | None, dict[int, Outlook | None]]:
    """Look up the position for its mover, and every legal action for the player that makes it."""
    book = _book(record.game)
    if book is None:
        return None, dict.fromkeys(record.legal)
    row = int(book.positions.find(record.board)[0])
    children = book.positions.children[row]
    after = {action: _turned(book.outlook(children[action])) for action in record.legal}
    return book.outlook(row), after


def _turned(outlook: Outlook | None) -> Outlook | None:
    """Return the same outlook for the other player."""
    return None if outlook is None else Outlook(-outlook.value, outlook.plies)


def _merit(outlook: Outlook | None) -> tuple[int, int]:
    """Order outlooks: higher values first, then the sooner win and the later loss."""
    return (0, 0) if outlook is None else (outlook.value, -outlook.value * outlook.plies)


def _estimate(record: GameRecord, policy: Policy | None) -> float | None:
    values = getattr(policy, "values", None)
    if values is None or record.is_over:
        return None
    return float(values(record.board)[0])
