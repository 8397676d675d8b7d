"""Crash-safe snapshots of Tune's state: after a kill at any moment, the run can be resumed.

Tune writes its state to a staging folder and copies it to the storage in the background, file by
file: a kill may leave half a file, or files of different moments. Here every state is copied
between two steps of Tune, when the staging folder holds files of one moment, into a folder that
appears by a rename.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ray.tune import Callback, Checkpoint, register_trainable
from ray.tune.experiment import Trial

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import differing_settings
from ttt_rllib.errors import InputError, abbreviated
from ttt_rllib.metrics import flatten
from ttt_rllib.runs.checkpoints import PREFIX, is_complete
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.summary import is_done
from ttt_rllib.tuning.schedulers import FIFOScheduler, ResumableScheduler, scheduler_of
from ttt_rllib.tuning.search_algorithm import SEARCH_STATE, ExperimentSearch
from ttt_rllib.tuning.trainable import EXPERIMENT, SelfPlayTrainable

__all__ = [
    "TuneStateCallback",
    "check_state",
    "keep_final_state",
    "place_trial",
    "restore_state",
]

Fault = tuple[Path, str]
"""A checkpoint, and what is wrong with it."""

MAY_BE_EDITED = ("stop", "tracking", "ray", "max_failures")
"""Sections of a run's file that may differ from those with which it began."""

logger = logging.getLogger(__name__)

STATE_FORMAT = 2
"""Increases when a snapshot of an earlier version can no longer be read; 1 had no number."""

TUNE_STATE = "experiment_state-*.json"
"""The trials: Tune names the file after the session and writes it again at every save."""

RESTORED_STATE = "experiment_state-0.json"
"""The restored trials, under a name before that of any session: clocks and time zones differ."""

NO_STATE = (
    "has checkpoints but no state to resume from; start a new run, or export an agent from trials/"
)

SCHEDULER_FILE = "scheduler.pkl"
"""The format number, and the scheduler's state, which Tune does not save."""


class TuneStateCallback(Callback):
    """Copies each new state of Tune, and the scheduler's, to a snapshot in `.state/`.

    Args:
        run: The run directory.
        scheduler: The scheduler of the run.
    """

    def __init__(self, run: RunDir, scheduler: ResumableScheduler) -> None:
        self._run = run
        self._scheduler = scheduler
        self._copied_ns = 0
        self._number = max((int(path.name) for path in _snapshots(run)), default=0)

    def on_step_end(self, **info: Any) -> None:
        """Copy the state if Tune has saved a new one in this step."""
        trials = info["trials"]
        if not trials:
            return
        staging = Path(trials[0].storage.experiment_driver_staging_path)
        newest = max(staging.glob(TUNE_STATE), default=None)
        if newest is None or newest.stat().st_mtime_ns == self._copied_ns:
            return
        self._copied_ns = newest.stat().st_mtime_ns
        self.copy_from(staging)

    def copy_from(self, folder: Path) -> None:
        """Make a snapshot of the newest state in a folder of Tune's."""
        files = [max(folder.glob(TUNE_STATE)), max(folder.glob(SEARCH_STATE))]
        self._number += 1
        part = self._run.state / ".part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for path in files:
            shutil.copy(path, part)
        state = {"format": STATE_FORMAT, "scheduler": self._scheduler.get_state()}
        (part / SCHEDULER_FILE).write_bytes(pickle.dumps(state))
        part.rename(self._run.state / f"{self._number:06d}")
        for old in _snapshots(self._run)[:-1]:
            shutil.rmtree(old)


def check_state(experiment: Experiment, run: RunDir) -> None:
    """Read what `restore_state` would restore, and change nothing; Ray need not run.

    Raises:
        InputError: As `restore_state` does.
    """
    _load(experiment, run, scheduler_of(experiment), ExperimentSearch(experiment, run.path))


def keep_final_state(run: RunDir) -> None:
    """Make a snapshot of what Tune left of a run that is done, whose snapshots were removed.

    Tune has ended by then, so its files are of one moment.
    """
    if not _snapshots(run):
        TuneStateCallback(run, FIFOScheduler()).copy_from(run.trials)


