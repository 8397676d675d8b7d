"""A trial: what Tune runs, an RLlib Algorithm with our metrics and checkpoints.

The Algorithm is built in the trial's own process. So the driver imports neither RLlib nor
torch, a process serves one trial after the other, and a damaged checkpoint is not the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ray.tune import PlacementGroupFactory, Trainable

from ttt_rllib.cluster.placement import trial_resource_request
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import with_settings
from ttt_rllib.metrics import NASH_CONV, PENALISED_MOVES, flatten, nest, penalised_moves
from ttt_rllib.runs.checkpoints import latest_complete, write_manifest

__all__ = ["EXPERIMENT", "SelfPlayTrainable", "experiment_of"]

EXPERIMENT = "experiment"
"""Key of the resolved experiment in a trial's config; the other keys are searched settings."""

OBJECTIVE_FILE = "objective.json"


def experiment_of(config: dict[str, Any]) -> Experiment:
    """Return the experiment of one trial.

    Args:
        config: Tune's: the experiment under `EXPERIMENT`, and settings by dotted keys.

    Raises:
        InputError: If the settings do not go together.
    """
    settings = dict(config)
    base = Experiment.model_validate_json(settings.pop(EXPERIMENT))
    return with_settings(base, settings)


class SelfPlayTrainable(Trainable):
    """Tune's interface to an Algorithm; a checkpoint is RLlib's, with a seal."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:
        """Return the bundles of a trial: its own process, then the actors it will start."""
        plan = trial_resource_request(experiment_of(config))
        return PlacementGroupFactory(plan.bundles, strategy="PACK")

    def setup(self, config: dict[str, Any]) -> None:
        """Build the Algorithm."""
        from ttt_rllib.rl.algorithm_config import algorithm_config

        self._experiment = experiment_of(config)
        self._searched = _searched_metric(config)
        self._objective: float | None = None
        settings = algorithm_config(self._experiment)
        # Without our storage it would make a folder in the home directory.
        self._algorithm = settings.algo_class(config=settings, storage=self._storage)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Serve another trial in this process, which saves the imports."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Run one iteration; only the metrics of `ttt_rllib.metrics` are reported."""
        row = flatten(self._algorithm.train())
        stop = self._experiment.stop
        if stop.moves and stop.consecutive_unexploitable_evals and NASH_CONV in row:
            row[PENALISED_MOVES] = penalised_moves(
                row, max_moves=stop.moves, required_evals=stop.consecutive_unexploitable_evals
            )
        if self._searched is not None:
            self._repeat_objective(row, self._searched)
        return nest(row)

    def _repeat_objective(self, row: dict[str, float], objective: str) -> None:
        """Report the objective's last value in iterations that do not measure it.

        Schedulers compare in any iteration, and the last one decides which trial is best.
        """
        self._objective = row.get(objective, self._objective)
        if self._objective is not None:
            row[objective] = self._objective

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save RLlib's checkpoint and the agent's bundle, and seal them."""
        self._algorithm.save_to_path(checkpoint_dir)
        (Path(checkpoint_dir) / OBJECTIVE_FILE).write_text(json.dumps(self._objective))
        write_manifest(Path(checkpoint_dir))

    def restore(self, checkpoint_path: Any) -> None:
        """Go on from a checkpoint, or from the newest whole one before it if it is damaged.

        Without any the trial begins anew: its rows are replaced as it goes.
        """
        whole = latest_complete(Path(getattr(checkpoint_path, "checkpoint", checkpoint_path).path))
        if whole is None:
            return
        self._algorithm.restore_from_path(str(whole))
        self._objective = json.loads((whole / OBJECTIVE_FILE).read_text())
        self._iteration = self._algorithm.iteration
        # Tune's own clock, which is shown beside our perf/train_s.
        self._time_total = getattr(checkpoint_path, "metrics", {}).get("time_total_s", 0.0)
        self._restored = True

    def cleanup(self) -> None:
        """End the Algorithm and its actors."""
        self._algorithm.stop()


def _searched_metric(config: dict[str, Any]) -> str | None:
    """Return the objective of the search that the trial belongs to; None if there is none."""
    base = Experiment.model_validate_json(config[EXPERIMENT])
    return base.objective[0] if base.search else None
