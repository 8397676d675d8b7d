"""Tune's schedulers, which stop or change trials early, with a state that survives a kill.

Tune does not save schedulers; `TuneStateCallback` saves the state of these beside Tune's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray import tune
from ray.tune import schedulers
from ray.tune.experiment import Trial
from ray.tune.result import TRAINING_ITERATION
from ray.tune.schedulers import AsyncHyperBandScheduler, PopulationBasedTraining

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.search import Distribution
from ttt_rllib.metrics import MOVES
from ttt_rllib.runs.exploits_csv import Exploit, write_exploits
from ttt_rllib.tuning.failures import FailingTrial
from ttt_rllib.tuning.trial_queue import WithoutStarting

__all__ = ["ResumableScheduler", "scheduler_of"]

ASHA_FILE = "asha.pkl"
"""A temporary file: ASHA saves its state to a path only."""


class ResumableScheduler:
    """Mixed into a scheduler: the part of its state that a resumed run needs."""

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Add a trial; only those are retried whose failure may not come again.

        Tune makes the trials of a resumed run itself, but all of them pass here.
        """
        trial.__class__ = FailingTrial
        super().on_trial_add(tune_controller, trial)  # type: ignore[misc]  # the scheduler's

    def get_state(self) -> dict[str, Any]:
        """Return the state, to be pickled."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `get_state` returned, before the first trial is added."""


class KeepsStarting:
    """Mixed into a scheduler that never pauses a trial: a process that starts is not in vain.

    PBT pauses trials to let others run, and must be free to choose those: the process that one of
    them waits for may only have room once the trials that are running give theirs up.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Choose the next trial for a process that is free: none whose own is starting."""
        others = WithoutStarting(tune_controller)
        chosen: Trial | None = super().choose_trial_to_run(others)  # type: ignore[misc]  # Tune's
        return chosen


class FIFOScheduler(KeepsStarting, ResumableScheduler, schedulers.FIFOScheduler):
    """Lets every trial run to its end."""


class ASHAScheduler(KeepsStarting, ResumableScheduler, AsyncHyperBandScheduler):
    """Stops trials that are worse than most at a rung of moves, by ASHA."""

    def __init__(self, experiment: Experiment) -> None:
        search = experiment.search
        assert search is not None  # noqa: S101 - there is no ASHA without a search
        metric, mode = experiment.objective
        super().__init__(
            time_attr=MOVES,
            metric=metric,
            mode=mode,
            # No trial reaches it: trials end by their own limits.
            max_t=max(experiment.stop.moves or 2**40, 2 * search.asha.grace_period),
            grace_period=search.asha.grace_period,
            reduction_factor=search.asha.reduction_factor,
            stop_last_trials=False,
        )

    def get_state(self) -> dict[str, Any]:
        """Return what ASHA saves: the objectives of all trials at the rungs, and its settings."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / ASHA_FILE
            self.save(str(file))
            return {"asha": file.read_bytes()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore what ASHA saved."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / ASHA_FILE
            file.write_bytes(state["asha"])
            self.restore(str(file))


class PBTScheduler(ResumableScheduler, PopulationBasedTraining):
    """PBT over moves; every exploit becomes a row in `exploits.csv` of the trial that copied."""

    def __init__(self, experiment: Experiment) -> None:
        search = experiment.search
        assert search is not None  # noqa: S101 - there is no PBT without a search
        metric, mode = experiment.objective
        self._searched = tuple(search.space)
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
        self._compared_at: dict[str, float] = {}
        self._exploits: dict[str, list[Exploit]] = {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Add a trial; one of a resumed run keeps the moves of its last comparison."""
        super().on_trial_add(tune_controller, trial)
        # A killed session may have written exploits that have not happened in the state resumed.
        write_exploits(_folder(trial), self._exploits.setdefault(trial.trial_id, []))
        # PBT has no `save`, and compares a trial again once it is `perturbation_interval` moves
        # past this figure: with 0, every resumed trial would be compared at once.
        state = self._trial_state[trial]
        state.last_perturbation_time = self._compared_at.get(trial.trial_id, 0)

    def get_state(self) -> dict[str, Any]:
        """Return each trial's moves at its last comparison, and all exploits."""
        states = self._trial_state.items()
        return {
            "compared_at": {trial.trial_id: one.last_perturbation_time for trial, one in states},
            "exploits": {name: list(exploits) for name, exploits in self._exploits.items()},
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore each trial's moves at its last comparison, and all exploits."""
        self._compared_at = dict(state["compared_at"])
        self._exploits = dict(state.get("exploits", {}))

    def _exploit(self, tune_controller: Any, trial: Trial, trial_to_clone: Trial) -> None:
        # Nothing else records which trial copied which: PBT's own log goes to the driver's staging
        # folder and is lost with the session.
        iteration = (trial.last_result or {}).get(TRAINING_ITERATION, 0)
        super()._exploit(tune_controller, trial, trial_to_clone)
        changed = {key: trial.config[key] for key in self._searched}
        # A trial that copies one with fewer iterations repeats some, in metrics.csv too: what it
        # copied then replaces what it had copied in the same iteration.
        exploits = [one for one in self._exploits[trial.trial_id] if one.iteration < iteration]
        exploits.append(Exploit(iteration, trial_to_clone.trial_id, changed))
        self._exploits[trial.trial_id] = exploits
        write_exploits(_folder(trial), exploits)

    def _within_ranges(self, config: dict[str, Any]) -> dict[str, Any]:
        """Clip the settings that PBT multiplied to their ranges, which PBT itself ignores."""
        for key, (low, high) in self._ranges.items():
            config[key] = min(max(config[key], low), high)
        return config


def scheduler_of(experiment: Experiment) -> ResumableScheduler:
    """Return the scheduler that the experiment names."""
    name = experiment.search.scheduler if experiment.search else "none"
    if name == "asha":
        return ASHAScheduler(experiment)
    return PBTScheduler(experiment) if name == "pbt" else FIFOScheduler()


def _folder(trial: Trial) -> Path:
    """Return the folder of a trial, which Tune itself knows only once the trial has begun."""
    return Path(trial.storage.experiment_fs_path) / str(trial.trial_id)


def _mutations(one: Distribution) -> Any:
    if one.kind == "choice":
        return list(one.values)
    low, high = one.values
    if one.kind == "randint":
        return tune.randint(low, high + 1)
    return (tune.loguniform if one.kind == "loguniform" else tune.uniform)(low, high)
