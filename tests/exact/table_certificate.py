"""The proof that an agent never falls below what its seat can guarantee.

A deterministic agent can only come to few positions: those reached when it moves by its policy
and the opponent makes any moves. If none of them is worth less than the seat's game value, no
opponent can do better than perfect play: the agent is unexploitable (its NashConv is 0). In
tic-tac-toe this means that it never loses.
Shapes: `P` positions, `A` actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Mask
from ttt_envs.positions import Positions
from ttt_rllib.exact.solver import Solution
from ttt_rllib.exact.tables import Table

__all__ = ["MAX_LOSING_LINES", "Certificate", "LosingLine", "certify"]

MAX_LOSING_LINES = 50
"""A certificate lists at most this many losing lines; it counts all of them."""

Seat = Literal["x", "o"]
SEATS: tuple[Seat, Seat] = ("x", "o")


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


@dataclass(frozen=True)
class Certificate:
    """What was checked, and the verdict.

    Attributes:
        unexploitable: No reachable position is worth less than the seat's game value.
        perfect: The agent's move keeps the value of every decision position of the game.
        game_value: Value of the empty board for X, in {-1, 0, +1}.
        positions_as_x: Positions reached with the agent as X and any opponent.
        positions_as_o: The same with the agent as O.
        losing_positions: How many of these are worth less than the seat's game value.
        decision_positions: Decision positions of the game.
        mistakes: Decision positions in which the agent's move gives value away.
        losing_line_count: Complete games that end below the seat's game value.
        losing_lines: The shortest of them, shortest first; see `certify`.
    """

    unexploitable: bool
    perfect: bool
    game_value: int
    positions_as_x: int
    positions_as_o: int
    losing_positions: int
    decision_positions: int
    mistakes: int
    losing_line_count: int
    losing_lines: tuple[LosingLine, ...]


def certify(
    positions: Positions, solution: Solution, greedy: Table, max_lines: int = MAX_LOSING_LINES
) -> Certificate:
    """Check a deterministic agent in every position that it can reach.

    Args:
        positions: All positions of the game.
        solution: Their values.
        greedy: `[P, A]` in {0, 1}, one move per decision position.
        max_lines: The greatest number of losing lines to list; listing them takes most of the time.
    """
    allowed = {seat: _allowed_moves(positions, greedy, seat) for seat in SEATS}
    reached = {seat: _reached(positions, allowed[seat]) for seat in SEATS}
    worse = {seat: _below_game_value(positions, solution, seat) for seat in SEATS}
    lines: list[LosingLine] = []
    count = 0
    for seat in SEATS:
        ends = worse[seat] & positions.terminal
        found, total = _losing_lines(positions, allowed[seat], ends, seat, max_lines)
        lines += found
        count += total
    lines.sort(key=lambda line: (len(line.moves), line.seat, line.moves))
    kept = solution.optimal[greedy > 0]
    losing = sum(int((reached[seat] & worse[seat]).sum()) for seat in SEATS)
    return Certificate(
        unexploitable=losing == 0,
        perfect=bool(kept.all()),
        game_value=solution.game_value,
        positions_as_x=int(reached["x"].sum()),
        positions_as_o=int(reached["o"].sum()),
        losing_positions=losing,
        decision_positions=len(positions.decisions),
        mistakes=int((~kept).sum()),
        losing_line_count=count,
        losing_lines=tuple(lines[:max_lines]),
    )


def _agent_to_move(positions: Positions, seat: Seat) -> Mask:
    return positions.x_to_move if seat == "x" else ~positions.x_to_move


def _allowed_moves(positions: Positions, greedy: Table, seat: Seat) -> Mask:
    agent = _agent_to_move(positions, seat)[:, None]
    return positions.legal & (~agent | (greedy > 0))


def _reached(positions: Positions, allowed: Mask) -> Mask:
    reached = np.zeros(len(positions), np.bool_)
    reached[0] = True
    for rows in positions.plies():
        moves = reached[rows, None] & allowed[rows]
        reached[positions.children[rows][moves]] = True
    return reached


def _below_game_value(positions: Positions, solution: Solution, seat: Seat) -> Mask:
    agent = _agent_to_move(positions, seat)
    values = np.where(agent, solution.values, -solution.values)
    seat_value = solution.game_value if seat == "x" else -solution.game_value
    return values < seat_value


def _losing_lines(
    positions: Positions, allowed: Mask, ends: Mask, seat: Seat, max_lines: int
) -> tuple[list[LosingLine], int]:
    """List the shortest lines into `ends`, and count them all.

    Lines are grown breadth first, and only where an end can still be reached.
    """
    ways = _ways_to(positions, allowed, ends)
    lines: list[LosingLine] = []
    frontier: list[tuple[int, tuple[int, ...]]] = [(0, ())] if ways[0] else []
    while frontier and len(lines) < max_lines:
        grown = []
        for row, moves in frontier:
            if ends[row]:
                result = 0 if not positions.lost[row] else -1
                lines.append(LosingLine(seat, moves, result))
            for action in np.flatnonzero(allowed[row]):
                child = int(positions.children[row, action])
                if ways[child]:
                    grown.append((child, (*moves, int(action))))
        frontier = grown
    return lines, int(ways[0])


def _ways_to(positions: Positions, allowed: Mask, ends: Mask) -> npt.NDArray[np.int64]:
    """`[P]` number of lines from each position into `ends`."""
    ways = ends.astype(np.int64)
    for rows in reversed(list(positions.plies())):
        onward = np.where(allowed[rows], ways[positions.children[rows]], 0).sum(axis=1)
        ways[rows] += onward
    return ways
