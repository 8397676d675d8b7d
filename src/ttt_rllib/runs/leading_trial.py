"""The trial that leads a run before the run has said which one is its best.

Only numbers and figures in the run's files decide. File times would not do: a copy, an
archive and a download all change them.
"""

from __future__ import annotations

from pathlib import Path

from ttt_rllib.config.loading import load_saved_experiment
from ttt_rllib.runs.checkpoints import PREFIX, is_complete
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.metrics_csv import METRICS_FILE, read_curves
from ttt_rllib.runs.outcome import TrialResult, best_trial

__all__ = ["leading_trial"]


def leading_trial(run: RunDir) -> TrialResult | None:
    """Return the trial with the best last objective; None if no trial has begun.

    A trial without a complete checkpoint leads only if none has one.

    Raises:
        InputError: If the run was written by another version.
    """
    experiment = load_saved_experiment(run.experiment)
    metric, mode = experiment.objective
    folders = sorted(path for path in run.trials.glob("[0-9]*") if path.name.isdecimal())
    trials = [_trial(folder, metric) for folder in folders if folder.is_dir()]
    with_agent = [trial for trial in trials if trial.checkpoint is not None]
    num_seeds = experiment.search.num_seeds if experiment.search else 1
    return best_trial(with_agent or trials, mode=mode, num_seeds=num_seeds)


def _trial(folder: Path, metric: str) -> TrialResult:
    """Return what the files of a trial say, whose end nothing has recorded."""
    newest_first = sorted(folder.glob(f"{PREFIX}*"), reverse=True)
    return TrialResult(
        name=folder.name,
        status="unfinished",
        settings={},
        seed=0,
        objective=read_curves(folder / METRICS_FILE).last(metric),
        folder=folder,
        checkpoint=next((path for path in newest_first if is_complete(path)), None),
        result={},
        error=None,
    )
