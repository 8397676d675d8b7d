"""The positions that a deterministic agent can be led to, on boards of any size.

Against an agent that always plays the same move in the same position, only a small part of a game
can be reached: one move of the agent and every move of the opponent, ply by ply, with equal
positions merged. So the exact best response to the agent needs neither a table of the game nor a
solver, and Connect Four, with 4.5e12 positions, comes into reach.

The walk knows the rules and a function from positions to moves, and nothing of networks.
Shapes: `n` positions of a ply, `d` of them in which moves are made, `e` moves made in them, `A`
actions, `K` opponents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards
from ttt_envs.game import Game
from ttt_envs.keys import boards_of_keys, has_keys, position_keys
from ttt_envs.threats import line_completing_squares
from ttt_rllib.exact.disk_arrays import DiskArrays, DiskLimitError
from ttt_rllib.exact.tables import Table

__all__ = [
    "NO_CHILD",
    "ONGOING",
    "Layer",
    "MovesOf",
    "ProbabilitiesOf",
    "ReachedSet",
    "WalkLimits",
    "not_walkable_reason",
    "not_walked",
    "walk_reached",
]

MovesOf = Callable[[Boards], npt.NDArray[np.integer[Any]]]
"""From `[n]` positions to `[n]` legal actions; the same position always has the same action."""

ProbabilitiesOf = Callable[[Boards], Table]
"""From `[n]` positions to move probabilities `[n, A]`."""

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.integer[Any]]
Results = npt.NDArray[np.int8]
Shares = npt.NDArray[np.float64]
"""`[K, n]` probability of coming to each position in a game against each opponent."""

RESULTS = (1, 0, -1)
ONGOING = np.int8(2)
"""Instead of a result, which is -1, 0 or +1 for the agent."""
NO_CHILD = -1
CHUNK = 1 << 17
"""Positions in which moves are made at a time, which bounds the memory for those moves."""
MERGED_BY_CHUNKS = 4
"""Equal positions of different chunks are held at the same time; this many copies are allowed."""
NO_ACTIONS = np.zeros(0, np.uint8)


class WalkLimits(NamedTuple):
    """Where a walk ends without having reached everything.

    Attributes:
        positions: The greatest number of positions.
        disk_bytes: The greatest size of the temporary files.
        width: The greatest number of positions of a ply in which the agent makes its move; of
            more, only the most dangerous are taken: a search for a refutation. None = all are.
        stop_below: The walk ends after the first ply in which a game ends with a result of the
            agent below this; None = it does not.
    """

    positions: int = 200_000_000
    disk_bytes: int = 16_000_000_000
    width: int | None = None
    stop_below: int | None = None


class Layer(NamedTuple):
    """The positions of one ply.

    Attributes:
        results: `[n]` int8, the agent's result where the game is over, else `ONGOING`.
        expanded: `[d]` rows of the positions in which moves were made.
        actions: `[d]` uint8, the agent's moves; empty where the opponent moves.
        children: `[d, A]` rows of the next layer, `NO_CHILD` where illegal; `[d, 1]` where the
            agent moves.
        is_agents: Whether it is the agent that moves.
    """

    results: Results
    expanded: Rows
    actions: Bytes
    children: npt.NDArray[np.int32]
    is_agents: bool


@dataclass(frozen=True)
class ReachedSet:
    """What a walk has found.

    Attributes:
        game: The rules.
        agent_is_x: The agent's seat.
        positions: Positions reached; those in which the game is over count.
        results: The agent's results of the games found, each in {-1, 0, +1}. The least is what a
            best response leaves to the agent, if the walk is complete.
        num_replies: Moves that opponents made in them.
        incomplete_reason: A clause that says why not everything was reached; empty if it was.
        outcomes: `[K, 3]` probabilities that the agent wins, draws and loses against each of the
            opponents; of an incomplete walk they mean nothing.
        moves_sha256: Digest of the agent's moves. For each ply in which it is to move, the keys of
            the positions, ascending, as 8 bytes each, lowest first; then the moves, one byte each.
        layers: The positions by ply.
    """

    game: Game
    agent_is_x: bool
    positions: int
    results: frozenset[int]
    num_replies: int
    incomplete_reason: str
    outcomes: npt.NDArray[np.float64]
    moves_sha256: str
    layers: tuple[Layer, ...]


def not_walkable_reason(game: Game) -> str | None:
    """Return a clause that says why a game cannot be walked; None if it can."""
    if has_keys(game):
        return None
    return f"the positions of a {game.rows} x {game.cols} board do not fit 64 bits"


def not_walked(game: Game, *, agent_is_x: bool, reason: str) -> ReachedSet:
    """Return the set of a seat that nobody asked about: nothing was reached.

    Args:
        game: The rules.
        agent_is_x: The seat.
        reason: A clause that says why.
    """
    no_outcomes = np.zeros((0, len(RESULTS)))
    return ReachedSet(game, agent_is_x, 0, frozenset(), 0, reason, no_outcomes, "", ())


def walk_reached(
    game: Game,
    agent: MovesOf,
    *,
    agent_is_x: bool,
    opponents: Sequence[ProbabilitiesOf] = (),
    limits: WalkLimits = WalkLimits(),  # noqa: B008 - it cannot be changed
    on_ply: Callable[[int, int], None] = lambda ply, positions: None,
) -> ReachedSet:
    """Reach every position that an opponent can bring about, ply by ply.

    Args:
        game: The rules; see `not_walkable_reason`.
        agent: Its moves.
        agent_is_x: Its seat.
        opponents: Players that it is scored against.
        limits: Where to end early.
        on_ply: Called after every ply with its number and the positions reached so far.

    Raises:
        ValueError: If the agent makes an illegal move.
    """
    walk = _Walk(game, agent, agent_is_x, opponents, limits)
    while walk.is_ongoing:
        walk.make_moves()
        on_ply(len(walk.layers), walk.positions)
    return ReachedSet(
        game=game,
        agent_is_x=agent_is_x,
        positions=walk.positions,
        results=frozenset(walk.found),
        num_replies=walk.num_replies,
        incomplete_reason=walk.reason,
        outcomes=walk.outcomes,
        moves_sha256=walk.digest.hexdigest(),
        layers=(*walk.layers, walk.last_layer()),
    )


class _Walk:
    """A walk under way: the finished layers, and the ply in which the next moves are made."""

    def __init__(
        self,
        game: Game,
        agent: MovesOf,
        agent_is_x: bool,
        opponents: Sequence[ProbabilitiesOf],
        limits: WalkLimits,
    ) -> None:
        self.game, self.agent, self.agent_is_x = game, agent, agent_is_x
        self.opponents, self.limits = opponents, limits
        self.layers: list[Layer] = []
        self.positions = 1
        self.found: set[int] = set()
        self.num_replies = 0
        self.outcomes = np.zeros((len(opponents), len(RESULTS)))
        self.reason = ""
        self.is_ongoing = True
        self.digest = hashlib.sha256()
        self.disk = DiskArrays(limits.disk_bytes)
        self.keys = position_keys(Boards.empty(game, 1))
        self.results = np.full(1, ONGOING)
        self.shares: Shares = np.ones((len(opponents), 1))

    def make_moves(self) -> None:
        """Make the moves of one ply."""
        agent_moves = (len(self.layers) % 2 == 0) == self.agent_is_x
        rows: Rows = np.flatnonzero(self.results == ONGOING)
        width = self.limits.width
        if agent_moves and width is not None and len(rows) > width:
            rows = self._most_dangerous(rows, width)
            self.reason = f"only the {width:,} most dangerous of a ply"
        try:
            columns = 1 if agent_moves else self.game.num_actions
            children = self.disk.full((len(rows), columns), NO_CHILD, np.int32)
            merger = _Merger(children, len(self.opponents), MERGED_BY_CHUNKS * self._left)
            actions = NO_ACTIONS
            if agent_moves:
                actions = self._add_agents_moves(merger, rows)
            else:
                self._add_all_moves(merger, rows)
            keys, shares = merger.merge()
            self._check_limit(len(keys))
            layer = Layer(
                self.disk.keep(self.results),
                self.disk.keep(rows.astype(np.int32)),
                self.disk.keep(actions),
                children,
                agent_moves,
            )
        except (_PositionLimitError, DiskLimitError) as error:
            self._end(f"{error} at {self.positions:,} positions, in ply {len(self.layers) + 1}")
            return
        self.layers.append(layer)
        self.positions += len(keys)
        self.keys, self.shares = keys, shares
        self._judge(agent_moves)

    @property
    def _left(self) -> int:
        return self.limits.positions - self.positions

    def _check_limit(self, num_positions: int) -> None:
        if num_positions > self._left:
            raise _PositionLimitError

    def last_layer(self) -> Layer:
        """Return the present ply, in which no moves were made."""
        children = np.zeros((0, self.game.num_actions), np.int32)
        return Layer(self.results, children[:, 0], NO_ACTIONS, children, False)

    def _end(self, reason: str) -> None:
        self.reason = reason or self.reason
        self.is_ongoing = False

    def _most_dangerous(self, rows: Rows, count: int) -> Rows:
        danger = np.concatenate([_danger(self._boards(rows[part])) for part in _chunks(len(rows))])
        return np.sort(rows[np.argpartition(-danger, count)[:count]])

    def _boards(self, rows: Rows) -> Boards:
        return boards_of_keys(self.game, self.keys[rows])

    def _add_agents_moves(self, merger: _Merger, rows: Rows) -> Bytes:
        """Make the agent's move in every row, and return these moves."""
        moves = np.empty(len(rows), np.uint8)
        for part in _chunks(len(rows)):
            boards = self._boards(rows[part])
            chosen = np.asarray(self.agent(boards))
            _check_legal(boards, chosen)
            moves[part] = chosen
            shares = self.shares[:, rows[part]]
            merger.add(part, (slice(None), 0), position_keys(boards.place(chosen)), shares)
        self.digest.update(self.keys[rows].astype("<u8").tobytes())
        self.digest.update(moves.tobytes())
        return moves

    def _add_all_moves(self, merger: _Merger, rows: Rows) -> None:
        """Make every legal move in every row."""
        for part in _chunks(len(rows)):
            boards = self._boards(rows[part])
            parents, actions = np.nonzero(boards.legal_mask())
            self.num_replies += len(parents)
            probabilities = [opponent(boards)[parents, actions] for opponent in self.opponents]
            shares = self.shares[:, rows[part]][:, parents]
            if probabilities:
                shares *= np.stack(probabilities)
            children = position_keys(boards[parents].place(actions))
            merger.add(part, (parents, actions), children, shares)

    def _judge(self, agent_moved: bool) -> None:
        """Find the games that are over."""
        self.results = np.concatenate(
            [
                _results(boards_of_keys(self.game, self.keys[part]), 1 if agent_moved else -1)
                for part in _chunks(len(self.keys))
            ]
        )
        for column, result in enumerate(RESULTS):
            ended = self.results == result
            if ended.any():
                self.found.add(result)
                self.outcomes[:, column] += self.shares[:, ended].sum(axis=1)
        bound = self.limits.stop_below
        if not (self.results == ONGOING).any():
            self._end("")
        elif bound is not None and min(self.found, default=bound) < bound:
            self._end(f"it ended at the first refutation, in ply {len(self.layers)}")


