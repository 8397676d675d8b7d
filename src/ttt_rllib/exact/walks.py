"""What an agent can be led to in both seats, and the walks that it takes to find out.

A walk of millions of positions is worth its time only for an agent that resists. So where there
are many, a narrow search for a refutation goes first, which answers weak agents in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

from ttt_envs.game import Game
from ttt_rllib.exact.reached import MovesOf, ReachedSet, WalkLimits, not_walked, walk_reached
from ttt_rllib.exact.refutations import Refutations, find_refutations
from ttt_rllib.exact.scores import Outcome
from ttt_rllib.exact.tables import uniform

__all__ = [
    "LEFT_OUT",
    "MAX_POSITIONS",
    "QUICK_POSITIONS",
    "REST_LEFT_OUT",
    "SEATS",
    "OnPly",
    "Seat",
    "Walks",
    "walk_both_seats",
]

MAX_POSITIONS = 200_000_000
"""Positions that are reached in a seat before the walk is given up."""

QUICK_POSITIONS = 2_000_000
"""So many are reached in a second or two, and need no search for a refutation first."""

WIDTHS = (500, 20_000)
"""Of the searches for a refutation, the quick one first."""

Seat = Literal["x", "o"]
SEATS: tuple[Seat, Seat] = ("x", "o")

LEFT_OUT = "this seat was left out"
"""The clause about a seat that is not walked, because the agent does not play it."""

REST_LEFT_OUT = "it fell short of what the seat is worth, and the rest was left out"

OnPly = Callable[[Seat, int, int], None]
"""Called after every ply of a walk with the agent's seat, the ply and the positions so far."""


@dataclass(frozen=True)
class Walks:
    """What an agent can be led to in each seat, and what follows from it.

    Attributes:
        as_x: With the agent as X.
        as_o: With the agent as O.
        known_value: Value of the empty board for X, in {-1, 0, +1}; None where nothing else than
            these walks can tell.
        seat: The only seat that the agent plays; None = it plays both. Nothing was reached in the
            other one, and nothing is said about it.
    """

    as_x: ReachedSet
    as_o: ReachedSet
    known_value: int | None
    seat: Seat | None = None

    @property
    def of_seats(self) -> tuple[ReachedSet, ...]:
        """What was reached in the seats that the agent plays."""
        return tuple(getattr(self, f"as_{seat}") for seat in SEATS if self.seat in (None, seat))

    @property
    def is_complete(self) -> bool:
        """Whether all that any opponent can bring about was reached."""
        return not any(reached.incomplete_reason for reached in self.of_seats)

    @property
    def guaranteed_as_x(self) -> int | None:
        """The agent's result as X against its best response; None where that is not known."""
        return _guaranteed(self.as_x)

    @property
    def guaranteed_as_o(self) -> int | None:
        """The same as O."""
        return _guaranteed(self.as_o)

    @property
    def nash_conv(self) -> int | None:
        """NashConv of the agent, in {0, 1, 2}; None where it is not known."""
        as_x, as_o = self.guaranteed_as_x, self.guaranteed_as_o
        return None if as_x is None or as_o is None else -(as_x + as_o)

    @property
    def is_unexploitable(self) -> bool | None:
        """Whether the guaranteed results add up to 0, as those of perfect play do.

        Of a single seat: whether it guarantees what the seat is worth.
        """
        if self.seat is not None:
            return self._is_unexploitable_as(self.seat)
        if self.nash_conv is not None:
            return self.nash_conv == 0
        # Nobody can guarantee more than the game's value, or more than the worst game found.
        as_x, as_o = (min(reached.results, default=1) for reached in (self.as_x, self.as_o))
        if self.known_value is not None:
            as_x, as_o = min(as_x, self.known_value), min(as_o, -self.known_value)
        return False if as_x + as_o < 0 else None

    def _is_unexploitable_as(self, seat: Seat) -> bool | None:
        reached = self.as_x if seat == "x" else self.as_o
        worst, guaranteed = min(reached.results, default=1), _guaranteed(reached)
        if self.known_value is None:
            # Nobody can guarantee more than a win; all else depends on the value.
            return True if guaranteed == 1 else None
        target = _target(self.known_value, seat)
        if worst < target:
            return False
        return None if guaranteed is None else True

    @property
    def game_value(self) -> int | None:
        """Value of the empty board for X; results that add up to 0 prove it."""
        if self.known_value is None and self.nash_conv == 0:
            return self.guaranteed_as_x
        return self.known_value

    @cached_property
    def refutations(self) -> tuple[Refutations, ...]:
        """The games found in which the agent does not get what its seat is worth, by seats."""
        targets = (_target(self.game_value, "x"), _target(self.game_value, "o"))
        return tuple(
            find_refutations(reached, target)
            for reached, target in zip((self.as_x, self.as_o), targets, strict=True)
            if min(reached.results, default=1) < target
        )

    @property
    def refuted_reply_rate(self) -> float | None:
        """Share of the opponents' moves after which the agent still gets what its seat is worth."""
        if not self.is_complete:
            return None
        replies = sum(reached.num_replies for reached in self.of_seats)
        return 1.0 - sum(found.good_replies for found in self.refutations) / replies

    @property
    def shortest_refutation(self) -> int | None:
        """Plies of the shortest of these games; None where none was found."""
        return min((found.shortest_plies for found in self.refutations), default=None)

    @property
    def vs_random(self) -> tuple[Outcome | None, Outcome | None]:
        """Results against uniformly random play, seen by X, with the agent as X and as O.

        None unless all was reached, and of a seat that was left out.
        """
        as_x = as_o = None
        if self.is_complete and self.seat != "o":
            wins, draws, losses = map(float, self.as_x.outcomes[0])
            as_x = Outcome(wins, draws, losses)
        if self.is_complete and self.seat != "x":
            wins, draws, losses = map(float, self.as_o.outcomes[0])
            as_o = Outcome(losses, draws, wins)
        return as_x, as_o


