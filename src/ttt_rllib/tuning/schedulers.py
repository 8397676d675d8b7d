"""Who ends or changes trials early: Tune's schedulers, with what a resumed run must know.

Tune does not save schedulers; these have a `memory`, which is saved beside Tune's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import schedulers
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    PopulationBasedTraining,
)

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.search import Distribution
from ttt_rllib.metrics import MOVES
from ttt_rllib.runs.exploits_csv import append_exploit

__all__ = ["ResumableScheduler", "scheduler_of"]


class ResumableScheduler:
    """Mixed into a scheduler: Tune saves its state whenever a trial has saved a checkpoint.

    So a killed run knows which trials had ended. Tune itself saves every ten seconds.
    """

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Take a trial."""
        manager = tune_controller._checkpoint_manager  # noqa: SLF001 - there is no public way
        manager._sync_every_n_trial_checkpoints = 1  # noqa: SLF001
        super().on_trial_add(tune_controller, trial)  # type: ignore[misc]  # the scheduler's

    @property
    def memory(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {}

    @memory.setter
    def memory(self, memory: Mapping[str, Any]) -> None:
        pass


class FIFOScheduler(ResumableScheduler, schedulers.FIFOScheduler):
    """Lets every trial run to its end."""


class ASHAScheduler(ResumableScheduler, AsyncHyperBandScheduler):
    """ASHA over moves."""

    def __init__(self, experiment: Experiment) -> None:
        search = experiment.search
        assert search is not None  # noqa: S101 - there is no ASHA without a search
        metric, mode = experiment.objective
        super().__init__(
            time_attr=MOVES,
            metric=metric,
            mode=mode,
            # Never reached: trials end by their own limits.
            max_t=max(experiment.stop.moves or 2**40, 2 * search.asha.grace_period),
            grace_period=search.asha.grace_period,
            reduction_factor=search.asha.reduction_factor,
            stop_last_trials=False,
        )

    @property
    def memory(self) -> dict[str, Any]:
        """The figures at the rungs."""
        return {"brackets": self._brackets}

    @memory.setter
    def memory(self, memory: Mapping[str, Any]) -> None:
        self._brackets = memory["brackets"]


class PBTScheduler(ResumableScheduler, PopulationBasedTraining):
    """PBT over moves; every exploit is a row in `exploits.csv` of the trial that copied."""

    def __init__(self, experiment: Experiment) -> None:
        search = experiment.search
        assert search is not None  # noqa: S101 - there is no PBT without a search
        metric, mode = experiment.objective
        self._ranges = {
            key: one.values for key, one in search.space.items() if one.kind != "choice"
        }
        super().__init__(
            time_attr=MOVES,
            metric=metric,
            mode=mode,
            perturbation_interval=search.pbt.perturbation_interval,
            quantile_fraction=search.pbt.quantile_fraction,
            resample_probability=search.pbt.resample_probability,
            hyperparam_mutations={key: _mutations(one) for key, one in search.space.items()},
            custom_explore_fn=self._within_ranges,
            log_config=False,
            require_attrs=False,
        )
        self._perturbed: dict[str, float] = {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Take a trial, of a resumed run with the moves of its last comparison."""
        super().on_trial_add(tune_controller, trial)
        state = self._trial_state[trial]
        state.last_perturbation_time = self._perturbed.get(trial.trial_id, 0)

    @property
    def memory(self) -> dict[str, Any]:
        """Moves at the last comparison of each trial."""
        times = {trial.trial_id: one.last_perturbation_time for trial, one in self._states()}
        return {"perturbed": times}

    @memory.setter
    def memory(self, memory: Mapping[str, Any]) -> None:
        self._perturbed = dict(memory["perturbed"])

    def _states(self) -> list[tuple[Trial, Any]]:
        return list(self._trial_state.items())

    def _exploit(self, tune_controller: Any, trial: Trial, trial_to_clone: Trial) -> None:
        iteration = (trial.last_result or {}).get("training_iteration", 0)
        super()._exploit(tune_controller, trial, trial_to_clone)
        changed = {key: trial.config[key] for key in self._hyperparam_mutations}
        append_exploit(Path(trial.path), iteration, trial_to_clone.trial_id, changed)

    def _within_ranges(self, config: dict[str, Any]) -> dict[str, Any]:
        """Keep what was multiplied within its range."""
        for key, (least, greatest) in self._ranges.items():
            config[key] = min(max(config[key], least), greatest)
        return config


def scheduler_of(experiment: Experiment) -> ResumableScheduler:
    """Return the scheduler that an experiment asks for."""
    name = experiment.search.scheduler if experiment.search else "none"
    if name == "asha":
        return ASHAScheduler(experiment)
    return PBTScheduler(experiment) if name == "pbt" else FIFOScheduler()


def _mutations(one: Distribution) -> Any:
    if one.kind == "choice":
        return list(one.values)
    least, greatest = one.values
    if one.kind == "randint":
        return tune.randint(least, greatest + 1)
    return (tune.loguniform if one.kind == "loguniform" else tune.uniform)(least, greatest)
