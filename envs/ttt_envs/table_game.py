"""A game whose rules are a table, in the place of a `Game` with a board.

The table has one form for all games: the players alternate with every ply, and a game ends in a
draw or lost for the player who would be to move. Where a game is otherwise, the player to move
passes: an extra, forced move, the last action, which changes nothing but the turn. So a player that
closes a box in Dots and Boxes moves again after the other player's pass, and one that is to move
when it has won passes the lost position on.
Shapes: `S` states of the game, `P` positions, `A` actions with the pass, `W` numbers seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.game import Game
from ttt_envs.rules_table import NO_CHILD, RulesTable

__all__ = [
    "DRAW",
    "MAX_ACTIONS",
    "MAX_PLIES",
    "MAX_POSITIONS",
    "ONGOING",
    "PASS",
    "OwnGameError",
    "StateGraph",
    "TableGame",
    "table_game",
]

ONGOING = -1
"""Instead of the winner, who is player 0 or 1: the game is not over."""

DRAW = 2
"""Instead of the winner: the game is over, and nobody has won."""

MAX_POSITIONS = 1_000_000
"""Games with more positions are refused."""

MAX_ACTIONS = MAX_PLIES = 64
"""As many as the largest board has; with a pass, one action fewer."""

PASS = "pass"  # noqa: S105 - no password
CHUNK = 1 << 16
"""Positions that are shown at a time."""


class OwnGameError(ValueError):
    """A game cannot be used; the message is one sentence."""


class StateGraph(NamedTuple):
    """A game as its author describes it; state 0 is the start.

    Attributes:
        children: `[S, A]` int32, state after an action, -1 where it is illegal or the game over.
        player: `[S]` who moves, 0 or 1.
        winner: `[S]` who has won, 0 or 1; else `ONGOING` or `DRAW`.
        see: From states `[n]` and players `[n]` to `[n, W]` int8, what each sees of a state.
        draw: From a state to text.
        move_names: `[A]` what people call each action.
    """

    children: npt.NDArray[np.int32]
    player: npt.NDArray[np.int8]
    winner: npt.NDArray[np.int8]
    see: Callable[[npt.NDArray[np.intp], npt.NDArray[np.int8]], npt.NDArray[np.int8]]
    draw: Callable[[int], str]
    move_names: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TableGame(Game):
    """A game whose rules are a table; two are equal if their tables are.

    It is a board of one square to those who ask for squares, on which nothing depends.

    Attributes:
        rules: The table.
        reference: Where the game comes from, such as "examples/nim.py:Nim".
        label: Its name for people.
        names: `[A]` what people call each action.
        drawer: From a row to text; None in a copy that was sent to another process.
    """

    rows: int = 1
    cols: int = 1
    connect: int = 1
    rules: RulesTable
    reference: str
    label: str
    names: tuple[str, ...]
    drawer: Callable[[int], str] | None

    @property
    def table(self) -> RulesTable:
        """The rules."""
        return self.rules

    @property
    def name(self) -> str:
        """A name that no other game has, of letters, digits and `_`."""
        word = re.sub(r"\W+", "_", self.label, flags=re.ASCII).strip("_").lower() or "game"
        return f"{word}_{self.rules.sha256[:6]}"

    @property
    def title(self) -> str:
        """The game's name, as people read it."""
        return self.label

    @property
    def size(self) -> str:
        """The game's name: there is no board to describe."""
        return self.label

    @property
    def num_actions(self) -> int:
        """Size `A` of the action space, with the pass if there is one."""
        return self.rules.children.shape[1]

    @property
    def max_plies(self) -> int:
        """Length of the longest possible game in plies."""
        return int(self.rules.ply[-1])

    @property
    def num_inputs(self) -> int:
        """Numbers `W` that describe a position."""
        return self.rules.planes.shape[1]

    @property
    def move_names(self) -> tuple[str, ...]:
        """`[A]` what people call each action."""
        return self.names

    def is_forced_pass(self, legal: tuple[int, ...]) -> bool:
        """Tell whether the only legal move is to pass.

        Args:
            legal: The legal actions of a position.
        """
        return len(legal) == 1 and self.names[legal[0]] == PASS

    def draw(self, row: int) -> str:
        """Return a position as text, without a final newline."""
        return f"position {row}" if self.drawer is None else self.drawer(row)

    def as_json(self) -> dict[str, Any]:
        """Return where the game comes from, and the digest of its table."""
        return {"own_game": self.reference, "sha256": self.rules.sha256}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableGame) and self.rules.sha256 == other.rules.sha256

    def __hash__(self) -> int:
        return hash(self.rules.sha256)

    def __repr__(self) -> str:
        return f"TableGame({self.reference!r}, sha256={self.rules.sha256[:12]!r})"

    def __getstate__(self) -> dict[str, Any]:
        # The author's class may be from a file that other processes cannot import.
        return {**self.__dict__, "drawer": None}


