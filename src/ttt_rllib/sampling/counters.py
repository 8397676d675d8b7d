"""What every env runner tells Prometheus itself, between two iterations of its trial.

The labels say which run it samples for and its number, not its process, so that they stay few;
Ray adds the node and the process.
"""

from __future__ import annotations

from ray.util.metrics import Counter

from ttt_rllib.metrics import RUNNER_LABEL, RUNNER_MOVES, RUNNER_SAMPLE_S, LiveMetric, RunLabels

__all__ = ["SamplingCounters"]


class SamplingCounters:
    """Counts the moves of one env runner, and the seconds that they took.

    Args:
        labels: Which trial it samples for.
        worker_index: Its number; 0 samples in the trial's own process.
    """

    def __init__(self, labels: RunLabels, worker_index: int) -> None:
        tags = {**labels._asdict(), RUNNER_LABEL: str(worker_index)}
        self._moves = _counter(RUNNER_MOVES, tags)
        self._sample_s = _counter(RUNNER_SAMPLE_S, tags)

    def count(self, num_moves: int, sample_s: float) -> None:
        """Count what was sampled in one call.

        Args:
            num_moves: Moves of all games.
            sample_s: Seconds that it took.
        """
        # Ray refuses to count nothing.
        if num_moves > 0 and sample_s > 0.0:
            self._moves.inc(num_moves)
            self._sample_s.inc(sample_s)


def _counter(metric: LiveMetric, tags: dict[str, str]) -> Counter:
    return Counter(metric.name, metric.meaning, metric.labels).set_default_tags(tags)
