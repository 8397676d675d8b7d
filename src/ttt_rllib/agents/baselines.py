"""Fixed opponents that measure an agent whose game is too large to solve.

They know the rules and nothing else: they have no table and do not learn. numpy only.
Shapes: `B` positions, `A` actions; a set of actions is a uint64 whose bit `a` is action `a`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, Mask
from ttt_envs.game import Game
from ttt_envs.threats import safe_actions, threat_actions, winning_actions
from ttt_rllib.exact.tables import Table

__all__ = ["AlphaBetaPolicy", "OnePlyPolicy"]

Values = npt.NDArray[np.int16]

WIN = 100
"""A win in `n` plies is worth `WIN - n`, a loss in `n` plies `n - WIN`; no game has 100 plies."""

WIN_NOW, LOSS_NEXT = WIN - 1, -(WIN - 2)
ILLEGAL = -WIN
NOTHING = np.uint64(0)
ONE = np.uint64(1)
BOARDS_AT_ONCE = 512
"""Limits memory: at depth 4 this many empty 8 x 8 boards expand to 2 million positions."""

MIN_DEPTH_TO_PARRY, MIN_DEPTH_TO_EXPAND = 2, 3


@dataclass(frozen=True)
class OnePlyPolicy:
    """Looks one ply ahead for either player.

    It wins at once if it can; otherwise it takes a square on which the opponent would win
    next, if there is one; otherwise it plays any legal move. Equal choices have equal
    probability. Under gravity it does not see that its stone may lift the opponent's next
    stone to a winning square.
    """

    game: Game

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`."""
        wins, threats = winning_actions(boards), threat_actions(boards)
        moves = np.where(threats != 0, threats, boards.legal_bits())
        return _uniform(_mask(np.where(wins != 0, wins, moves), self.game))


@dataclass(frozen=True)
class AlphaBetaPolicy:
    """Searches `depth` plies and plays each of its best moves with equal probability.

    The value of a position is the negamax value of the game cut off after `depth` plies:
    it is 0 at the horizon, and it prefers an earlier win and a later loss. The search goes
    breadth first through the trees of all boards at once and does not expand

    * a position in which the mover wins at once,
    * a move that leaves the opponent a win at once, a loss in 2 plies,
    * the other moves of a position once one of its moves is found to win in 3 plies before
      anything below it was expanded: none of them can win earlier.

    These are the cut-offs of alpha-beta (Knuth and Moore, "An Analysis of Alpha-Beta
    Pruning", Artificial Intelligence 6, 1975) that can be found without playing the last
    two plies, so they change no value that decides. Unlike there, a bound found deeper in
    one subtree does not prune its siblings, because siblings are searched at the same time.

    Attributes:
        game: The rules.
        depth: Plies to look ahead, 1 or more; 1 sees its own wins only, 2 also parries.

    Raises:
        ValueError: If the depth is below 1.
    """

    game: Game
    depth: int

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth is {self.depth}; it is 1 or more plies")

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`."""
        starts = range(0, len(boards), BOARDS_AT_ONCE)
        parts = [self._move_values(boards[start : start + BOARDS_AT_ONCE]) for start in starts]
        values = np.concatenate(parts)
        return _uniform(values == values.max(axis=1, keepdims=True))

    def _move_values(self, boards: Boards) -> Values:
        """`[B, A]` values of the moves, exact where they are the best of their position."""
        outlook = _look(boards, self.depth)
        values = np.where(boards.legal_mask(), LOSS_NEXT, ILLEGAL).astype(np.int16)
        values[_mask(outlook.candidates, self.game)] = 0
        values[_mask(outlook.wins, self.game)] = WIN_NOW
        if self.depth >= MIN_DEPTH_TO_EXPAND:
            found = _expand(boards, outlook, self.depth)
            values[found.rows, found.actions] = found.values
        return values


class _Outlook(NamedTuple):
    """What can be told about positions without playing a move.

    Attributes:
        value: `[B]` the value where it is settled, 0 where there are candidates.
        wins: `[B]` the moves that win at once.
        candidates: `[B]` the moves after which the opponent cannot win at once; none where
            the mover wins at once.
    """

    value: Values
    wins: Bits
    candidates: Bits


class _Found(NamedTuple):
    """The moves that were searched: `[M]` rows of their positions, actions and values."""

    rows: npt.NDArray[np.intp]
    actions: npt.NDArray[np.intp]
    values: Values


def _look(boards: Boards, depth: int) -> _Outlook:
    wins = winning_actions(boards)
    safe = safe_actions(boards) if depth >= MIN_DEPTH_TO_PARRY else boards.legal_bits()
    candidates = np.where(wins != 0, NOTHING, safe)
    value = np.where(wins != 0, WIN_NOW, np.where(candidates != 0, 0, LOSS_NEXT))
    return _Outlook(value.astype(np.int16), wins, candidates)


def _expand(boards: Boards, outlook: _Outlook, depth: int) -> _Found:
    """Play every candidate and search below it."""
    rows, actions = np.nonzero(_mask(outlook.candidates, boards.game))
    after, _, drawn = boards[rows].step(actions)
    values = np.zeros(len(rows), np.int16)
    playing = np.flatnonzero(~drawn)
    children = after[playing]
    replies = _look(children, depth - 1)
    values[playing] = replies.value
    wins_in_three = np.zeros(len(boards), np.bool_)
    wins_in_three[rows[playing[replies.value == LOSS_NEXT]]] = True
    is_open = (replies.candidates != 0) & ~wins_in_three[rows[playing]]
    if depth > MIN_DEPTH_TO_EXPAND and is_open.any():
        below = children[is_open]
        opened = _Outlook(*(column[is_open] for column in replies))
        values[playing[is_open]] = _best(_expand(below, opened, depth - 1), len(below))
    # The other player sees the value with the opposite sign, one ply further away.
    return _Found(rows, actions, np.sign(values) - values)


def _best(found: _Found, num_boards: int) -> Values:
    """`[num_boards]` the greatest of the values found for each row; every row has one."""
    best = np.full(num_boards, ILLEGAL, np.int16)
    np.maximum.at(best, found.rows, found.values)
    return best


def _mask(actions: Bits, game: Game) -> Mask:
    """`[B, A]` bool, True where the action is in the set."""
    numbers = np.arange(game.num_actions, dtype=np.uint64)
    return (actions[:, None] >> numbers & ONE).astype(np.bool_)


def _uniform(chosen: Mask) -> Table:
    return chosen / chosen.sum(axis=1, keepdims=True)