def table_game(graph: StateGraph, reference: str, label: str) -> TableGame:
    """Bring a game into the form of a table.

    Args:
        graph: The game.
        reference: Where it comes from.
        label: Its name for people.

    Raises:
        OwnGameError: If a position can come again, a game may last too long, or there are too many
            positions or actions.
    """
    children = _alternating(graph)
    rows = np.flatnonzero(_reachable(children))
    if len(rows) > MAX_POSITIONS:
        raise OwnGameError(f"it has {len(rows):,} positions; at most {MAX_POSITIONS:,} are handled")
    ply = _plies(children, rows, graph)
    order = np.argsort(ply[rows], kind="stable")
    rows = rows[order]
    number = np.full(len(children), NO_CHILD, np.int32)
    number[rows] = np.arange(len(rows))
    table = np.where(children[rows] == NO_CHILD, NO_CHILD, number[children[rows]])
    names = graph.move_names
    has_pass = bool((table[:, -1] != NO_CHILD).any())
    if not has_pass:
        table = table[:, :-1]
    elif len(names) == MAX_ACTIONS:
        raise OwnGameError(
            f"it has {MAX_ACTIONS} actions and needs a pass; at most {MAX_ACTIONS} are handled"
        )
    states, players = np.divmod(rows, 2)
    rules = RulesTable(
        children=np.ascontiguousarray(table, np.int32),
        lost=graph.winner[states] == 1 - players,
        planes=_planes(graph, states, players.astype(np.int8), table[:, -1] != NO_CHILD, has_pass),
        ply=ply[rows].astype(np.uint8),
    )
    return TableGame(
        rules=rules,
        reference=reference,
        label=label,
        names=(*names, PASS) if has_pass else names,
        drawer=lambda row: graph.draw(int(states[row])),
    )


def _alternating(graph: StateGraph) -> npt.NDArray[np.int64]:
    """`[2 S, A + 1]` rows after an action: row `2 s + m` is state `s` with player `m` to move.

    The last action is the pass.
    """
    states = len(graph.children)
    rows = np.full((2 * states, graph.children.shape[1] + 1), NO_CHILD, np.int64)
    for mover in (0, 1):
        own = rows[mover::2]
        moves = (graph.children != NO_CHILD) & (graph.player == mover)[:, None]
        own[:, :-1][moves] = 2 * graph.children[moves].astype(np.int64) + 1 - mover
        has_won = graph.winner == mover
        passes = has_won | ((graph.winner == ONGOING) & (graph.player != mover))
        own[passes, -1] = 2 * np.flatnonzero(passes) + 1 - mover
    return rows


def _reachable(children: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    reached = np.zeros(len(children), np.bool_)
    frontier = np.zeros(1, np.int64)
    while len(frontier):
        reached[frontier] = True
        after = children[frontier]
        after = np.unique(after[after != NO_CHILD])
        frontier = after[~reached[after]]
    return reached


def _plies(
    children: npt.NDArray[np.int64], rows: npt.NDArray[np.intp], graph: StateGraph
) -> npt.NDArray[np.int64]:
    """Return the length of the longest way to each of the rows.

    Kahn's algorithm: a row is numbered once all rows before it are.
    """
    edges = children[rows]
    waiting = np.bincount(edges[edges != NO_CHILD], minlength=len(children))
    ply = np.full(len(children), -1)
    # Nothing may lead back to the start, which is numbered without being waited for.
    frontier, number, numbered = np.zeros(int(waiting[0] == 0), np.int64), 0, 0
    while len(frontier):
        ply[frontier] = number
        numbered += len(frontier)
        after = children[frontier]
        after, counts = np.unique(after[after != NO_CHILD], return_counts=True)
        waiting[after] -= counts
        frontier, number = after[waiting[after] == 0], number + 1
    if numbered < len(rows):
        again = int(rows[ply[rows] < 0][0]) // 2
        raise OwnGameError(
            f"a game can come to the same position again, such as {one_line(graph.draw(again))}; "
            "give the state a count of moves, and end the game after so many"
        )
    if number - 1 > MAX_PLIES:
        raise OwnGameError(
            f"a game can last {number - 1} moves; at most {MAX_PLIES} are handled: choose a "
            "smaller size"
        )
    return ply


def _planes(
    graph: StateGraph,
    states: npt.NDArray[np.intp],
    players: npt.NDArray[np.int8],
    passes: npt.NDArray[np.bool_],
    has_pass: bool,
) -> npt.NDArray[np.int8]:
    """`[P, W]` what the player to move sees; last whether it must pass, if anybody ever must."""
    chunks = (slice(start, start + CHUNK) for start in range(0, len(states), CHUNK))
    planes = np.concatenate([graph.see(states[part], players[part]) for part in chunks])
    if not has_pass:
        return planes
    return np.concatenate([planes, passes[:, None].astype(np.int8)], axis=1)


def one_line(text: str) -> str:
    """Return a drawing on one line, for a sentence."""
    return " / ".join(text.splitlines())[:60]
