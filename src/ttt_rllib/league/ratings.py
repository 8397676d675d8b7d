"""Ratings of a pool of players, from what they score against each other.

Shapes: `K` players.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["ELO_SCALE", "elo_gap", "elo_ratings", "max_entropy_nash"]

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

ELO_SCALE = 400.0 / math.log(10.0)
"""Elo points in which the odds of a win grow by the factor e."""

CERTAIN = 1e-6
"""A score this close to a win of every game counts as this far from it: the rating of a player
that always wins would be infinite. It is 2,400 points."""

SUPPORT = 0.5
"""A player whose counted weight is below this, of 1, is in no equilibrium."""


def elo_gap(score: float) -> float:
    """Return how many Elo points a player is above one against whom it scores this.

    Elo, "The Rating of Chessplayers, Past and Present", 1978: a difference of `d` points is an
    expected score of `1 / (1 + 10^(-d / 400))`, a draw being half a win.

    Args:
        score: Mean score in [-1, 1].
    """
    share = min(max((1.0 + score) / 2.0, CERTAIN), 1.0 - CERTAIN)
    return ELO_SCALE * math.log(share / (1.0 - share))


def elo_ratings(
    scores: Matrix, anchors: Mapping[int, float], *, highest: float | None = None
) -> Vector:
    """Return the Elo ratings that make the scores of all pairs most likely.

    The model is that of Bradley and Terry, "Rank Analysis of Incomplete Block Designs",
    Biometrika 39, 1952, with a draw as half a win, and every pair has the same weight.

    Args:
        scores: `[K, K]` antisymmetric mean scores in [-1, 1].
        anchors: Players whose rating is given, at least one, so that pools compare.
        highest: No rating is above this; None is no limit. For the rating of a perfect player,
            as no player scores more than half the points against it.

    Returns:
        `[K]` ratings in Elo points.

    Raises:
        ValueError: If there is no anchor, or the matrix is not antisymmetric.
    """
    if not anchors:
        raise ValueError("ratings need an anchor: only differences follow from scores")
    if scores.shape != (len(scores),) * 2 or not np.allclose(scores, -scores.T):
        raise ValueError("the scores of a pool are an antisymmetric matrix [K, K]")
    shares = ((1.0 + scores) / 2.0).clip(CERTAIN, 1.0 - CERTAIN)
    fixed = np.array(sorted(anchors))
    free = np.setdiff1d(np.arange(len(scores)), fixed)
    ratings = np.zeros(len(scores))
    ratings[fixed] = [anchors[number] / ELO_SCALE for number in fixed]
    limit = None if highest is None else highest / ELO_SCALE
    if not len(free):
        return ratings * ELO_SCALE
    from scipy.optimize import minimize  # 0.4 s, which trials without a league need not spend

    def loss(some: Vector) -> tuple[float, Vector]:
        """Return the negative log-likelihood of all pairs and its gradient by the free ratings."""
        ratings[free] = some
        gaps = ratings[:, None] - ratings[None, :]
        # -log(1 / (1 + exp(-gap))), without overflow.
        surprise = np.logaddexp(0.0, -gaps)
        expected = np.exp(-surprise)
        return float((shares * surprise).sum()), (expected - shares)[free].sum(axis=1)

    start = np.full(len(free), np.mean(ratings[fixed]))
    if limit is not None:
        start = np.minimum(start, limit)
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, limit)] * len(free),
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000},
    )
    ratings[free] = found.x
    return ratings * ELO_SCALE


def max_entropy_nash(scores: Matrix) -> Vector:
    """Return the Nash equilibrium of greatest entropy of the game "choose a player".

    Balduzzi, Tuyls, Perolat and Graepel, "Re-evaluating Evaluation", NeurIPS 2018, section 3.
    Its weights are unique, and do not change when a copy of a player joins, which shares the
    weight. `scores @ weights`, the scores against the mixture, are Nash averages: 0 for those
    with weight, 0 or less for the others.

    Args:
        scores: `[K, K]` antisymmetric mean scores in [-1, 1].

    Returns:
        `[K]` weights, 0 or greater, with the sum 1.
    """
    count = len(scores)
    support = _nash_support(scores)
    if len(support) == 1:
        return np.eye(count)[support[0]]
    from scipy.optimize import minimize

    columns = scores[:, support]

    def loss(prices: Vector) -> tuple[float, Vector]:
        """Return the dual of the entropy's maximum, and its gradient.

        With prices `y >= 0` on the constraints the weights are `exp(-y columns)`, normalised.
        """
        weights, log_sum = _softmax(-prices @ columns)
        return log_sum, -columns @ weights

    found = minimize(
        loss,
        np.zeros(count),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * count,
        options={"ftol": 1e-16, "gtol": 1e-10, "maxiter": 10_000},
    )
    weights = np.zeros(count)
    weights[support], _ = _softmax(-found.x @ columns)
    return weights


def _nash_support(scores: Matrix) -> npt.NDArray[np.intp]:
    """Return the players that have weight in some equilibrium, by one linear program.

    The equilibria are the weights against which no player scores more than 0, the value of a
    symmetric game. Their multiples are a cone, in which a player has a weight of 1 or more
    somewhere if it has any; the sum of such weights has all of them at once.
    """
    from scipy.optimize import linprog

    count = len(scores)
    zeros, unit = np.zeros((count, count)), np.eye(count)
    found = linprog(
        np.repeat([0.0, -1.0], count),
        # Weights and, below them, what is counted of them: at most 1 each.
        A_ub=np.block([[scores, zeros], [-unit, unit]]),
        b_ub=np.zeros(2 * count),
        bounds=[(0.0, None)] * count + [(0.0, 1.0)] * count,
    )
    return np.flatnonzero(found.x[count:] > SUPPORT)


def _softmax(logits: Vector) -> tuple[Vector, float]:
    greatest = float(logits.max())
    odds = np.exp(logits - greatest)
    return odds / odds.sum(), greatest + math.log(float(odds.sum()))
