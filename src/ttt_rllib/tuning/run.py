"""Run an experiment through Ray Tune, new or resumed.

The driver imports neither RLlib nor torch: the trials do, in their own processes.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ray import tune
from ray.tune import Callback
from ray.tune.error import TuneError
from ray.tune.execution import class_cache
from ray.tune.experiment import Trial

from ttt_rllib.cluster.placement import resource_request
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import BETTER, flatten
from ttt_rllib.runs.checkpoints import is_complete, prune
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.outcome import FAILED, RunResult, TrialResult, best_trial
from ttt_rllib.tuning.failures import describe_failure, last_line
from ttt_rllib.tuning.interrupt import CheckpointOnInterrupt
from ttt_rllib.tuning.metrics_callback import MetricsCsvCallback
from ttt_rllib.tuning.schedulers import scheduler_of
from ttt_rllib.tuning.search_algorithm import ExperimentSearch, searched_settings, status_of
from ttt_rllib.tuning.trainable import EXPERIMENT, SelfPlayTrainable
from ttt_rllib.tuning.trial_queue import TrialQueue
from ttt_rllib.tuning.tune_state import TuneStateCallback, restore_state
from ttt_rllib.tuning.waiting import WaitingNotice

__all__ = ["RunFailedError", "run_trials"]

QUIET = ("ray.tune", "ray.rllib", "ray.train", "ray.air")
SETTINGS = {
    # Turns off Tune's own progress table; ours shows what matters here.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Not every iteration evaluates, so not every result has every metric.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # We save the state with every checkpoint, which Tune would warn about.
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    # `TrialQueue` says how many trials may wait. Of a search like ours, Tune would start one
    # process after the other; this is what it allows its own.
    "TUNE_MAX_PENDING_TRIALS_PG": "200",
}

RESUME = tune.ResumeConfig(
    finished=tune.ResumeConfig.ResumeType.SKIP,
    unfinished=tune.ResumeConfig.ResumeType.RESUME,
    errored=tune.ResumeConfig.ResumeType.RESUME,
)
"""Trials that failed get another chance: the cause is often a full disk or a lost node."""


class RunFailedError(RuntimeError):
    """Raised if Tune itself ends with an error, for example on a full disk."""


def run_trials(
    experiment: Experiment,
    run: RunDir,
    progress: Any,
    *,
    resume: bool,
    first: Sequence[Callback] = (),
    callbacks: Sequence[Callback] = (),
) -> RunResult:
    """Train until every trial has reached a limit, failed or been interrupted.

    Args:
        experiment: The experiment to run.
        run: The run directory.
        progress: A Tune callback that shows the progress and has a `close()`.
        resume: Whether to continue the run in the directory, if it has begun.
        first: Tune callbacks that are called before all others.
        callbacks: Further Tune callbacks, called after metrics.csv has its row.

    Raises:
        InputError: If the state of the run to resume is missing or damaged.
        RunFailedError: If Tune fails, for example on a full disk.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.update(SETTINGS)
    # Tune gives its trials a variable for PyTorch Lightning. An actor with variables needs a new
    # process; without any, it gets one of those that Ray has started beforehand.
    class_cache.DEFAULT_ENV_VARS = {}
    _import_tensorboardx()
    scheduler, search = scheduler_of(experiment), ExperimentSearch(experiment, run.path)
    # A run that ended before Tune saved anything starts from the beginning.
    is_restored = resume and restore_state(experiment, run, scheduler, search)
    followed, interrupt = _Followed(), CheckpointOnInterrupt()
    state = TuneStateCallback(run, scheduler)
    request = resource_request(experiment)
    try:
        tune.run(
            SelfPlayTrainable,
            **_arguments(experiment, run),
            scheduler=scheduler,
            search_alg=search,
            # The state comes after the callbacks that write files, so that no snapshot includes a
            # result that is not in them.
            callbacks=[
                *first,
                TrialQueue(search, request),
                MetricsCsvCallback(),
                progress,
                interrupt,
                WaitingNotice(request),
                *callbacks,
                state,
                followed,
            ],
            resume_config=RESUME if is_restored else None,
        )
    except TuneError as error:
        raise RunFailedError(last_line(str(error))) from error
    finally:
        progress.close()
        interrupt.release()
    ended = sorted(followed.statuses.items(), key=lambda one: str(one[0].trial_id))
    trials = tuple(_outcome(experiment, *one) for one in ended)
    best = best_trial(
        trials,
        mode=experiment.objective[1],
        num_seeds=experiment.search.num_seeds if experiment.search else 1,
    )
    return RunResult(trials, best, interrupt.interrupted, experiment.num_trials)


