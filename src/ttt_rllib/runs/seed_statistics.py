"""The figure of several seeds: the interquartile mean, and how far it is to be trusted.

R. Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice (NeurIPS
2021), section 4.3: the mean of the middle half, with a percentile bootstrap interval over seeds.
The seeds of one task are one stratum. Both are scipy's; the authors' own library, rliable, takes
the same `trim_mean`, and wants arch, seaborn and pandas besides.

Shapes: `N` seeds, `G` points on the axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CONFIDENCE", "FEW_SEEDS", "MIN_SEEDS", "Estimate", "estimate", "interval", "iqm"]

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
MIN_SEEDS = 3
"""With fewer there is no interval: two seeds only show that they differ."""
FEW_SEEDS = 10
"""Below, a percentile bootstrap gives intervals that are too narrow; the paper has 10 and less
only where there are many tasks."""
RESAMPLES = 2000
TRIMMED = 0.25


@dataclass(frozen=True)
class Estimate:
    """A figure of several seeds.

    Attributes:
        n: Number of seeds that have it, at least 1.
        iqm: Their interquartile mean.
        low: Lower end of the interval; None with fewer than `MIN_SEEDS`.
        high: Upper end likewise.
    """

    n: int
    iqm: float
    low: float | None
    high: float | None


def iqm(figures: Array, axis: int = 0) -> Array:
    """Return the mean without the lowest and the highest quarter along an axis.

    Less than a whole seed is not trimmed: of three seeds it is their mean.
    """
    from scipy.stats import trim_mean

    trimmed: Array = np.asarray(trim_mean(figures, TRIMMED, axis=axis))
    return trimmed


def interval(figures: Array) -> tuple[Array, Array] | None:
    """Return the 95 % interval of the interquartile mean; the same for the same figures.

    Args:
        figures: `[N]` or `[N, G]`.

    Returns:
        `[]` or `[G]` each; None with fewer than `MIN_SEEDS` seeds.
    """
    if len(figures) < MIN_SEEDS:
        return None
    from scipy.stats import bootstrap

    found: Any = bootstrap(
        (figures,),
        iqm,
        axis=0,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return np.asarray(found.low), np.asarray(found.high)


def estimate(figures: Array) -> Estimate:
    """Return the figure of `[N]` seeds."""
    ends = interval(figures)
    low, high = (float(ends[0]), float(ends[1])) if ends else (None, None)
    return Estimate(len(figures), float(iqm(figures)), low, high)
