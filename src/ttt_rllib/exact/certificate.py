"""The proof that an agent never falls below what its seat can guarantee.

A deterministic agent can only come to few positions: those reached when it moves by its policy
and the opponent makes any moves. If no game among them ends worse for it than the seat's game
value, no opponent can do better than perfect play: the agent is unexploitable (its NashConv is 0).
In tic-tac-toe this means that it never loses. The value of the game need not be known: results
that the agent guarantees in both seats and that add up to 0 are the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ttt_rllib.exact.evaluation import TableFacts
from ttt_rllib.exact.reached import ReachedSet
from ttt_rllib.exact.walks import Seat, Walks

__all__ = ["MAX_LOSING_LINES", "Certificate", "LosingLine", "SeatProof", "certify"]

MAX_LOSING_LINES = 50
"""A certificate lists at most this many losing lines; it counts all of them."""


@dataclass(frozen=True)
class LosingLine:
    """A game in which an opponent does better against the agent than perfect play allows.

    Attributes:
        seat: The agent's seat.
        moves: The action numbers of both players, from the empty board to the end.
        result: The agent's result, -1 or 0 (0 only where the seat could force a win).
    """

    seat: Seat
    moves: tuple[int, ...]
    result: int


class SeatProof(NamedTuple):
    """What a certificate says of one seat; its fields are those that end in `_as_x` and `_as_o`."""

    guaranteed: int | None
    positions: int
    incomplete: str
    moves_sha256: str | None


@dataclass(frozen=True)
class Certificate:
    """What was checked, and the verdict.

    Where not all positions were reached, a figure is None unless it is known nevertheless. Of an
    agent that plays one seat only, everything is about that seat.

    Attributes:
        unexploitable: No opponent gets more from the agent than the game's value, in either seat;
            None where the walk ended before that was decided.
        perfect: The agent's move keeps the value of every decision position of the game; None
            where the game is too large to tell.
        game_value: Value of the empty board for X, in {-1, 0, +1}; None where it is not known.
        guaranteed_as_x: The agent's result as X against its best response.
        guaranteed_as_o: The same as O.
        positions_as_x: Positions reached with the agent as X and any opponent.
        positions_as_o: The same with the agent as O.
        incomplete_as_x: A clause that says why there may be more of them; empty if these are all.
        incomplete_as_o: The same with the agent as O.
        moves_sha256_as_x: Digest of the agent's moves in all positions that it can come to as X;
            see `ReachedSet`.
        moves_sha256_as_o: The same as O.
        replies: Moves of the opponents in all these positions, of both seats.
        losing_replies: Those after which an opponent can bring the agent below its game value.
        losing_positions: Reached positions worth less than the seat's game value if both sides
            play perfectly from there.
        decision_positions: Decision positions of the game.
        mistakes: Decision positions in which the agent's move gives value away.
        losing_line_count: Complete games that end below the seat's game value, where all are
            known; exact below 2^53.
        losing_lines: The shortest ones found, shortest first.
    """

    unexploitable: bool | None
    perfect: bool | None
    game_value: int | None
    guaranteed_as_x: int | None
    guaranteed_as_o: int | None
    positions_as_x: int
    positions_as_o: int
    incomplete_as_x: str
    incomplete_as_o: str
    moves_sha256_as_x: str | None
    moves_sha256_as_o: str | None
    replies: int | None
    losing_replies: int | None
    losing_positions: int | None
    decision_positions: int | None
    mistakes: int | None
    losing_line_count: int | None
    losing_lines: tuple[LosingLine, ...]

    def of_seat(self, seat: Seat) -> SeatProof:
        """Return what is proved about one seat."""
        return SeatProof(*(getattr(self, f"{name}_as_{seat}") for name in SeatProof._fields))


def certify(
    walks: Walks, facts: TableFacts | None = None, max_lines: int = MAX_LOSING_LINES
) -> Certificate:
    """Return what the walks prove.

    Args:
        walks: Those of both seats.
        facts: What the table of the whole game tells; None where there is none.
        max_lines: The greatest number of losing lines to list.
    """
    found = walks.refutations
    lines = [
        LosingLine("x" if refutations.reached.agent_is_x else "o", line.moves, line.result)
        for refutations in found
        for line in islice(refutations.shortest(), max_lines)
    ]
    lines.sort(key=lambda line: (len(line.moves), line.seat, line.moves))
    is_complete = walks.is_complete
    # An agent that can be exploited makes a mistake somewhere, wherever that is.
    perfect = None if walks.is_unexploitable is not False else False
    return Certificate(
        unexploitable=walks.is_unexploitable,
        perfect=facts.mistakes == 0 if facts else perfect,
        game_value=walks.game_value,
        guaranteed_as_x=walks.guaranteed_as_x,
        guaranteed_as_o=walks.guaranteed_as_o,
        positions_as_x=walks.as_x.positions,
        positions_as_o=walks.as_o.positions,
        incomplete_as_x=walks.as_x.incomplete_reason,
        incomplete_as_o=walks.as_o.incomplete_reason,
        moves_sha256_as_x=_digest(walks.as_x),
        moves_sha256_as_o=_digest(walks.as_o),
        replies=sum(reached.num_replies for reached in walks.of_seats) if is_complete else None,
        losing_replies=sum(one.good_replies for one in found) if is_complete else None,
        losing_positions=facts.losing_positions if facts else None,
        decision_positions=facts.decision_positions if facts else None,
        mistakes=facts.mistakes if facts else None,
        losing_line_count=sum(one.games for one in found) if is_complete else None,
        losing_lines=tuple(lines[:max_lines]),
    )


def _digest(reached: ReachedSet) -> str | None:
    return None if reached.incomplete_reason else reached.moves_sha256
