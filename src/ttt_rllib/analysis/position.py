"""One position explained: the exact truth beside what an agent thinks of it.

Everything said of a position or a move is exact, and None where it is not known. Small games are
known throughout, from a table. In larger ones a search of a bounded number of positions proves
what it can (`exact.bounds`), and the empty board may have a published value. Lengths in words count
the moves that the winner still has to make, as in "mate in 2": "you lose in 1" means that the
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
from ttt_rllib.analysis.game_record import GameRecord, Seat
from ttt_rllib.exact.bounds import PositionBounds, bound_moves, plies_of_merit
from ttt_rllib.exact.distance import plies_to_end
from ttt_rllib.exact.known_values import known_value
from ttt_rllib.exact.solved_game import solved_game

__all__ = [
    "OPPONENT",
    "Analysis",
    "MoveAnalysis",
    "Outlook",
    "analyse",
    "move_sentence",
    "outlook_words",
    "position_sentence",
]

OPPONENT = "your opponent"
"""The subject of sentences about a move of the reader's opponent; they say what "you" get."""

KEPT_SEARCHES = 4096
"""Positions of large games whose search is kept; each takes about a kilobyte."""


class Outlook(NamedTuple):
    """The result of best play from a position.

    Attributes:
        value: For the player in question, in {-1, 0, +1}, +1 = wins.
        plies: Until the game is over: the fastest win, the slowest loss; 0 once it is over. None:
            only the value is known.
    """

    value: int
    plies: int | None

    @property
    def winner_moves(self) -> int | None:
        """Moves that the winner still has to make; None where that is not known."""
        return None if self.plies is None else (self.plies + 1) // 2


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
        outlook: For the mover; None: not known.
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
    here, judged = _look(record.board)
    probabilities = None if policy is None or record.is_over else policy(record.board)[0]
    moves = tuple(
        MoveAnalysis(
            action=action,
            outlook=outlook,
            is_best=is_best,
            probability=None if probabilities is None else float(probabilities[action]),
        )
        for action, (outlook, is_best) in judged.items()
    )
    return Analysis(here, moves, _estimate(record, policy))


def move_sentence(record: GameRecord, subject: str = "you") -> str | None:
    """Say what the last move did: "you could still draw; now you lose in 2".

    Args:
        record: A game with at least one move.
        subject: Who moved: "you", `OPPONENT`, or a name in the third person such as "X".

    Returns:
        A clause without capital or full stop; None where the truth is not known and the
        game is not over.
    """
    if record.is_over:
        after: Outlook | None = Outlook(0 if record.result == "draw" else 1, 0)
    else:
        after = _turned(_look(record.board)[0])
    before = _look(record.boards[-2])[0]
    if after is None:
        return None
    is_told = subject == OPPONENT
    told = Outlook(-after.value, after.plies) if is_told else after
    now = _words("you" if is_told else subject, told, over=record.is_over)
    if before is None:
        return now
    if before.value == after.value == 0 and not record.is_over:
        return "still a draw"
    if after.value < before.value:
        return f"{subject} could {_chance(before)}; now {now}"
    if is_told:
        return now
    if after.plies is not None and before.plies is not None and after.plies != before.plies - 1:
        # Counted after the move, like `now`: a winner would have used up this move.
        best = Outlook(before.value, before.plies - 1)
        return f"{now}; {_when(best)} was possible"
    return now


def position_sentence(record: GameRecord, you: Seat | None = None) -> str | None:
    """Say how the game stands, such as "X wins in 2"; None where it is not known.

    Args:
        record: The game.
        you: The reader's seat: "you lose in 2".
    """
    if record.result is not None:
        if record.result == "draw":
            return "it is a draw"
        if you is None:
            return f"{record.result} has won"
        return "you have won" if record.result == you else "you have lost"
    outlook = _look(record.board)[0]
    if outlook is None:
        return None
    if outlook.value == 0:
        return "it is a draw with best play"
    other = "O" if record.turn == "X" else "X"
    winner = record.turn if outlook.value > 0 else other
    if you is None:
        return f"{winner} wins {_when(outlook)}"
    return f"you {'win' if winner == you else 'lose'} {_when(outlook)}"


