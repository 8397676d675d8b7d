"""The games that a deterministic agent loses, from the table of a solved game.

A backward sweep over the table takes a millisecond, where a walk over what opponents can reach
(`exact.walks`) takes ten: quick enough to look at every evaluation of a training.
Shapes: `P` positions, `A` actions.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Mask
from ttt_rllib.exact.certificate import LosingLine
from ttt_rllib.exact.solved_game import SolvedGame
from ttt_rllib.exact.walks import SEATS, Seat

__all__ = ["LosingGames", "find_losing_games"]

NEVER = np.uint8(255)
"""More plies than any game has."""


@dataclass(frozen=True)
class LosingGames:
    """The games in which opponents get more from an agent than one of its seats is worth.

    Attributes:
        solved: The game.
        seat: The agent's seat.
        moves: `[P]` the agent's move in every position.
        count: Number of games; exact below 2^53.
        plies: `[P]` uint8, plies from a position to the end of the shortest such game, `NEVER`
            where there is none.
    """

    solved: SolvedGame
    seat: Seat
    moves: npt.NDArray[np.intp]
    count: int
    plies: npt.NDArray[np.uint8]

    def shortest(self) -> Iterator[LosingLine]:
        """Yield the games, shorter ones first, those of a length in the order of their moves."""
        positions = self.solved.positions
        start: tuple[int, tuple[int, ...], int] = (int(self.plies[0]), (), 0)
        prefixes = [start] if self.count else []
        while prefixes:
            length, moves, row = heapq.heappop(prefixes)
            if length == len(moves):
                yield LosingLine(self.seat, moves, -1 if positions.lost[row] else 0)
                continue
            is_agents = (len(moves) % 2 == 0) == (self.seat == "x")
            for action in (self.moves[row],) if is_agents else np.flatnonzero(positions.legal[row]):
                child = int(positions.children[row, action])
                below = int(self.plies[child])
                if below != NEVER:
                    heapq.heappush(prefixes, (len(moves) + 1 + below, (*moves, int(action)), child))

    def mistake(self, line: LosingLine) -> tuple[int, int] | None:
        """Return the agent's last move of a game that gave its seat's value away.

        Returns:
            The ply of the move, counted from 0, and the row of the position in which it was made;
            None if there is none.
        """
        positions, solution, *_ = self.solved
        found, row = None, 0
        for ply, action in enumerate(line.moves):
            is_agents = (ply % 2 == 0) == (self.seat == "x")
            # A move of a position that is lost already gives nothing away.
            if is_agents and not solution.optimal[row, action]:
                found = ply, row
            row = int(positions.children[row, action])
        return found


def find_losing_games(
    solved: SolvedGame, moves: npt.NDArray[np.intp]
) -> tuple[LosingGames, LosingGames]:
    """Find the games that an agent loses as X and as O, or draws where its seat could win.

    Args:
        solved: The game.
        moves: `[P]` the agent's move in every position; any number where the game is over.
    """
    as_x, as_o = (_find(solved, moves, seat) for seat in SEATS)
    return as_x, as_o


def _find(solved: SolvedGame, moves: npt.NDArray[np.intp], seat: Seat) -> LosingGames:
    positions, solution, *_ = solved
    agents: Mask = positions.x_to_move if seat == "x" else ~positions.x_to_move
    target = solution.game_value if seat == "x" else -solution.game_value
    # The mover of a lost position has lost; what is over and not lost is drawn.
    results = np.where(positions.lost, np.where(agents, -1, 1), 0)
    ended = positions.terminal & (results < target)
    plies = np.where(ended, np.uint8(0), NEVER)
    games = ended.astype(np.float64)
    for rows in reversed(list(positions.plies())):
        playing = np.flatnonzero(~positions.terminal[rows]) + rows.start
        if not len(playing):
            continue
        if agents[playing[0]]:
            children = positions.children[playing, moves[playing]]
            shortest, games[playing] = plies[children], games[children]
        else:
            children = positions.children[playing]
            legal = children >= 0
            shortest = np.where(legal, plies[children], NEVER).min(axis=1)
            games[playing] = np.where(legal, games[children], 0.0).sum(axis=1)
        plies[playing] = np.where(shortest == NEVER, NEVER, shortest + np.uint8(1))
    return LosingGames(solved, seat, moves, int(games[0]), plies)