class _PositionLimitError(Exception):
    """More positions than allowed."""

    def __str__(self) -> str:
        return "the limit of positions was reached"


class _Part(NamedTuple):
    """The merged children of one chunk.

    Attributes:
        rows: The rows of the chunk in the table of all children.
        keys: `[m]` the children's keys, ascending.
        shares: `K` arrays `[m]`.
    """

    rows: slice
    keys: Bits
    shares: list[npt.NDArray[np.float64]]


class _Merger:
    """Merges equal children: those of each chunk, and at the end all.

    Args:
        children: `[d, A]` or `[d, 1]`, the table of all children, to be filled with their rows.
        num_opponents: `K`.
        room: The greatest number of positions to hold.
    """

    def __init__(self, children: npt.NDArray[np.int32], num_opponents: int, room: int) -> None:
        self._children, self._num_opponents, self._room = children, num_opponents, room
        self._parts: list[_Part] = []

    def add(
        self, rows: slice, place: tuple[Any, Any], keys: Bits, shares: npt.NDArray[np.float64]
    ) -> None:
        """Add the children of a chunk.

        Args:
            rows: The rows of the chunk.
            place: Index of the `e` moves in these rows.
            keys: `[e]` keys of the children.
            shares: `[K, e]` the probabilities of coming to them by this move.

        Raises:
            _PositionLimitError: If there is no room for them.
        """
        merged, inverse = np.unique(keys, return_inverse=True)
        self._room -= len(merged)
        if self._room < 0:
            raise _PositionLimitError
        # For now, the rows among those of the chunk.
        self._children[rows][place] = inverse
        sums = [np.bincount(inverse, share, len(merged)).astype(np.float64) for share in shares]
        self._parts.append(_Part(rows, merged, sums))

    def merge(self) -> tuple[Bits, Shares]:
        """Return the keys `[n]` of all children, ascending, and their shares `[K, n]`."""
        keys = np.concatenate([part.keys for part in self._parts])
        # Ten times as fast as `np.unique`, which hashes first.
        keys.sort()
        keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
        shares = np.zeros((self._num_opponents, len(keys)))
        for part in self._parts:
            rows = np.searchsorted(keys, part.keys).astype(np.int32)
            children = self._children[part.rows]
            self._children[part.rows] = np.where(children == NO_CHILD, NO_CHILD, rows[children])
            for total, share in zip(shares, part.shares, strict=True):
                total[rows] += share
        return keys, shares