def outlook_words(outlook: Outlook) -> str:
    """Say what a move leads to for the player that makes it: "draws", "wins", "loses in 2"."""
    if outlook.value == 0:
        return "draws"
    verb = "wins" if outlook.value > 0 else "loses"
    return f"{verb} {_when(outlook)}" if outlook.plies != 0 else verb


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
    return "win at once" if before.plies == 1 else f"win {_when(before)}"


def _when(outlook: Outlook) -> str:
    if outlook.plies is None:
        return "with best play"
    return f"in {outlook.winner_moves}" if outlook.plies else "at once"


class _Judged(NamedTuple):
    """What is known of a move: for its player, counted after it, and whether none is better."""

    outlook: Outlook | None
    is_best: bool | None


def _look(board: Boards) -> tuple[Outlook | None, dict[int, _Judged]]:
    """Say what is known of a position `[1]`, for its mover, and of every legal action."""
    book = _book(board.game)
    if book is not None:
        return book.look_up(board)
    if board.lost()[0]:
        return Outlook(-1, 0), {}
    if not board.legal_bits()[0]:
        return Outlook(0, 0), {}
    return _search(board.game, int(board.mover[0]), int(board.opponent[0]))


class _Book(NamedTuple):
    """Everything known about a solved game, one row per position."""

    positions: Positions
    values: npt.NDArray[np.int8]
    plies: npt.NDArray[np.int8]

    def look_up(self, board: Boards) -> tuple[Outlook, dict[int, _Judged]]:
        """Look up a position and its moves."""
        row = int(self.positions.find(board)[0])
        actions = np.flatnonzero(self.positions.legal[row])
        children = self.positions.children[row, actions]
        after = {
            int(action): Outlook(-int(self.values[child]), int(self.plies[child]))
            for action, child in zip(actions, children, strict=True)
        }
        # Higher values first, then the sooner win and the later loss.
        merits = [(value, -value * (plies or 0)) for value, plies in after.values()]
        judged = {
            action: _Judged(outlook, merit == max(merits))
            for (action, outlook), merit in zip(after.items(), merits, strict=True)
        }
        return Outlook(int(self.values[row]), int(self.plies[row])), judged


@lru_cache(maxsize=8)
def _book(game: Game) -> _Book | None:
    truth = solved_game(game)
    if truth is None:
        return None
    plies = plies_to_end(truth.positions, truth.solution)
    return _Book(truth.positions, truth.solution.values, plies)


@lru_cache(maxsize=KEPT_SEARCHES)
def _search(game: Game, mover: int, opponent: int) -> tuple[Outlook | None, dict[int, _Judged]]:
    """Prove what can be proved about a position of a large game that is not over."""
    board = Boards(game, np.array([mover], np.uint64), np.array([opponent], np.uint64))
    bounds = bound_moves(board)
    judged = {}
    columns = (column.tolist() for column in (bounds.actions, bounds.lower, bounds.upper))
    for action, low, high in zip(*columns, strict=True):
        after = board.place(np.array([action]))
        outlook = _outlook(after, low, high) or _turned(_published(after))
        judged[action] = _Judged(outlook, _is_best(bounds, low, high))
    return _outlook(board, *bounds.merit) or _published(board), judged


def _outlook(board: Boards, low: int, high: int) -> Outlook | None:
    """Return the outlook, until the end of the game from here, of a merit with these bounds."""
    value = int(np.sign(low))
    if value != np.sign(high):
        return None
    return Outlook(value, plies_of_merit(board, low) if low == high else None)


def _is_best(bounds: PositionBounds, low: int, high: int) -> bool | None:
    """Tell whether no move is better than one with these bounds; None: not known."""
    least, most = bounds.merit
    return True if low == most else False if high < least else None


def _published(board: Boards) -> Outlook | None:
    """Return what the published value of the game says of its first positions.

    If the second player wins, it wins whatever the first move.
    """
    known, ply = known_value(board.game), int(board.ply[0])
    if known is None or ply > 1 or (ply == 1 and known.value >= 0):
        return None
    return Outlook(known.value if ply == 0 else -known.value, None)


def _turned(outlook: Outlook | None) -> Outlook | None:
    """Return the same outlook for the other player."""
    return None if outlook is None else Outlook(-outlook.value, outlook.plies)


def _estimate(record: GameRecord, policy: Policy | None) -> float | None:
    values = getattr(policy, "values", None)
    if values is None or record.is_over:
        return None
    return float(values(record.board)[0])
