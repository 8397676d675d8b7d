"""Crash-safe snapshots of Tune's state: after a kill at any moment, the run can be resumed.

Tune writes its state to a staging folder and copies it to the storage in the background, file by
file: a kill may leave half a file, or files of different moments. Here every state is copied
between two steps of Tune, when the staging folder holds files of one moment, into a folder that
appears by a rename.
"""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from ttt_rllib.errors import InputError
from ttt_rllib.runs.checkpoints import PREFIX, is_complete
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.tuning.schedulers import ResumableScheduler
from ttt_rllib.tuning.search_algorithm import SEARCH_STATE, ExperimentSearch

__all__ = ["TuneStateCallback", "restore_state"]

logger = logging.getLogger(__name__)

STATE_FORMAT = 2
"""Increases when a snapshot of an earlier version can no longer be read; 1 had no number."""

TUNE_STATE = "experiment_state-*.json"
"""The trials: Tune names the file after the session and writes it again at every save."""

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
        self._is_reconciled = False

    def on_step_begin(self, **info: Any) -> None:
        """Before the first step, reconcile every trial with the checkpoints that exist."""
        if not self._is_reconciled:
            self._is_reconciled = True
            for trial in info["trials"]:
                reconcile_checkpoints(trial)

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
        self._copy([newest, max(staging.glob(SEARCH_STATE))])

    def _copy(self, files: list[Path]) -> None:
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


def restore_state(run: RunDir, scheduler: ResumableScheduler, search: ExperimentSearch) -> bool:
    """Restore the newest snapshot, and remove damaged checkpoints and Tune's other states.

    Args:
        run: The run to resume.
        scheduler: The scheduler that gets its state back.
        search: The search that gets its state back.

    Returns:
        Whether there is a snapshot; False if no trial had begun.

    Raises:
        InputError: If the snapshot is damaged or of another version, or if there are checkpoints
            but no snapshot that says which trials they belong to.
    """
    snapshots = _snapshots(run)
    if not snapshots:
        if any(run.trials.glob(f"*/{PREFIX}*")):
            raise InputError(
                f"--resume {run.path}: has checkpoints but no state to resume from; "
                "start a new run, or export an agent from trials/"
            )
        shutil.rmtree(run.trials, ignore_errors=True)
        return False
    _load(run, snapshots[-1], scheduler, search)
    run.trials.mkdir(exist_ok=True)
    for pattern in (TUNE_STATE, SEARCH_STATE):
        for path in run.trials.glob(pattern):
            path.unlink()
        for path in snapshots[-1].glob(pattern):
            shutil.copy(path, run.trials)
    for damaged in _damaged(run):
        logger.warning("%s: incomplete, resuming from the checkpoint before it", damaged)
        shutil.rmtree(damaged)
    return True


def _load(
    run: RunDir, snapshot: Path, scheduler: ResumableScheduler, search: ExperimentSearch
) -> None:
    """Give scheduler and search their states, and check what Tune will read later.

    Tune reads the files itself; but where it fails to, it starts the run from the beginning
    without saying so.
    """
    try:
        # Our own file, in our own run directory, like Tune's pickles beside it.
        saved: dict[str, Any] = pickle.loads((snapshot / SCHEDULER_FILE).read_bytes())  # noqa: S301
        is_known = saved.get("format") == STATE_FORMAT
        if is_known:
            scheduler.set_state(saved["scheduler"])
            search.restore_from_dir(str(snapshot))
            json.loads(max(snapshot.glob(TUNE_STATE)).read_text(encoding="utf-8"))
    except Exception as error:
        # Unpickling a damaged file may raise anything.
        raise InputError(f"--resume {run.path}: its state is damaged: {error!r}") from error
    if not is_known:
        raise InputError(
            f"--resume {run.path}: its state is of another version of ttt_rllib; "
            "resume it with that version, or start a new run"
        )


def reconcile_checkpoints(trial: Trial) -> None:
    """Forget checkpoints that are gone, and number new ones after all that exist.

    A kill may come after Tune removed a checkpoint and before it saved that it did. Tune then
    fails to remove it a second time, silently, and loses count: it overwrites its newest one.
    """
    # The public list holds only the checkpoints to keep, and may be a copy.
    known = trial.run_metadata.checkpoint_manager._checkpoint_results  # noqa: SLF001
    known[:] = [one for one in known if Path(one.checkpoint.path).is_dir()]
    there = (int(path.name.removeprefix(PREFIX)) for path in Path(trial.path).glob(f"{PREFIX}*"))
    trial.storage.current_checkpoint_index = max(there, default=-1)
    trial.invalidate_json_state()
    trial.run_metadata.invalidate_cache()


def _damaged(run: RunDir) -> list[Path]:
    checkpoints = sorted(run.trials.glob(f"*/{PREFIX}*"))
    return [folder for folder in checkpoints if not is_complete(folder)]


def _snapshots(run: RunDir) -> list[Path]:
    return sorted(path for path in run.state.glob("[0-9]*") if path.is_dir())
