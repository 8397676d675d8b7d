"""Running an experiment through Ray Tune, new or resumed."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.error import TuneError

from ttt_rllib.experiment import Experiment
from ttt_rllib.rl.build import algorithm_config
from ttt_rllib.rundir import RunDir
from ttt_rllib.tracking import CheckpointOnInterrupt, MetricsFiles, Progress
from ttt_rllib.wrong_input import InputError

__all__ = ["RunFailedError", "TrialOutcome", "run_trials"]

ANSI = re.compile(r"\x1b\[[0-9;]*m")
QUIET = ("ray.tune", "ray.rllib", "ray.train", "ray.air")


class RunFailedError(RuntimeError):
    """Tune itself ended with an error, for example on a full disk."""


@dataclass(frozen=True)
class TrialOutcome:
    """What is left of the best trial.

    Attributes:
        folder: Its folder under `trials/`.
        checkpoint: Its newest checkpoint; None if it never came to one.
        result: Its last result, nested as the algorithm reports it.
        error: What its error ends with; None if it has none.
        interrupted: Whether Ctrl-C or SIGTERM ended the run.
    """

    folder: Path | None
    checkpoint: Path | None
    result: dict[str, Any]
    error: str | None
    interrupted: bool


def run_trials(
    experiment: Experiment,
    run: RunDir,
    progress: Progress,
    notify: Callable[[str], None],
    *,
    resume: bool,
    observers: Sequence[Any] = (),
) -> TrialOutcome:
    """Train until a limit is reached, an error or an interrupt.

    Args:
        experiment: What to run.
        run: Where to.
        progress: What shows the progress.
        notify: Called with a sentence for the user when a signal comes.
        resume: Go on with what is in `run`.
        observers: Further Tune callbacks, called after metrics.csv has its row.

    Raises:
        InputError: If there is nothing to resume, or its state is damaged.
        RunFailedError: If Tune fails, as on a full disk.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Tune's own progress table; ours shows what matters here.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    interrupt = CheckpointOnInterrupt(notify)
    callbacks = [MetricsFiles(), progress, interrupt, *observers]
    # A run that was ended before Tune wrote anything begins anew.
    tuner = _restored(experiment, run) if resume and run.has_trials else _new(experiment, run)
    # Tune pickles the callbacks it is constructed with, but a console and signal handlers
    # are of this process only; there is no public way to give them later.
    tuner._local_tuner._run_config.callbacks = callbacks  # noqa: SLF001 - see above
    try:
        results = tuner.fit()
    except TuneError as error:
        raise RunFailedError(_last_line(str(error))) from error
    finally:
        progress.close()
        interrupt.release()
    best = next(iter(results), None)
    if best is None:
        return TrialOutcome(None, None, {}, "no trial was started", interrupt.interrupted)
    return TrialOutcome(
        folder=Path(best.path) if best.path else None,
        checkpoint=Path(best.checkpoint.path) if best.checkpoint else None,
        result=best.metrics or {},
        error=_last_line(str(best.error)) if best.error else None,
        interrupted=interrupt.interrupted,
    )


def _new(experiment: Experiment, run: RunDir) -> Any:
    checkpoint = experiment.checkpoint
    config = algorithm_config(experiment)
    return tune.Tuner(
        config.algo_class,
        param_space=config,
        tune_config=tune.TuneConfig(trial_dirname_creator=_trial_folder),
        run_config=tune.RunConfig(
            name=run.trials.name,
            storage_path=str(run.path),
            stop=_stop(experiment),
            failure_config=tune.FailureConfig(max_failures=experiment.max_failures),
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_frequency=checkpoint.checkpoint_frequency,
                num_to_keep=checkpoint.num_to_keep,
                checkpoint_at_end=True,
            ),
            verbose=0,
        ),
    )


def _restored(experiment: Experiment, run: RunDir) -> Any:
    config = algorithm_config(experiment)
    try:
        return tune.Tuner.restore(
            str(run.trials),
            trainable=config.algo_class,
            param_space=config,
            resume_unfinished=True,
            resume_errored=True,
        )
    except Exception as error:
        # Unpickling a damaged file may raise anything.
        raise InputError(f"--resume {run.path}: its state is damaged: {error!r}") from error


def _stop(experiment: Experiment) -> dict[str, float]:
    limits = {
        "exact/unexploitable_evals": experiment.stop.unexploitable_evals,
        "exact/optimal_move_rate": experiment.stop.optimal_move_rate,
        "play/moves": experiment.stop.moves,
        "perf/train_s": experiment.stop.train_s,
        "perf/iteration": experiment.stop.iterations,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _last_line(traceback: str) -> str:
    """Return what a traceback ends with: the exception and its message."""
    lines = [line.strip() for line in ANSI.sub("", traceback).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown error"


def _trial_folder(trial: Any) -> str:
    return str(trial.trial_id)
