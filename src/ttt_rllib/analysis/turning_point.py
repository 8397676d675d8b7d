"""Where a finished game was decided: the last move with which a player could have done better.

Only what is proved counts. After a lost game every position that the loser left behind, seen from
its end, was lost; going back, the first move beside which another one is known to be better was the
mistake. In a large game that way may end at a position whose value nobody knows: then nothing is
said to be better.
"""

from __future__ import annotations

from dataclasses import dataclass

from ttt_rllib.analysis.game_record import GameRecord, Seat
from ttt_rllib.analysis.position import Analysis, analyse

__all__ = ["TurningPoint", "turning_point"]


@dataclass(frozen=True)
class TurningPoint:
    """A move that decided a game.

    Attributes:
        ply: Moves made before it; the game can be tried again from there.
        action: The move.
        better: The best moves among those that are known to lead to more; none where it is known
            only that the game was lost after the move.
        value: What the better moves lead to for their player, 0 or +1; None if there are none.
    """

    ply: int
    action: int
    better: tuple[int, ...]
    value: int | None


def turning_point(record: GameRecord, seat: Seat) -> TurningPoint | None:
    """Return the move with which a player gave away a better result.

    Args:
        record: The game.
        seat: The player.

    Returns:
        None if the game is not over, if the player won it, and if nothing is known to have been
        better: in a lost game because the player was lost before its first move.
    """
    if record.result is None or record.result == seat:
        return None
    result = 0 if record.result == "draw" else -1
    own_plies = range(0 if seat == "X" else 1, len(record.moves), 2)
    for ply in reversed(own_plies):
        analysis = analyse(GameRecord(record.game, record.moves[:ply]))
        found = _better(analysis, record.moves[ply], ply, result)
        if found is not None:
            return found
        if result < 0 and (analysis.outlook is None or analysis.outlook.value > result):
            return TurningPoint(ply, record.moves[ply], (), None)
    return None


def _better(analysis: Analysis, action: int, ply: int, result: int) -> TurningPoint | None:
    """Return the move as a mistake if others are known to lead to more than it and the result.

    Args:
        analysis: The position in which it was made.
        action: The move.
        ply: Moves made before it.
        result: Of the game, for the player; after -1 the move is known to lose, as the game went.
    """
    known = {move.action: move.outlook.value for move in analysis.moves if move.outlook is not None}
    reached = known.get(action, result if result < 0 else None)
    value = max((one for other, one in known.items() if other != action), default=result)
    if reached is None or value <= max(reached, result):
        return None
    best = [move for move in analysis.moves if known.get(move.action) == value]
    # The fastest of several wins, where that is known.
    fastest = [move for move in best if move.is_best] or best
    return TurningPoint(ply, action, tuple(move.action for move in fastest), value)
