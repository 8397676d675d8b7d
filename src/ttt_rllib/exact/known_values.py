"""The values of games that others have solved, with their sources.

A game that is too large to enumerate may still have a known value, and then the verdict on an agent
can say whether it gets as much as the game allows. Sizes are rows x columns, as everywhere here;
beware of the literature, which mostly gives width x height: Connect Four is 6 x 7 here and 7 x 6
there, and with gravity a board and its transpose are different games.
"""

from __future__ import annotations

from typing import NamedTuple

from ttt_envs.game import Game

__all__ = ["KnownValue", "known_value"]


class KnownValue(NamedTuple):
    """The value of a game.

    Attributes:
        value: For the first player, in {-1, 0, +1}; +1 = it wins.
        source: Who published it, or why it holds.
    """

    value: int
    source: str


ALLIS = (
    "V. Allis, A Knowledge-based Approach of Connect-Four, master's thesis, Vrije Universiteit "
    "Amsterdam, 1988"
)
TROMP = (
    "J. Tromp, Solving Connect-4 on Medium Board Sizes, ICGA Journal 31(2), 2008, and the table of "
    "https://tromp.github.io/c4/c4.html"
)
UITERWIJK = (
    "J. W. H. M. Uiterwijk and H. J. van den Herik, The advantage of the initiative, Information "
    "Sciences 122(1), 2000"
)
PAIRING = "in each row of five, the second player answers the second square with the third"

FOUR_WITH_GRAVITY = {
    4: (0, 0, -1, 0),
    5: (0, 0, 0, 0),
    6: (0, 0, -1, 1),
    7: (0, 0, 1, 0),
}
"""Values of lines of 4 with gravity: a list by rows, of the boards with 4, 5, 6 and 7 columns."""

WITHOUT_GRAVITY = {
    (3, 5, 3): KnownValue(1, UITERWIJK),
    (3, 5, 4): KnownValue(0, PAIRING),
}
"""Values by rows, columns and length of a line; there are no more rows than columns."""


def known_value(game: Game) -> KnownValue | None:
    """Return the published value of a game; None if none is listed here.

    Args:
        game: The rules.
    """
    if not game.gravity:
        fewer, more = sorted((game.rows, game.cols))
        return WITHOUT_GRAVITY.get((fewer, more, game.connect))
    values = FOUR_WITH_GRAVITY.get(game.rows, ())
    column = game.cols - 4
    if game.connect != 4 or not 0 <= column < len(values):
        return None
    return KnownValue(values[column], ALLIS if (game.rows, game.cols) == (6, 7) else TROMP)