def _import_tensorboardx() -> None:
    """Import tensorboardX, with which Tune writes for TensorBoard, but not torch with it.

    It would import torch only to recognise tensors, of which Tune has none, and torch takes more
    CPU time and memory than the rest of the driver.
    """
    if "torch" in sys.modules:
        return
    sys.modules["torch"] = cast("Any", None)  # makes an import of it raise
    try:
        with suppress(ImportError):  # Tune says that it is missing
            import tensorboardX  # noqa: F401 - for its effects
    finally:
        del sys.modules["torch"]


class _Followed(Callback):
    """Keeps the status of every trial as it was before Tune ended.

    Ending, Tune sets all trials to TERMINATED, including those that were interrupted.
    """

    def __init__(self) -> None:
        self.statuses: dict[Trial, str] = {}

    def on_step_end(self, **info: Any) -> None:
        """Note the trials and their statuses."""
        self.statuses = {trial: trial.status for trial in info["trials"]}

    def on_experiment_end(self, **info: Any) -> None:
        """Note them if there was no step, because all trials had ended in an earlier session."""
        if not self.statuses:
            self.on_step_end(**info)


def _arguments(experiment: Experiment, run: RunDir) -> dict[str, Any]:
    """Return the arguments of `tune.run` that say what to train, and where to keep it.

    They are the same when a run is resumed; Tune takes the folder from them, not from its state,
    so a run may be moved in between.
    """
    checkpoint = experiment.checkpoint
    score = checkpoint.checkpoint_score_attribute
    return {
        "config": {EXPERIMENT: experiment.model_dump_json()},
        "name": run.trials.name,
        "storage_path": str(run.path),
        "stop": experiment.stop.limits,
        "max_failures": experiment.max_failures,
        "raise_on_failed_trial": False,
        # A process serves one trial after another, which saves the imports.
        "reuse_actors": True,
        "verbose": 0,
        "checkpoint_config": tune.CheckpointConfig(
            checkpoint_frequency=checkpoint.checkpoint_frequency,
            # `ExperimentSearch` sets how many checkpoints a trial keeps. Tune's driver takes this
            # figure as the number of checkpoints after which it saves its own state: with 1, a
            # killed run knows every checkpoint and which trials had ended.
            num_to_keep=1,
            checkpoint_at_end=True,
            checkpoint_score_attribute=score,
            checkpoint_score_order="min" if score and BETTER[score] == "lower" else "max",
        ),
    }


def _outcome(experiment: Experiment, trial: Trial, tunes_status: str) -> TrialResult:
    result = trial.last_result or {}
    status = status_of(trial, tunes_status)
    folder = Path(trial.path)
    manager = trial.run_metadata.checkpoint_manager
    registered = [Path(one.checkpoint.path) for one in manager.best_checkpoint_results]
    known = [path for path in registered if is_complete(path)]
    if status in {"done", "stopped early"}:
        prune(folder, known[-(experiment.checkpoint.num_to_keep or len(known)) :])
    by_score = experiment.checkpoint.checkpoint_score_attribute
    # Tune keeps the list in the order of the scores, if there is one.
    chosen = known[-1] if by_score and known else max(known, default=None)
    return TrialResult(
        name=folder.name,
        status=status,
        settings=searched_settings(experiment.search, trial.config),
        seed=int(trial.config.get("seed", experiment.seed)),
        objective=flatten(result).get(experiment.objective[0]),
        folder=folder,
        checkpoint=chosen,
        result=result,
        error=describe_failure(trial) if status == FAILED else None,
    )
