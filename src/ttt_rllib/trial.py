"""A trial: what Tune runs, an RLlib Algorithm with our metrics and checkpoints.

The Algorithm is built in the trial's own process. So the driver imports neither RLlib nor
torch, a process serves one trial after the other, and a damaged checkpoint is not the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import PlacementGroupFactory, Trainable

from ttt_rllib.checkpoints import is_whole, newest_whole, seal
from ttt_rllib.experiment import PENALISED_MOVES, Experiment
from ttt_rllib.experiment_file import with_settings
from ttt_rllib.metrics import METRICS
from ttt_rllib.plan import plan_of_trial

__all__ = ["EXPERIMENT", "SelfPlayTrial", "experiment_of"]

EXPERIMENT = "experiment"
"""Key of the resolved experiment in a trial's config; the other keys are searched settings."""

GROUPS = tuple(dict.fromkeys(metric.name.split("/")[0] for metric in METRICS))


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


class SelfPlayTrial(Trainable):
    """Tune's interface to an Algorithm; a checkpoint is RLlib's, with a seal."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:
        """Return the bundles of a trial: its own process, then the actors it will start."""
        plan = plan_of_trial(experiment_of(config))
        return PlacementGroupFactory(plan.bundles, strategy="PACK")

    def setup(self, config: dict[str, Any]) -> None:
        """Build the Algorithm."""
        from ttt_rllib.rl.build import algorithm_config

        self._experiment = experiment_of(config)
        self._nash_conv: float | None = None
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
        result = self._algorithm.train()
        figures = {group: dict(result[group]) for group in GROUPS if group in result}
        return {**figures, **self._search_figures(figures)}

    def _search_figures(self, figures: dict[str, dict[str, float]]) -> dict[str, Any]:
        stop, exact = self._experiment.stop, figures.get("exact", {})
        self._nash_conv = exact.get("nash_conv", self._nash_conv)
        if not stop.moves or not stop.unexploitable_evals or self._nash_conv is None:
            return {}
        is_proved = exact.get("unexploitable_evals", 0) >= stop.unexploitable_evals
        penalised = stop.moves * (1.0 + self._nash_conv)
        group, name = PENALISED_MOVES.split("/")
        return {group: {name: figures["play"]["moves"] if is_proved else penalised}}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save RLlib's checkpoint and the agent's bundle, and seal them."""
        self._algorithm.save_to_path(checkpoint_dir)
        seal(Path(checkpoint_dir))

    def restore(self, checkpoint_path: Any) -> None:
        """Go on from a checkpoint, or from the newest whole one beside it if it is damaged.

        Without any the trial begins anew: its rows are replaced as it goes.
        """
        wanted = Path(getattr(checkpoint_path, "checkpoint", checkpoint_path).path)
        whole = wanted if is_whole(wanted) else newest_whole(wanted.parent)
        if whole is None:
            return
        self._algorithm.restore_from_path(str(whole))
        self._iteration = self._algorithm.iteration
        self._restored = True

    def cleanup(self) -> None:
        """End the Algorithm and its actors."""
        self._algorithm.stop()
