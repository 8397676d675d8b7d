"""How moves are picked from a network's outputs, in many positions at once.

Pure numpy. Shapes: `n` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "ActionSampler",
    "Floats",
    "Mask",
    "SampledActions",
    "epsilon_greedy_actions",
    "exploring_start_actions",
    "greedy_actions",
    "sample_actions",
]

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


class SampledActions(NamedTuple):
    """The moves picked in `n` positions.

    Attributes:
        actions: `[n]` int64.
        logp: `[n]` float32 log-probabilities.
        explored: `[n]` bool, the move was drawn at random, and is not the policy's by chance.
    """

    actions: npt.NDArray[np.int64]
    logp: Floats
    explored: Mask


ActionSampler = Callable[[Floats, Mask, np.random.Generator], SampledActions]
"""From logits `[n, A]` and legal mask `[n, A]` to moves."""


def sample_actions(logits: Floats, legal: Mask, rng: np.random.Generator) -> SampledActions:
    """Draw an action from the softmax of each row, by inverting its distribution function.

    Args:
        logits: `[n, A]` float32; an illegal action's odds must underflow to 0.
        legal: Not used: the logits tell which moves are legal.
        rng: The source of randomness.

    Returns:
        The moves, with their log-probabilities under the softmax.

    Raises:
        FloatingPointError: If a logit is not a number, since no choice would be right.
    """
    shifted, cumulative = _softmax_sums(logits)
    total = cumulative[:, -1]
    # The product is rounded in float64, so it stays below `total`, and the first entry
    # above it belongs to an action whose odds are greater than 0.
    level = rng.random(len(logits)) * total
    actions = (cumulative > level[:, None]).argmax(axis=1)
    return _chosen(actions, shifted, total, np.zeros(len(actions), np.bool_))


def greedy_actions(logits: Floats, legal: Mask, rng: np.random.Generator) -> SampledActions:
    """Take the action with the greatest logit; the log-probability is that of the softmax.

    Raises:
        FloatingPointError: If a logit is not a number.
    """
    shifted, cumulative = _softmax_sums(logits)
    actions = logits.argmax(axis=1)
    return _chosen(actions, shifted, cumulative[:, -1], np.zeros(len(actions), np.bool_))


def epsilon_greedy_actions(
    logits: Floats, legal: Mask, rng: np.random.Generator, *, epsilon: float
) -> SampledActions:
    """Take the greatest logit, or with probability `epsilon` any legal action.

    Args:
        logits: `[n, A]` float32 Q-values, below all others where illegal.
        legal: `[n, A]` bool, True where legal.
        rng: The source of randomness.
        epsilon: Share of uniformly random actions, in [0, 1].

    Returns:
        The moves, with the log-probabilities of having made them.

    Raises:
        FloatingPointError: If a logit is not a number.
    """
    _softmax_sums(logits)
    greedy = logits.argmax(axis=1)
    explored = rng.random(len(logits)) < epsilon
    actions = np.where(explored, _random_actions(legal, rng), greedy)
    is_greedy = actions == greedy
    odds = epsilon / legal.sum(axis=1) + np.where(is_greedy, 1.0 - epsilon, 0.0)
    return SampledActions(actions, np.log(odds).astype(np.float32), explored & ~is_greedy)


def exploring_start_actions(
    logits: Floats, legal: Mask, rng: np.random.Generator, *, share: float
) -> SampledActions:
    """Draw from the softmax, or with probability `share` take any legal action.

    Exploring starts as in Sutton and Barto, "Reinforcement Learning: An Introduction", 2nd
    edition, section 5.3: the random opening chooses the state, this the action.

    Args:
        logits: `[n, A]` float32; an illegal action's odds must underflow to 0.
        legal: `[n, A]` bool, True where legal.
        rng: The source of randomness.
        share: Of uniformly random actions, in [0, 1].

    Returns:
        The moves, with their log-probabilities under the softmax, random ones too.

    Raises:
        FloatingPointError: If a logit is not a number.
    """
    shifted, cumulative = _softmax_sums(logits)
    drawn = sample_actions(logits, legal, rng).actions
    explored = rng.random(len(logits)) < share
    actions = np.where(explored, _random_actions(legal, rng), drawn)
    return _chosen(actions, shifted, cumulative[:, -1], explored)


def _random_actions(legal: Mask, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.where(legal, rng.random(legal.shape), -1.0).argmax(axis=1)


def _chosen(
    actions: npt.NDArray[np.int64], shifted: Floats, total: Floats, explored: Mask
) -> SampledActions:
    logp = shifted[np.arange(len(actions)), actions] - np.log(total)
    return SampledActions(actions, logp, explored)


def _softmax_sums(logits: Floats) -> tuple[Floats, Floats]:
    """Return logits shifted to a maximum of 0, and the running sums of their odds."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    cumulative = np.exp(shifted).cumsum(axis=1)
    if not np.isfinite(cumulative[:, -1]).all():
        raise FloatingPointError("the network's outputs are not finite")
    return shifted, cumulative
