"""Updates by learners in other processes (DDP), which share a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.rows import interleaved
from benchmarks.scaling_iterations import CENTRE, config
from benchmarks.scaling_setting import Setting

__all__ = ["ONE", "TWO", "learning"]

ONE = replace(CENTRE, num_learners=1, batch_size=16_384)
TWO = replace(CENTRE, num_learners=2, batch_size=8192)
"""The same moves as `ONE`, shared by two."""
GROUPS = {
    ONE: (ONE, replace(ONE, batch_size=4096), replace(ONE, minibatch_size=256)),
    TWO: (TWO, replace(TWO, batch_size=2048), replace(TWO, minibatch_size=256)),
    replace(TWO, hidden_sizes=(256, 256)): (replace(TWO, hidden_sizes=(256, 256)),),
}
"""Which settings each group of learners measures; their networks are the same."""


def learning(rounds: int) -> dict[Setting, list[float]]:
    """Return the seconds of updates for each setting; all groups take turns."""
    with _groups() as groups:
        batch = _batch(max(setting.moves for setting in GROUPS))
        contestants = {
            setting: _update(group, setting, batch)
            for asked, group in groups.items()
            for setting in GROUPS[asked]
        }
        found = interleaved(contestants, rounds + 1)
    return {setting: each[1:] for setting, each in found.items()}


@contextmanager
def _groups() -> Iterator[dict[Setting, Any]]:
    groups = {setting: config(setting).build_learner_group() for setting in GROUPS}
    try:
        yield groups
    finally:
        for group in groups.values():
            group.shutdown()


def _batch(moves: int) -> Any:
    from benchmarks.learner import sampled_batch
    from ttt_rllib.sampling.env_runner import MODULE_ID

    return sampled_batch(moves).policy_batches[MODULE_ID]


def _update(group: Any, setting: Setting, columns: Any) -> Callable[[], float]:
    from ray.rllib.policy.sample_batch import MultiAgentBatch
    from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

    from ttt_rllib.sampling.env_runner import MODULE_ID

    # Equal shares: unequal ones hang DDP.
    batch = MultiAgentBatch({MODULE_ID: columns[: setting.moves]}, setting.moves)

    def measure() -> float:
        start_s = time.perf_counter()
        group.update(
            batch=batch,
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: 0},
            num_epochs=setting.num_epochs,
            minibatch_size=setting.minibatch_size,
        )
        return time.perf_counter() - start_s

    return measure
