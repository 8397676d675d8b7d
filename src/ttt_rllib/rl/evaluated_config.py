"""The settings of exact evaluation, for every AlgorithmConfig of this package."""

from __future__ import annotations

from pathlib import Path

from ttt_rllib.exact.walks import MAX_POSITIONS
from ttt_rllib.metrics import RunLabels
from ttt_rllib.rl.hosts import ConfigBase

__all__ = ["EvaluatedConfig"]


class EvaluatedConfig(ConfigBase):
    """What `ExactEvaluationMixin` asks of the config of its Algorithm."""

    def set_up_evaluation(self) -> None:
        """Set the defaults; a subclass calls this in its constructor, after RLlib's."""
        self.exact_evaluation_interval = 1
        self.certificate_interval = 0
        self.needs_table = False
        self.own_metrics: dict[str, str] = {}
        self.own_code: Path | None = None
        self.max_walk_positions = MAX_POSITIONS
        self.symmetry_average = False
        self.lookahead = 0
        self.refuted_starts = 0.0
        self.run_labels = RunLabels()
        # Tune would overwrite our "perf" with the machine's load under that name.
        self.debugging(log_sys_usage=False)
