"""Running an experiment through Ray Tune, new or resumed.

The driver imports neither RLlib nor torch: trials do, in their own processes.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback
from ray.tune.error import TuneError
from ray.tune.experiment import Trial

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import (
    BETTER,
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    ITERATION,
    MOVES,
    OPTIMAL_MOVE_RATE,
    TRAIN_S,
    flatten,
)
from ttt_rllib.runs.checkpoints import PREFIX
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.outcome import RunResult, TrialResult, best_trial
from ttt_rllib.tuning.interrupt import CheckpointOnInterrupt
from ttt_rllib.tuning.metrics_callback import MetricsCsvCallback
from ttt_rllib.tuning.schedulers import scheduler_of
from ttt_rllib.tuning.search_algorithm import ExperimentSearch, searched_settings, status_of
from ttt_rllib.tuning.trainable import EXPERIMENT, SelfPlayTrainable
from ttt_rllib.tuning.tune_state import TuneStateCallback, restore_state

__all__ = ["RunFailedError", "run_trials"]

ANSI = re.compile(r"\x1b\[[0-9;]*m")
QUIET = ("ray.tune", "ray.rllib", "ray.train", "ray.air")
SETTINGS = {
    # Tune's own progress table; ours shows what matters here.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Not every iteration evaluates, so not every result has every metric.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # A state is saved with every checkpoint; Tune finds that too often.
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


class RunFailedError(RuntimeError):
    """Tune itself ended with an error, for example on a full disk."""


def run_trials(
    experiment: Experiment,
    run: RunDir,
    progress: Any,
    *,
    resume: bool,
    callbacks: Sequence[Callback] = (),
) -> RunResult:
    """Train until all trials have reached a limit, an error or an interrupt.

    Args:
        experiment: What to run.
        run: Where to.
        progress: What shows the progress, a Tune callback with `close()`.
        resume: Go on with what is in `run`.
        callbacks: Further Tune callbacks, called after metrics.csv has its row.

    Raises:
        InputError: If there is nothing to resume, or its state is damaged.
        RunFailedError: If Tune fails, as on a full disk.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.update(SETTINGS)
    scheduler, search = scheduler_of(experiment), ExperimentSearch(experiment, run.path)
    restored = _restored(run) if resume else None
    # A run that was ended before Tune saved anything begins anew.
    tuner, memory = restored or (_new(experiment, run), None)
    if memory is not None:
        scheduler.memory = memory
    followed, interrupt = _Followed(), CheckpointOnInterrupt()
    snapshots = TuneStateCallback(run, scheduler)
    # Tune pickles what it is constructed with, but a console and signal handlers are of this
    # process only, and a restored scheduler has a memory; there is no public way to give them
    # later.
    local = tuner._local_tuner  # noqa: SLF001 - see above
    callbacks = [MetricsCsvCallback(), progress, interrupt, *callbacks, snapshots, followed]
    local._run_config.callbacks = callbacks  # noqa: SLF001
    local._tune_config.scheduler, local._tune_config.search_alg = scheduler, search  # noqa: SLF001
    try:
        tuner.fit()
    except TuneError as error:
        raise RunFailedError(_last_line(str(error))) from error
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
    return RunResult(trials, best, interrupt.interrupted)


class _Followed(Callback):
    """Knows all trials; Tune's own results leave out which were ended early, and why."""

    def __init__(self) -> None:
        self.statuses: dict[Trial, str] = {}

    def on_step_end(self, **info: Any) -> None:
        """Take the trials and their statuses."""
        self.statuses = {trial: trial.status for trial in info["trials"]}

    def on_experiment_end(self, **info: Any) -> None:
        """Take them if there was no step, because an earlier session ended them all."""
        if not self.statuses:
            self.on_step_end(**info)


def _new(experiment: Experiment, run: RunDir) -> Any:
    checkpoint = experiment.checkpoint
    score = checkpoint.checkpoint_score_attribute
    return tune.Tuner(
        SelfPlayTrainable,
        param_space={EXPERIMENT: experiment.model_dump_json()},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(
            name=run.trials.name,
            storage_path=str(run.path),
            stop=_stop(experiment),
            failure_config=tune.FailureConfig(max_failures=experiment.max_failures),
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_frequency=checkpoint.checkpoint_frequency,
                # Of every trial as many are kept as `ExperimentSearch` says; to Tune's driver this
                # figure means how many it may save until it saves its own state, too.
                num_to_keep=1,
                checkpoint_at_end=True,
                checkpoint_score_attribute=score,
                checkpoint_score_order="min" if score and BETTER[score] == "lower" else "max",
            ),
            verbose=0,
        ),
    )


def _restored(run: RunDir) -> tuple[Any, dict[str, Any]] | None:
    """Return what goes on with a run and the scheduler's memory; None if nothing had begun."""
    try:
        memory = restore_state(run)
        return None if memory is None else (_tuner_of(run), memory)
    except InputError:
        raise
    except Exception as error:
        # Unpickling a damaged file may raise anything.
        raise InputError(f"--resume {run.path}: its state is damaged: {error!r}") from error


def _tuner_of(run: RunDir) -> Any:
    return tune.Tuner.restore(
        str(run.trials), trainable=SelfPlayTrainable, resume_unfinished=True, resume_errored=True
    )


def _stop(experiment: Experiment) -> dict[str, float]:
    limits = {
        CONSECUTIVE_UNEXPLOITABLE_EVALS: experiment.stop.consecutive_unexploitable_evals,
        OPTIMAL_MOVE_RATE: experiment.stop.optimal_move_rate,
        MOVES: experiment.stop.moves,
        TRAIN_S: experiment.stop.train_s,
        ITERATION: experiment.stop.iterations,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _outcome(experiment: Experiment, trial: Trial, tunes_status: str) -> TrialResult:
    result = trial.last_result or {}
    status = status_of(trial, tunes_status)
    folder = Path(trial.path)
    manager = trial.run_metadata.checkpoint_manager
    registered = [Path(one.checkpoint.path) for one in manager.best_checkpoint_results]
    known = [path for path in registered if path.is_dir()]
    if status in {"done", "stopped early"}:
        _prune(folder, known[-(experiment.checkpoint.num_to_keep or len(known)) :])
    latest = manager.latest_checkpoint_result
    by_score = experiment.checkpoint.checkpoint_score_attribute
    chosen = known[-1] if by_score and known else latest and Path(latest.checkpoint.path)
    error = trial.get_error() if status == "failed" else None
    return TrialResult(
        name=folder.name,
        status=status,
        settings=searched_settings(experiment.search, trial.config),
        seed=int(trial.config.get("seed", experiment.seed)),
        objective=flatten(result).get(experiment.objective[0]),
        folder=folder,
        checkpoint=chosen,
        result=result,
        error=_last_line(str(error)) if error else None,
    )


def _prune(folder: Path, kept: list[Path]) -> None:
    """Remove all other checkpoints; some are of before a kill, and Tune has forgotten them."""
    for path in folder.glob(f"{PREFIX}*"):
        if path not in kept:
            shutil.rmtree(path)


def _last_line(traceback: str) -> str:
    """Return what a traceback ends with: the exception and its message."""
    lines = [line.strip() for line in ANSI.sub("", traceback).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown error"
