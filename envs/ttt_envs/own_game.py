"""What a game of one's own is made of, and its enumeration.

A game is a class of a few functions on arrays of states. A state is a row of whole numbers, the
first of which is the player to move, 0 or 1; the other ones are the author's. Every mistake in such
a class that shows in the enumeration is an `OwnGameError` of one sentence.
Shapes: `N` states, `F` numbers in a state, `A` actions, `W` numbers that a player sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ttt_envs.rules_table import NO_CHILD
from ttt_envs.table_game import (
    DRAW,
    MAX_ACTIONS,
    MAX_POSITIONS,
    ONGOING,
    OwnGameError,
    StateGraph,
    one_line,
)

__all__ = ["FUNCTIONS", "OwnGame", "explore"]

FUNCTIONS = ("start", "legal", "step", "winner", "observe")
"""Without these a class is no game."""

PLAYERS = (0, 1)
WINNERS = (ONGOING, *PLAYERS, DRAW)
LEAST, GREATEST = np.iinfo(np.int8).min, np.iinfo(np.int8).max

States = npt.NDArray[np.int64]


class OwnGame(Protocol):
    """A deterministic game of two players who see everything.

    Two further things are optional: `move_names`, a sequence of `A` strings, and `draw(state)`,
    which returns a state `[F]` as text.
    """

    def start(self) -> States:
        """Return the first state `[F]`, in which player 0 is to move."""

    def legal(self, states: States) -> npt.NDArray[np.bool_]:
        """Return `[N, A]` bool, True where legal; it does not matter where a game is over."""

    def step(self, states: States, actions: npt.NDArray[np.int64]) -> States:
        """Return the states `[N, F]` after one legal action `[N]` in each.

        The player to move is the other one, or the same one if it moves again.
        """

    def winner(self, states: States) -> npt.NDArray[np.int64]:
        """Return `[N]` who has won, 0 or 1; `ONGOING` or `DRAW` where nobody has."""

    def observe(self, states: States) -> npt.NDArray[np.int8]:
        """Return `[N, W]` whole numbers from -128 to 127: what the player to move sees.

        One network plays for both players, so show its own things apart from the other's. It is
        also asked what the player who is not to move sees, with the first number changed.
        """


class _Checked:
    """The functions of a game, each of whose answers is checked."""

    def __init__(self, game: Any) -> None:
        self._game = game
        start = self._ask("start")
        if start.ndim != 1 or not len(start):
            raise OwnGameError(f"start() has the shape {start.shape}; it returns one state [F]")
        self.start: States = self._whole("start", start).astype(np.int64)
        if self.start[0] != 0:
            raise OwnGameError(
                f"start() begins with {self.start[0]}; it begins with the player to move, 0"
            )
        self.num_actions = self._num_actions()
        self._width: int | None = None

    def _num_actions(self) -> int:
        legal = self._ask("legal", self.start[None])
        if legal.ndim != 2 or len(legal) != 1 or not 1 <= legal.shape[1] <= MAX_ACTIONS:
            raise OwnGameError(
                f"legal() of one state has the shape {legal.shape}; it is [1, A] with 1 to "
                f"{MAX_ACTIONS} actions A"
            )
        return legal.shape[1]

    def legal(self, states: States) -> npt.NDArray[np.bool_]:
        legal = self._of_shape("legal", (len(states), self.num_actions), states)
        if legal.dtype != np.bool_:
            raise OwnGameError(f"legal() returns {legal.dtype}; it returns bool")
        return legal

    def step(self, states: States, actions: npt.NDArray[np.int64]) -> States:
        after = self._of_shape("step", states.shape, states, actions)
        after = self._whole("step", after).astype(np.int64)
        wrong = ~np.isin(after[:, 0], PLAYERS)
        if wrong.any():
            raise OwnGameError(
                f"step() returns a state that begins with {after[wrong][0, 0]}; it begins with the "
                "player to move, 0 or 1"
            )
        return after

    def winner(self, states: States) -> npt.NDArray[np.int8]:
        winner = self._of_shape("winner", (len(states),), states)
        wrong = ~np.isin(winner, WINNERS)
        if wrong.any():
            raise OwnGameError(
                f"winner() returns {winner[wrong][0]} for {self.shown(states[wrong][0])}; it "
                f"returns 0 or 1 for a player, {DRAW} for a draw and {ONGOING} if the game goes on"
            )
        return winner.astype(np.int8)

    def observe(self, states: States) -> npt.NDArray[np.int8]:
        seen = self._ask("observe", states)
        if self._width is None and seen.ndim == 2 and len(seen) == len(states) and seen.shape[1]:
            self._width = seen.shape[1]
        if seen.shape != (len(states), self._width):
            raise OwnGameError(
                f"observe() of {len(states)} states has the shape {seen.shape}; it is "
                f"[{len(states)}, W] with always the same number W"
            )
        seen = self._whole("observe", seen)
        if seen.size and not (seen.min() >= LEAST and seen.max() <= GREATEST):
            raise OwnGameError(
                f"observe() returns numbers from {seen.min()} to {seen.max()}; they are "
                f"{LEAST} to {GREATEST}"
            )
        return seen.astype(np.int8)

    def shown(self, state: States) -> str:
        return one_line(self.draw(state))

    def draw(self, state: States) -> str:
        draw = getattr(self._game, "draw", None)
        return f"state {state.tolist()}" if draw is None else str(self._call(draw, "draw", state))

    def move_names(self) -> tuple[str, ...]:
        names = getattr(self._game, "move_names", None)
        if names is None:
            return tuple(map(str, range(self.num_actions)))
        if len(names) != self.num_actions or len(set(names)) != len(names):
            raise OwnGameError(
                f"move_names has {len(names)} names; each of the {self.num_actions} actions has "
                "one of its own"
            )
        return tuple(map(str, names))

    def _of_shape(self, name: str, shape: tuple[int, ...], *arguments: Any) -> npt.NDArray[Any]:
        answer = self._ask(name, *arguments)
        if answer.shape != shape:
            raise OwnGameError(
                f"{name}() of {shape[0]} states has the shape {answer.shape}; it is {shape}"
            )
        return answer

    def _whole(self, name: str, answer: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if answer.dtype.kind not in "biu":
            raise OwnGameError(f"{name}() returns {answer.dtype}; it returns whole numbers")
        return answer

    def _ask(self, name: str, *arguments: Any) -> npt.NDArray[Any]:
        return np.asarray(self._call(getattr(self._game, name), name, *arguments))

    def _call(self, function: Callable[..., Any], name: str, *arguments: Any) -> Any:
        try:
            # Copies, since a function may write into its arguments.
            return function(*(argument.copy() for argument in arguments))
        except Exception as error:
            # An author's function may raise anything.
            raise OwnGameError(f"{name}() raised {type(error).__name__}: {error}") from error


def explore(game: Any) -> StateGraph:
    """Find all states of a game.

    Args:
        game: An `OwnGame`.

    Raises:
        OwnGameError: If it is wrong, or has too many states.
    """
    rules = _Checked(game)
    known = {rules.start.tobytes(): 0}
    layers, children, winners = [rules.start[None]], [], []
    while len(layers[-1]):
        layer = layers[-1]
        winner, legal = rules.winner(layer), rules.legal(layer)
        legal &= (winner == ONGOING)[:, None]
        stuck = (winner == ONGOING) & ~legal.any(axis=1)
        if stuck.any():
            raise OwnGameError(
                f"{rules.shown(layer[stuck][0])} has no legal move, but winner() says "
                f"{ONGOING}: the game is not over"
            )
        parents, actions = np.nonzero(legal)
        after = np.ascontiguousarray(rules.step(layer[parents], actions))
        numbers, new = _number(after, known)
        below = np.full(legal.shape, NO_CHILD, np.int32)
        below[parents, actions] = numbers
        children.append(below)
        winners.append(winner)
        layers.append(new)
    states = np.concatenate(layers)

    def see(rows: npt.NDArray[np.intp], players: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        shown = states[rows]
        shown[:, 0] = players
        return rules.observe(shown)

    return StateGraph(
        children=np.concatenate(children),
        player=states[:, 0].astype(np.int8),
        winner=np.concatenate(winners),
        see=see,
        draw=lambda row: rules.draw(states[row]),
        move_names=rules.move_names(),
    )


def _number(after: States, known: dict[bytes, int]) -> tuple[npt.NDArray[np.int32], States]:
    """Return the numbers of states `[N]`, and those that are new, which get the next numbers."""
    if not len(after):
        return np.zeros(0, np.int32), after
    different, inverse = np.unique(after, axis=0, return_inverse=True)
    numbers = np.empty(len(different), np.int32)
    new = []
    for place, state in enumerate(different):
        key = state.tobytes()
        if key not in known:
            if len(known) == MAX_POSITIONS:
                raise OwnGameError(
                    f"it has more than {MAX_POSITIONS:,} positions; choose a smaller size"
                )
            known[key] = len(known)
            new.append(place)
        numbers[place] = known[key]
    return numbers[inverse.ravel()], different[new]
