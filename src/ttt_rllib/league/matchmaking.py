"""Which opponents the learner plays, and on how many of its boards.

Shapes: `K` opponents.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["WEIGHTINGS", "pfsp_odds", "shares_of_opponents", "uniform_odds"]

Vector = npt.NDArray[np.float64]

WEIGHTINGS: dict[str, Callable[[Vector], Vector]] = {
    "hard": lambda share: (1.0 - share) ** 2,
    "variance": lambda share: share * (1.0 - share),
}
"""How much an opponent matters, by the learner's share of the points against it, in [0, 1]: those
that beat the learner, or its equals."""

ODDS_LEFT = 0.01
"""Even an opponent that is beaten always is played on this share of a uniform one's boards: a
strength that is forgotten would not be seen otherwise."""


def uniform_odds(count: int) -> Vector:
    """`[K]` equal probabilities."""
    return np.full(count, 1.0 / count)


def pfsp_odds(scores: Vector, weighting: str) -> Vector:
    """Return the probabilities of prioritised fictitious self-play.

    Vinyals et al., "Grandmaster level in StarCraft II using multi-agent reinforcement learning",
    Nature 575, 2019, methods, "Prioritized fictitious self-play": proportional to
    `f(P[learner beats opponent])`. Deviations: a draw counts as half a win, since good play of a
    drawn game never wins; and every opponent keeps `ODDS_LEFT` of its uniform share.

    Args:
        scores: `[K]` the learner's mean scores in [-1, 1].
        weighting: A key of `WEIGHTINGS`.
    """
    uniform = uniform_odds(len(scores))
    odds = WEIGHTINGS[weighting]((1.0 + scores) / 2.0)
    if odds.sum() <= 0.0:
        return uniform
    return (1.0 - ODDS_LEFT) * odds / odds.sum() + ODDS_LEFT * uniform


def shares_of_opponents(
    odds: Vector, num_shares: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """`[num_shares]` opponents' numbers, in ascending order, as often as their odds say.

    By systematic resampling: one random number, and every opponent gets its expected number of
    shares, rounded down or up.

    Args:
        odds: `[K]` probabilities.
        num_shares: To be drawn.
        rng: The source of randomness.
    """
    cumulative = odds.cumsum() / odds.sum()
    points = (np.arange(num_shares) + rng.random()) / num_shares
    return np.searchsorted(cumulative, points, side="right").clip(max=len(odds) - 1)
