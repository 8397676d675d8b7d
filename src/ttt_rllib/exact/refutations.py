"""The games in which opponents get more from a deterministic agent than its seat is worth.

Found backwards over the positions that a walk has reached; see `reached`.
Shapes: `n` positions of a ply, `d` of them in which moves were made, `A` actions.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_rllib.exact.reached import NO_CHILD, ONGOING, Layer, ReachedSet

__all__ = ["Refutation", "Refutations", "find_refutations"]

NEVER = np.uint8(255)
"""More plies than any game has."""
CHUNK = 1 << 20
"""Positions at a time, which bounds the memory."""


@dataclass(frozen=True)
class Refutation:
    """A game, and how it ends.

    Attributes:
        moves: The action numbers of both players, from the empty board to the end.
        result: The agent's result, -1 or 0.
    """

    moves: tuple[int, ...]
    result: int


@dataclass(frozen=True)
class Refutations:
    """How an agent can be brought below a result.

    Attributes:
        reached: The positions.
        positions: Positions, the last ones of these games included, from which an opponent can
            bring the agent below the result.
        good_replies: Moves of the opponent after which it can still do so.
        games: Games that end below the result, as a number that is exact below 2^53.
        plies: For each ply `[n]` uint8, plies of the shortest way to the end of such a game;
            `NEVER` where there is none.
    """

    reached: ReachedSet
    positions: int
    good_replies: int
    games: int
    plies: tuple[npt.NDArray[np.uint8], ...]

    @property
    def shortest_plies(self) -> int:
        """Plies of the shortest of the games."""
        return int(self.plies[0][0])

    def shortest(self) -> Iterator[Refutation]:
        """Yield the games, shorter ones first, those of a length in the order of their moves."""
        # A heap of (length of the shortest game with this prefix, prefix, row): equal lengths
        # compare by their moves.
        start: tuple[int, tuple[int, ...], int] = (self.shortest_plies, (), 0)
        prefixes = [start] if self.shortest_plies != NEVER else []
        while prefixes:
            length, moves, row = heapq.heappop(prefixes)
            ply = len(moves)
            if length == ply:
                yield Refutation(moves, int(self.reached.layers[ply].results[row]))
                continue
            for action, child in _moves(self.reached.layers[ply], row):
                below = self.plies[ply + 1][child]
                if below != NEVER:
                    heapq.heappush(prefixes, (ply + 1 + int(below), (*moves, action), child))

    def sample(self, num_games: int, rng: np.random.Generator) -> Boards:
        """Return the positions, but for the last ones, of some of the games.

        Every move of the opponent with which it still succeeds is as likely as any other.

        Args:
            num_games: Number of games; one may be drawn twice.
            rng: The source of all randomness.
        """
        boards = Boards.empty(self.reached.game, num_games)
        rows = np.zeros(num_games, np.intp)
        passed = []
        for layer, below in zip(self.reached.layers, self.plies[1:], strict=False):
            is_ongoing = layer.results[rows] == ONGOING
            rows, boards = rows[is_ongoing], boards[is_ongoing]
            if not len(rows):
                break
            passed.append(boards)
            places = np.searchsorted(layer.expanded, rows)
            children = layer.children[places]
            is_good = (children != NO_CHILD) & (below[children] != NEVER)
            chosen = np.where(is_good, rng.random(is_good.shape), -1.0).argmax(axis=1)
            actions = layer.actions[places] if layer.is_agents else chosen
            boards = boards.place(actions)
            rows = children[np.arange(len(rows)), chosen]
        return Boards(
            self.reached.game,
            np.concatenate([one.mover for one in passed]),
            np.concatenate([one.opponent for one in passed]),
        )


def find_refutations(reached: ReachedSet, target: int) -> Refutations:
    """Find the games in which the agent's result is below `target`.

    Args:
        reached: A walk, complete or not; of an incomplete one, the games that it has found.
        target: The result that counts as kept, 0 or +1.
    """
    positions = good_replies = 0
    all_plies: list[npt.NDArray[np.uint8]] = []
    below = _Below(np.zeros(0, np.uint8), np.zeros(0))
    for layer in reversed(reached.layers):
        ended = layer.results < target
        plies, games = np.where(ended, np.uint8(0), NEVER), ended.astype(np.float64)
        for start in range(0, len(layer.expanded), CHUNK):
            chunk = slice(start, start + CHUNK)
            children = layer.children[chunk]
            is_good = (children != NO_CHILD) & (below.plies[children] != NEVER)
            if not layer.is_agents:
                good_replies += int(is_good.sum())
            shortest = np.where(is_good, below.plies[children], NEVER).min(axis=1)
            rows = layer.expanded[chunk]
            plies[rows] = np.where(shortest == NEVER, NEVER, shortest + np.uint8(1))
            games[rows] = np.where(is_good, below.games[children], 0.0).sum(axis=1)
        positions += int((plies != NEVER).sum())
        all_plies.append(plies)
        below = _Below(plies, games)
    return Refutations(
        reached, positions, good_replies, int(below.games[0]), tuple(all_plies[::-1])
    )


class _Below(NamedTuple):
    """What is known about the positions of the next ply: see `Refutations`."""

    plies: npt.NDArray[np.uint8]
    games: npt.NDArray[np.float64]


def _moves(layer: Layer, row: int) -> Iterator[tuple[int, int]]:
    """Yield the moves made in a position, and the rows to which they lead."""
    place = int(np.searchsorted(layer.expanded, row))
    if layer.is_agents:
        yield int(layer.actions[place]), int(layer.children[place, 0])
        return
    for action, child in enumerate(layer.children[place].tolist()):
        if child != NO_CHILD:
            yield action, child
