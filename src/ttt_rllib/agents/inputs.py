"""What a network sees of a position, from how many sides, and among which moves it chooses.

All can hold knowledge of the game, which then belongs to the agent as its weights do: it is part
of its bundle, its hash and its description. numpy only.
Shapes: `n` positions, `S` squares, `A` actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Bits, Boards, Mask, unpack_bits, unpack_mask
from ttt_envs.game import Game
from ttt_envs.symmetry import Permutation, symmetries
from ttt_envs.threats import (
    line_completing_squares,
    line_extending_squares,
    tactical_actions,
)

__all__ = ["INPUTS", "PLAIN_INPUTS", "Inputs", "Planes", "ValuesOf", "has_choice"]

Planes = npt.NDArray[np.int8]

ValuesOf = Callable[[Planes], npt.NDArray[np.floating[Any]]]
"""A network: from planes `[n, width]` to values `[n]` for the mover."""


@dataclass(frozen=True)
class Inputs:
    """The settings; the default is no knowledge: the stones, and all legal moves.

    Attributes:
        threat_planes: Whether the network sees four further planes after the stones: the empty
            squares with which the mover would complete a line, then those of the opponent, and the
            empty squares of lines on which the mover, then the opponent, lacks two stones and
            nobody else has any. Squares that no stone can reach yet count too.
        tactical_rule: Whether moves are chosen only among those that win at once; if there are
            none, among those after which the opponent cannot win at once; if there are none either,
            among all legal moves.
        symmetry_average: Whether the value of a position is the mean of the network's values over
            all rotations and reflections that keep the rules, as in the explicit symmetry ensemble
            of Silver et al., "Mastering the game of Go with deep neural networks and tree search",
            2016. Only for networks that value positions, and only where the agent plays:
            training games are played by the network as it is.
    """

    threat_planes: bool = False
    tactical_rule: bool = False
    symmetry_average: bool = False

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Inputs:
        """Return the inputs in which the settings with these names are on.

        Raises:
            TypeError: If they are not a list of names.
            ValueError: If there is none, one is unknown, or one is there twice.
        """
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"inputs is {names!r}, not a list of names")
        known = ", ".join(INPUTS)
        unknown = [name for name in names if name not in INPUTS]
        if unknown:
            raise ValueError(f"inputs has {unknown[0]!r}; known are {known}")
        if not names or len(set(names)) < len(names):
            raise ValueError(f"inputs is {names!r}; it names one or more of {known}, each once")
        return cls(**dict.fromkeys(names, True))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the settings that are on."""
        return tuple(name for name in INPUTS if getattr(self, name))

    @property
    def one_sided(self) -> Inputs:
        """The same without `symmetry_average`."""
        return replace(self, symmetry_average=False)

    @property
    def described(self) -> str:
        """What is on, for people, such as "sees threats, obeys the tactical rule"; else ""."""
        return ", ".join(WORDS[name] for name in self.names)

    def width(self, game: Game) -> int:
        """Return the number of the network's inputs, such as two or six planes of squares."""
        return 6 * game.num_squares if self.threat_planes else game.num_inputs

    def planes(self, boards: Boards) -> Planes:
        """Return what the network sees, `[n, width]` int8 in {0, 1}.

        Args:
            boards: `[n]` positions in which nobody has a line.
        """
        if not self.threat_planes:
            return _stones(boards)
        return _with_threats(boards, *_completing(boards))

    def allowed_mask(self, boards: Boards) -> Mask:
        """Return the moves that may be chosen, `[n, A]` bool, at least one where any is legal.

        Args:
            boards: `[n]` positions in which nobody has a line.
        """
        return self.planes_and_mask(boards)[1]

    def planes_and_mask(self, boards: Boards) -> tuple[Planes, Mask]:
        """Return both, which is cheaper than one after the other: they share the threats.

        Args:
            boards: `[n]` positions in which nobody has a line.
        """
        # Env runners come here once per ply, and most agents know nothing of threats.
        if not self.tactical_rule:
            return self.planes(boards), boards.legal_mask()
        completing = _completing(boards)
        planes = _with_threats(boards, *completing) if self.threat_planes else _stones(boards)
        allowed = tactical_actions(boards, completing)
        return planes, unpack_mask(allowed, boards.game.num_actions)

    def planes_of_choices(self, boards: Boards) -> tuple[Planes, Mask]:
        """Return what the network sees where more than one move is allowed, and the mask of all.

        Args:
            boards: `[n]` positions in which nobody has a line.

        Returns:
            Planes of the rows of the mask `[n, A]` that have more than one move, in their order.
        """
        if not self.tactical_rule:
            allowed = boards.legal_mask()
            return self.planes(boards[has_choice(allowed)]), allowed
        completing = _completing(boards)
        bits = tactical_actions(boards, completing)
        allowed = unpack_mask(bits, boards.game.num_actions)
        rows = has_choice(allowed)
        if not self.threat_planes:
            return _stones(boards[rows]), allowed
        own, others = completing
        return _with_threats(boards[rows], own[rows], others[rows]), allowed

    def sources(self, game: Game, permutation: Permutation) -> npt.NDArray[np.intp]:
        """Return from where each input of a rotated or reflected position comes, `[width]`.

        Args:
            game: The rules.
            permutation: Where each square goes; see `ttt_envs.symmetry`.
        """
        from_square = np.argsort(np.array(permutation))
        stones = (2 * from_square[:, None] + np.arange(2)).ravel()
        if not self.threat_planes:
            return stones
        threats = [plane * game.num_squares + from_square for plane in range(2, 6)]
        return np.concatenate([stones, *threats])

    def as_asked(self, network: ValuesOf, game: Game) -> ValuesOf:
        """Return the network as it is asked for values: with `symmetry_average`, from all sides.

        Args:
            network: It sees a position from one side.
            game: The rules.
        """
        if not self.symmetry_average:
            return network
        others = _other_views(game, self)

        def mean(planes: Planes) -> npt.NDArray[np.floating[Any]]:
            values = network(planes)
            for sources in others:
                values = values + network(planes[:, sources])
            return values / values.dtype.type(1 + len(others))

        return mean


