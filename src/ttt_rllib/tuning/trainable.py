"""The Trainable that Tune runs for each trial: an RLlib Algorithm, our metrics and checkpoints.

The Algorithm is built in the trial's own process. So the driver imports neither RLlib nor torch,
a process serves one trial after another, and a damaged checkpoint does not end a trial.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ray.tune import PlacementGroupFactory, Trainable
from ray.tune.result import TRAINING_ITERATION

from ttt_rllib.cluster.placement import trial_resource_request
from ttt_rllib.cluster.stages import report_stage
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import with_settings
from ttt_rllib.metrics import (
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    ITERATION,
    PENALISED_MOVES,
    RunLabels,
    flatten,
    nest,
    penalised_moves,
)
from ttt_rllib.runs.checkpoints import latest_complete, write_manifest
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.game_npz import use_game
from ttt_rllib.runs.live_json import live_folder

__all__ = ["EXPERIMENT", "SelfPlayTrainable", "experiment_of"]

EXPERIMENT = "experiment"
"""Key of the resolved experiment in a trial's config; the other keys are searched settings."""

OBJECTIVE_FILE = "objective.json"


def experiment_of(config: dict[str, Any]) -> Experiment:
    """Return the experiment of a trial: the base experiment with the searched settings.

    Args:
        config: The trial's config: the experiment under `EXPERIMENT`, and settings by dotted
            keys.

    Raises:
        InputError: If the settings contradict each other.
    """
    settings = dict(config)
    base = Experiment.model_validate_json(settings.pop(EXPERIMENT))
    return with_settings(base, settings)


class SelfPlayTrainable(Trainable):
    """Runs an Algorithm for Tune; a checkpoint is RLlib's, with a manifest of its files."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:
        """Return the bundles of a trial: one for its own process, then one per actor it starts."""
        plan = trial_resource_request(experiment_of(config))
        return PlacementGroupFactory(plan.bundles, strategy="PACK")

    def setup(self, config: dict[str, Any]) -> None:
        """Build the Algorithm."""
        report_stage(self.trial_id, "loading torch and RLlib")
        from ttt_rllib.rl.algorithm_config import algorithm_config

        self._experiment = experiment_of(config)
        report_stage(self.trial_id, _building(self._experiment.env_runners.num_env_runners))
        self._searched = _searched_metric(config)
        self._objective: float | None = None
        run = RunDir(Path(self._storage.experiment_fs_path).parent) if self._storage else None
        if run:
            use_game(run.path)
        settings = algorithm_config(
            self._experiment, run.given_agents if run else None, run.own_code if run else None
        )
        # Prometheus finds the env runners of a trial by them.
        name = run.path.name if run else ""
        settings.run_labels = RunLabels(self._experiment.name, name, self.trial_id)
        # Without Tune's storage, which only this attribute holds, the Algorithm would write to a
        # folder in the home directory.
        self._algorithm = settings.algo_class(config=settings, storage=self._storage)
        if run is not None:
            from ttt_rllib.watch.picture import picture_writer

            trial = self._storage.trial_dir_name
            self._algorithm.on_evaluated = picture_writer(live_folder(run), trial)
        report_stage(self.trial_id, "playing the first games")

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Serve another trial in this process, which saves the imports."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Run one iteration; only the metrics of `ttt_rllib.metrics` are reported."""
        row = flatten(self._algorithm.train())
        stop = self._experiment.stop
        if stop.moves and stop.consecutive_unexploitable_evals and self._is_evaluated(row):
            row[PENALISED_MOVES] = penalised_moves(
                row, max_moves=stop.moves, required_evals=stop.consecutive_unexploitable_evals
            )
        if self._searched is not None:
            self._repeat_objective(row, self._searched)
        # Tune counts iterations from the checkpoint it requested; the Algorithm may have been
        # restored from an earlier one.
        return {**nest(row), TRAINING_ITERATION: self._algorithm.iteration}

    def _is_evaluated(self, row: dict[str, float]) -> bool:
        """Tell whether the agent was evaluated exactly in this iteration, by a table or a walk."""
        interval = self._experiment.evaluation.evaluation_interval
        return CONSECUTIVE_UNEXPLOITABLE_EVALS in row and int(row[ITERATION]) % interval == 0

    def _repeat_objective(self, row: dict[str, float], objective: str) -> None:
        """Report the objective's last value in iterations that do not measure it.

        Schedulers compare trials in any iteration, and the last one decides which trial is best.
        """
        self._objective = row.get(objective, self._objective)
        if self._objective is not None:
            row[objective] = self._objective

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save RLlib's checkpoint with the agent's bundle, and last the manifest of all files."""
        self._algorithm.save_to_path(checkpoint_dir)
        (Path(checkpoint_dir) / OBJECTIVE_FILE).write_text(json.dumps(self._objective))
        write_manifest(Path(checkpoint_dir))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load a checkpoint, or the newest complete one before it if it is damaged.

        Without any, the trial starts from the beginning; its metrics are written again.

        Args:
            checkpoint: The folder of the checkpoint, beside those of the trial's other ones.
        """
        complete = latest_complete(Path(checkpoint))
        if complete is None:
            return
        # Unlike `restore_from_path`, it tells the callbacks.
        self._algorithm.load_checkpoint(str(complete))
        self._objective = json.loads((complete / OBJECTIVE_FILE).read_text())

    def cleanup(self) -> None:
        """End the Algorithm and its actors."""
        self._algorithm.stop()


def _building(num_env_runners: int) -> str:
    if num_env_runners == 0:
        return "building the network"
    return f"starting {num_env_runners} env runner{'s' if num_env_runners > 1 else ''}"


def _searched_metric(config: dict[str, Any]) -> str | None:
    """Return the objective of the trial's search; None if there is no search."""
    base = Experiment.model_validate_json(config[EXPERIMENT])
    return base.objective[0] if base.search else None