def restore_state(
    experiment: Experiment, run: RunDir, scheduler: ResumableScheduler, search: ExperimentSearch
) -> bool:
    """Restore the newest snapshot as the only state that Tune finds.

    Nothing else decides what is resumed: not where the run lay before, not the Ray session, in
    which other runs may have left their states, and no state that Tune was still writing.

    Args:
        experiment: What runs; the limits of a single trial are its, even if they have been raised
            since the trial was made.
        run: The run to resume.
        scheduler: The scheduler that gets its state back.
        search: The search that gets its state back.

    Returns:
        Whether there is a snapshot; False if no trial had begun.

    Raises:
        InputError: If the snapshot is damaged or of another version, if there are checkpoints
            but no snapshot that says which trials they belong to, or if a trial that has not
            ended has lost all of its checkpoints. Nothing has been changed then.
    """
    loaded = _load(experiment, run, scheduler, search)
    if loaded is None:
        shutil.rmtree(run.trials, ignore_errors=True)
        return False
    state, trials, missing = loaded
    _retry([trial for trial in trials if trial.status == Trial.ERROR], search)
    run.trials.mkdir(exist_ok=True)
    for pattern in (TUNE_STATE, SEARCH_STATE):
        for path in run.trials.glob(pattern):
            path.unlink()
    state["trial_data"] = [trial.get_json_state() for trial in trials]
    write_atomic(run.trials / RESTORED_STATE, json.dumps(state))
    # A damaged one stays until a later one supersedes it.
    for path, what in (*_damaged(run), *missing):
        logger.warning("%s: %s, resuming from the checkpoint before it", path, what)
    return True


def _load(
    experiment: Experiment,
    run: RunDir,
    scheduler: ResumableScheduler,
    search: ExperimentSearch,
) -> tuple[dict[str, Any], list[Trial], list[Fault]] | None:
    """Give scheduler and search their states.

    Returns:
        The content of Tune's file, its trials, and their newest checkpoints that are missing;
        None if there is no snapshot.

    Tune reads the file itself; but where it fails to, it starts the run from the beginning
    without saying so.
    """
    snapshot = _newest_state(run)
    if snapshot is None:
        if any(run.trials.glob(f"*/{PREFIX}*")):
            raise InputError(f"--resume {run.path}: {NO_STATE}")
        return None
    # Without it, Tune would look for its trainable among all of RLlib's.
    register_trainable(SelfPlayTrainable.__name__, SelfPlayTrainable)
    try:
        saved = _scheduler_state(snapshot)
        is_known = saved.get("format") == STATE_FORMAT
        if is_known:
            scheduler.set_state(saved["scheduler"])
            search.restore_from_dir(str(snapshot))
            text = max(snapshot.glob(TUNE_STATE)).read_text(encoding="utf-8")
            state: dict[str, Any] = json.loads(text)
            trials = [_restored_trial(*saved) for saved in state["trial_data"]]
    except Exception as error:
        # Unpickling a damaged file may raise anything.
        raise InputError(f"--resume {run.path}: its state is damaged: {error!r}") from error
    if not is_known:
        raise InputError(
            f"--resume {run.path}: its state is of another version of ttt_rllib; "
            "resume it with that version, or start a new run"
        )
    for trial in trials:
        _check_settings(trial, experiment, run)
    if experiment.search is None:
        search.set_experiment(experiment)
        for trial in trials:
            _set_limits(trial, experiment)
    missing = [place_trial(trial, run, search) for trial in trials]
    return state, trials, [(path, "missing") for path in missing if path is not None]


def _check_settings(trial: Trial, experiment: Experiment, run: RunDir) -> None:
    """Refuse a run whose file has other settings than those with which its trials began.

    Its limits may be others, as may be what decides nothing that is learnt.

    Raises:
        InputError: If somebody has edited the file.
    """
    try:
        began = Experiment.model_validate_json(trial.config[EXPERIMENT])
    except (KeyError, ValidationError):
        # An earlier version knew other settings.
        return
    for key, before, after in differing_settings(began, experiment):
        section = key.split(".")[0]
        # The trials of a search were compared at their limits.
        if section not in MAY_BE_EDITED or (section == "stop" and experiment.search is not None):
            raise InputError(
                f"{run.experiment}: {key} is {abbreviated(after)}, and the run began with "
                f"{abbreviated(before)}; undo that, or start a new run"
            )


def _retry(failed: list[Trial], search: ExperimentSearch) -> None:
    """Prepare trials that had failed for another try, and say so; Tune starts them."""
    names = sorted(trial.trial_id for trial in failed)
    search.retry(names)
    for trial in failed:
        # As many failures are forgiven as at first: the machine may be another one.
        trial.run_metadata.num_failures = 0
        trial.run_metadata.invalidate_cache()
    if names:
        logger.warning("trying again what failed: trial %s", ", ".join(names))