def has_choice(allowed: Mask) -> Mask:
    """Return `[n]` bool, whether more than one of the moves `[n, A]` is allowed."""
    return np.asarray(np.count_nonzero(allowed, axis=1) > 1)


@lru_cache(maxsize=16)
def _other_views(game: Game, inputs: Inputs) -> tuple[npt.NDArray[np.intp], ...]:
    """Return `Inputs.sources` of every rotation and reflection but the identity."""
    return tuple(inputs.sources(game, permutation) for permutation in symmetries(game)[1:])


def _stones(boards: Boards) -> Planes:
    # Not -1, which numpy cannot tell for no boards.
    return boards.observe().reshape(len(boards), boards.game.num_inputs)


def _completing(boards: Boards) -> tuple[Bits, Bits]:
    """Return the squares with which the mover, and the opponent, would complete a line."""
    # Together, since on a few hundred boards the number of numpy's calls is what takes time.
    own, others = line_completing_squares(boards.game, np.stack([boards.mover, boards.opponent]))
    return own, others


def _with_threats(boards: Boards, own: Bits, others: Bits) -> Planes:
    """`[n, 6 S]` the planes of stones, of the empty squares among these, and of those before."""
    squares = boards.game.num_squares
    planes = np.empty((len(boards), 6 * squares), np.int8)
    planes[:, : 2 * squares] = _stones(boards)
    if not len(planes):
        return planes
    empty = ~(boards.mover | boards.opponent)
    stones = np.stack([boards.mover, boards.opponent])
    extending = line_extending_squares(boards.game, stones, stones[::-1])
    for place, bits in enumerate((own & empty, others & empty, *extending), start=2):
        planes[:, place * squares : (place + 1) * squares] = unpack_bits(bits, squares)
    return planes


WORDS = {
    "threat_planes": "sees threats",
    "tactical_rule": "obeys the tactical rule",
    "symmetry_average": "averages over symmetries",
}
INPUTS = tuple(field.name for field in fields(Inputs))
"""The names of the settings, which are those of an experiment's `model` too."""
PLAIN_INPUTS = Inputs()
"""No knowledge of the game."""