def _chunks(num_rows: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, num_rows)) for start in range(0, num_rows, CHUNK))


def _check_legal(boards: Boards, actions: Rows) -> None:
    """Raise ValueError unless all moves are legal; nothing that follows them would be true."""
    is_legal = (actions >= 0) & (actions < boards.game.num_actions)
    shifts = np.where(is_legal, actions, 0).astype(np.uint64)
    is_legal &= (boards.legal_bits() >> shifts) & np.uint64(1) != 0
    if not is_legal.all():
        row = int(is_legal.argmin())
        raise ValueError(
            f"the agent's move is {actions[row]} where mover={int(boards.mover[row]):#x} and "
            f"opponent={int(boards.opponent[row]):#x}, which is not legal"
        )


def _danger(boards: Boards) -> npt.NDArray[np.int16]:
    """`[n]` squares with which the opponent would win, less those of the mover."""
    if boards.game.table is not None:
        return np.zeros(len(boards), np.int16)
    empty = ~(boards.mover | boards.opponent)
    theirs, own = (
        np.bitwise_count(line_completing_squares(boards.game, stones) & empty).astype(np.int16)
        for stones in (boards.opponent, boards.mover)
    )
    return theirs - own


def _results(boards: Boards, result_of_mover: int) -> Results:
    """`[n]` the agent's results, after moves that win for `result_of_mover`, or `ONGOING`."""
    is_full = boards.legal_bits() == 0
    results = np.where(is_full, np.int8(0), ONGOING)
    return np.where(boards.lost(), np.int8(result_of_mover), results)