def _newest_state(run: RunDir) -> Path | None:
    """Return the newest snapshot; of a run that is done, which has none, what Tune left."""
    snapshots = _snapshots(run)
    if snapshots:
        return snapshots[-1]
    left = (run.trials.glob(TUNE_STATE), run.trials.glob(SEARCH_STATE))
    return run.trials if is_done(run.path) and all(map(any, left)) else None


def _scheduler_state(snapshot: Path) -> dict[str, Any]:
    """Return format and state of the scheduler; Tune's own folder has none, nor needs it."""
    file = snapshot / SCHEDULER_FILE
    if not file.is_file() and not snapshot.name.isdecimal():
        return {"format": STATE_FORMAT, "scheduler": FIFOScheduler().get_state()}
    # Our own file, in our own run directory, like Tune's pickles beside it.
    state: dict[str, Any] = pickle.loads(file.read_bytes())  # noqa: S301
    return state


def _set_limits(trial: Trial, experiment: Experiment) -> None:
    """Let a restored trial end by the limits of the experiment; one that no longer has goes on."""
    trial.config = {**trial.config, EXPERIMENT: experiment.model_dump_json()}
    trial.stopping_criterion = experiment.stop.limits
    result = trial.last_result or {}
    if trial.status == Trial.TERMINATED and not experiment.stop.reached(flatten(result)):
        trial.set_status(Trial.PENDING)
    trial.invalidate_json_state()


def _restored_trial(settings: str, figures: str) -> Trial:
    """Return a trial as Tune saved it."""
    trial = Trial.from_json_state(settings)
    trial.restore_run_metadata(figures)
    return trial


def place_trial(trial: Trial, run: RunDir, search: ExperimentSearch) -> Path | None:
    """Tell a restored trial where its run lies now, and which of its checkpoints are there.

    A checkpoint is the folder of its name in the folder of the trial that made it, which is
    another trial if this one has just copied it. Tune itself replaces the old path by the new one,
    once for each of its two references to the newest checkpoint, which is one time too many where
    the new path contains the old one.

    Checkpoints that are gone or damaged are forgotten, and new ones are numbered after all that
    exist. A kill may come after Tune removed a checkpoint and before it saved that it did. Tune
    then fails to remove it a second time, silently, and loses count: it overwrites its newest one.

    Args:
        trial: A trial whose actor has not started.
        run: Its run.
        search: The search of the run.

    Returns:
        The checkpoint from which it would have been resumed, if there is no such folder; an
        earlier one takes its place. None if all is well.

    Raises:
        InputError: If it has to be resumed and had checkpoints, all of which are gone. A trial
            whose whole folder was removed starts from the beginning.
    """
    storage = copy.copy(trial.storage)
    search.place(storage)
    trial.storage = storage
    folder, manager = Path(trial.path), trial.run_metadata.checkpoint_manager
    # The public list holds only the checkpoints to keep, and may be a copy.
    known = manager._checkpoint_results  # noqa: SLF001
    had = {*known, *filter(None, [manager.latest_checkpoint_result])}
    for one in had:
        made_by, name = Path(one.checkpoint.path).parts[-2:]
        path = run.trials / made_by / name
        one.checkpoint = Checkpoint(str(path), storage.storage_filesystem)
    there = {one for one in had if is_complete(Path(one.checkpoint.path))}
    if had and not there and folder.is_dir() and trial.status != Trial.TERMINATED:
        names = ", ".join(sorted(Path(one.checkpoint.path).name for one in had))
        raise InputError(
            f"{folder}: {names}: missing or damaged, and there is no other checkpoint; put them "
            "back, or remove the folder to train the trial from the beginning"
        )
    known[:] = [one for one in known if one in there]
    missing = None
    if had and manager.latest_checkpoint_result not in there:
        latest = Path(manager.latest_checkpoint_result.checkpoint.path)
        if there and trial.status != Trial.TERMINATED and not latest.exists():
            missing = latest
        manager._latest_checkpoint_result = max(  # noqa: SLF001
            known, key=lambda one: one.checkpoint.path, default=None
        )
    numbers = (int(path.name.removeprefix(PREFIX)) for path in folder.glob(f"{PREFIX}*"))
    storage.current_checkpoint_index = max(numbers, default=-1)
    trial.invalidate_json_state()
    trial.run_metadata.invalidate_cache()
    return missing


def _damaged(run: RunDir) -> list[Fault]:
    checkpoints = sorted(run.trials.glob(f"*/{PREFIX}*"))
    return [(folder, "incomplete") for folder in checkpoints if not is_complete(folder)]


def _snapshots(run: RunDir) -> list[Path]:
    return sorted(path for path in run.state.glob("[0-9]*") if path.is_dir())
