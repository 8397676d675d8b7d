"""Looks some plies ahead in many positions at once: negamax, breadth first through all trees.

It knows the rules and, where it is given one, a function that estimates the positions at the
horizon; it knows nothing of networks and does not choose a move.
Shapes: `B` positions, `A` actions, `M` moves, `n` positions of any number; a set of actions is a
uint64 whose bit `a` is action `a`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, unpack_mask
from ttt_envs.keys import distinct
from ttt_envs.threats import safe_actions, winning_actions

__all__ = ["MAX_ESTIMATE", "Estimator", "move_values"]

Values = npt.NDArray[np.float64]

Estimator = Callable[[Boards], npt.NDArray[np.floating]]
"""From `[n]` positions in which the game is not over to values `[n]`, +1 = the mover wins."""

WIN = 100
"""A win in `n` plies is worth `WIN - n`, a loss in `n` plies `n - WIN`; no game has 65 plies."""

MAX_ESTIMATE = 30.0
"""Estimates are cut to this magnitude, so that every win that was found beats every estimate."""

WIN_NOW, LOSS_NEXT = WIN - 1, -(WIN - 2)
ILLEGAL = -WIN
NOTHING = np.uint64(0)

POSITIONS_AT_ONCE = 2_000_000
MAX_BOARDS_AT_ONCE = 512
"""They limit memory: so many positions are expanded at a time, from so many boards."""

MIN_DEPTH_TO_PARRY = 2
MIN_DEPTH_TO_EXPAND = 3
"""The last two plies are told by looking for threats, without playing them ..."""
MIN_DEPTH_TO_ESTIMATE = 1
"""... but what is to be estimated has to be played."""


def move_values(boards: Boards, depth: int, estimate: Estimator | None = None) -> Values:
    """`[B, A]` float64 values of the moves, exact where they are the best of their position.

    The value of a position is the negamax value of the game cut off after `depth` plies: a win
    that is found beats every estimate, an earlier win a later one, and a later loss an earlier
    one. The search does not expand

    * a position in which the mover wins at once,
    * a move that leaves the opponent a win at once, a loss in 2 plies,
    * the other moves of a position once one of its moves is found to win in 3 plies before
      anything below it was expanded: none of them can win earlier.

    These are the cut-offs of alpha-beta (Knuth and Moore, "An Analysis of Alpha-Beta
    Pruning", Artificial Intelligence 6, 1975) that can be found without playing the last
    two plies, so they change no value that decides. Unlike there, a bound found deeper in
    one subtree does not prune its siblings, because siblings are searched at the same time.
    Equal positions of a ply are merged, so each is estimated once, and moves that lead to the same
    positions have exactly the same value.

    Args:
        boards: `[B]` positions in which the game is not over.
        depth: Plies to look ahead, 1 or more.
        estimate: Values the positions at the horizon; without it they are worth 0.
    """
    played = depth - MIN_DEPTH_TO_EXPAND + 1 if estimate is None else depth
    trees = POSITIONS_AT_ONCE // boards.game.num_actions ** max(played, 0)
    at_once = min(max(trees, 1), MAX_BOARDS_AT_ONCE)
    starts = range(0, len(boards), at_once)
    values = np.empty((len(boards), boards.game.num_actions))
    for rows in (slice(start, start + at_once) for start in starts):
        values[rows] = _Search(estimate).move_values(boards[rows], depth)
    return values


class _Outlook(NamedTuple):
    """What can be told about positions without playing a move.

    Attributes:
        value: `[n]` the value where it is settled, 0 where there are candidates.
        wins: `[n]` the moves that win at once.
        candidates: `[n]` the moves after which the opponent cannot win at once; none where
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


class _Search:
    """A search with or without estimates at its horizon."""

    def __init__(self, estimate: Estimator | None) -> None:
        self._estimate = estimate
        self._min_depth = MIN_DEPTH_TO_EXPAND if estimate is None else MIN_DEPTH_TO_ESTIMATE

    def move_values(self, boards: Boards, depth: int) -> Values:
        """`[n, A]` values of the moves; `ILLEGAL` is below all others."""
        outlook = _look(boards, depth)
        values = np.where(boards.legal_mask(), LOSS_NEXT, ILLEGAL).astype(np.float64)
        values[unpack_mask(outlook.candidates, boards.game.num_actions)] = 0
        values[unpack_mask(outlook.wins, boards.game.num_actions)] = WIN_NOW
        if depth >= self._min_depth:
            found = self._expand(boards, outlook, depth)
            values[found.rows, found.actions] = found.values
        return values

    def _expand(self, boards: Boards, outlook: _Outlook, depth: int) -> _Found:
        """Play every candidate and search below it."""
        rows, actions = np.nonzero(unpack_mask(outlook.candidates, boards.game.num_actions))
        after, _, drawn = boards[rows].step(actions)
        values = np.zeros(len(rows))
        playing = np.flatnonzero(~drawn)
        # A network cannot be asked about no position at all.
        if len(playing):
            children, same = distinct(after[playing])
            below = self._values(children, depth - 1, rows[playing], same, len(boards))
            values[playing] = below[same]
        return _Found(rows, actions, _seen_from_above(values))

    def _values(
        self,
        children: Boards,
        depth: int,
        parents: npt.NDArray[np.intp],
        same: npt.NDArray[np.intp],
        num_parents: int,
    ) -> Values:
        """`[n]` values of merged positions.

        Args:
            children: `[n]` the positions.
            depth: Plies to look ahead from them.
            parents: `[M]` the positions from which moves lead to them.
            same: `[M]` where these moves lead.
            num_parents: Number of positions in which these moves were made.
        """
        if depth == 0 and self._estimate is not None:
            estimates = self._estimate(children).astype(np.float64)
            return estimates.clip(-MAX_ESTIMATE, MAX_ESTIMATE)
        replies = _look(children, depth)
        wins_in_three = np.zeros(num_parents, np.bool_)
        wins_in_three[parents[replies.value[same] == LOSS_NEXT]] = True
        wanted = np.zeros(len(children), np.bool_)
        wanted[same[~wins_in_three[parents]]] = True
        is_open = (replies.candidates != 0) & wanted
        values = replies.value
        if depth >= self._min_depth and is_open.any():
            below = children[is_open]
            opened = _Outlook(*(column[is_open] for column in replies))
            values[is_open] = _best(self._expand(below, opened, depth), len(below))
        return values


def _look(boards: Boards, depth: int) -> _Outlook:
    wins = winning_actions(boards)
    safe = safe_actions(boards) if depth >= MIN_DEPTH_TO_PARRY else boards.legal_bits()
    candidates = np.where(wins != 0, NOTHING, safe)
    value = np.where(wins != 0, WIN_NOW, np.where(candidates != 0, 0, LOSS_NEXT))
    return _Outlook(value.astype(np.float64), wins, candidates)


def _seen_from_above(values: Values) -> Values:
    """Return the values for the other player, wins and losses one ply further away."""
    is_settled = np.abs(values) > MAX_ESTIMATE
    return np.where(is_settled, np.sign(values) - values, -values)


def _best(found: _Found, num_boards: int) -> Values:
    """`[num_boards]` the greatest of the values found for each row; every row has one."""
    best = np.full(num_boards, ILLEGAL, np.float64)
    np.maximum.at(best, found.rows, found.values)
    return best