def walk_both_seats(
    game: Game,
    agent: MovesOf,
    *,
    game_value: int | None,
    seat: Seat | None = None,
    max_positions: int = MAX_POSITIONS,
    quick_positions: int = QUICK_POSITIONS,
    on_ply: OnPly = lambda seat, ply, positions: None,
) -> Walks:
    """Reach all that opponents can bring about, or find out that one beats the agent.

    Args:
        game: The rules; see `not_walkable_reason`.
        agent: Its moves.
        game_value: Value of the empty board for X, in {-1, 0, +1}; None where it is not known.
        seat: The only seat that the agent plays; None = it plays both.
        max_positions: Of a seat, before the walk is given up.
        quick_positions: If there are more, a refutation is searched for before all are walked.
        on_ply: Called after every ply.
    """
    as_x, as_o = (
        _walk(
            partial(
                walk_reached,
                game,
                agent,
                agent_is_x=one == "x",
                opponents=(lambda boards: uniform(boards.legal_mask()),),
                on_ply=partial(on_ply, one),
            ),
            _target(game_value, one),
            max_positions,
            quick_positions,
        )
        if seat in (None, one)
        else not_walked(game, agent_is_x=one == "x", reason=LEFT_OUT)
        for one in SEATS
    )
    return Walks(as_x, as_o, game_value, seat)


def _walk(
    walk: Callable[..., ReachedSet], target: int, max_positions: int, quick_positions: int
) -> ReachedSet:
    # A seat that is worth a loss can only be found to lose, so its first loss ends the walk.
    bound = max(target, 0)
    quick = walk(limits=WalkLimits(min(max_positions, quick_positions)))
    if _is_settled(quick, bound):
        # The user's limit was not reached.
        is_left_out = quick.incomplete_reason and quick_positions < max_positions
        return replace(quick, incomplete_reason=REST_LEFT_OUT) if is_left_out else quick
    for width in WIDTHS:
        narrow = walk(limits=WalkLimits(max_positions, width=width, stop_below=bound))
        if _is_settled(narrow, bound):
            return narrow
    if max_positions <= quick_positions:
        return quick
    return walk(limits=WalkLimits(max_positions, stop_below=bound))


def _is_settled(reached: ReachedSet, bound: int) -> bool:
    return not reached.incomplete_reason or min(reached.results, default=1) < bound


def _target(value: int | None, seat: Seat) -> int:
    """Return the result that an agent should keep: a draw where the game's value is unknown."""
    if value is None:
        return 0
    return value if seat == "x" else -value


def _guaranteed(reached: ReachedSet) -> int | None:
    worst = min(reached.results, default=1)
    # Nothing is worse than a loss, whatever else there is.
    return None if reached.incomplete_reason and worst > -1 else worst
