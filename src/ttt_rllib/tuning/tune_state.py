"""The state of Tune, kept such that a kill at any moment leaves one that can be gone on with.

Tune writes its state to a staging folder and copies it to the storage in the background,
file by file: a kill may leave half a file, or files of different moments. Here every state
is copied as a whole, from the staging folder, between two steps of Tune, into a folder that
appears by a rename.
"""

from __future__ import annotations

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

__all__ = ["TuneStateCallback", "restore_state"]

logger = logging.getLogger(__name__)

TUNE_STATE = "experiment_state-*.json"
STATE_FILES = (TUNE_STATE, "search-*.pkl")
"""What Tune saves again and again; `tuner.pkl` is written once, before the first of them."""

TUNER_FILE = "tuner.pkl"
SCHEDULER_FILE = "scheduler.pkl"


class TuneStateCallback(Callback):
    """Copies each new state of Tune, and the scheduler's memory, to `.state/`.

    Args:
        run: Whose state; Tune's `tuner.pkl` must be there already.
        scheduler: Whose memory.
    """

    def __init__(self, run: RunDir, scheduler: ResumableScheduler) -> None:
        self._run = run
        self._scheduler = scheduler
        # Read before Tune runs: then it is copied to and fro in the background.
        self._tuner = (run.trials / TUNER_FILE).read_bytes()
        self._copied_ns = 0
        self._number = max((int(path.name) for path in _snapshots(run)), default=0)
        self._is_mended = False

    def on_step_begin(self, **info: Any) -> None:
        """Before the first step, let all trials know of the checkpoints that are there."""
        if not self._is_mended:
            self._is_mended = True
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
        self._copy([newest, *_newest(staging, STATE_FILES[1:])])

    def _copy(self, files: list[Path]) -> None:
        self._number += 1
        folder = self._run.state / f"{self._number:06d}"
        part = self._run.state / ".part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for path in files:
            shutil.copy(path, part)
        (part / TUNER_FILE).write_bytes(self._tuner)
        (part / SCHEDULER_FILE).write_bytes(pickle.dumps(self._scheduler.memory))
        part.rename(folder)
        for old in _snapshots(self._run)[:-1]:
            shutil.rmtree(old)


def restore_state(run: RunDir) -> dict[str, Any] | None:
    """Give Tune the newest whole state, and remove what is not in it.

    Args:
        run: The run to go on with.

    Returns:
        The scheduler's memory; None if no trial had begun.

    Raises:
        InputError: If there are checkpoints, but no state that says whose.
    """
    snapshots = _snapshots(run)
    if not snapshots:
        if any(run.trials.glob(f"*/{PREFIX}*")):
            raise InputError(
                f"--resume {run.path}: has checkpoints but no state to go on from; "
                "start a new run, or export an agent from trials/"
            )
        shutil.rmtree(run.trials, ignore_errors=True)
        return None
    for pattern in STATE_FILES:
        for path in run.trials.glob(pattern):
            path.unlink()
    for path in snapshots[-1].iterdir():
        if path.name != SCHEDULER_FILE:
            shutil.copy(path, run.trials)
    for damaged in _damaged(run):
        logger.warning("%s: incomplete, resuming from the checkpoint before it", damaged)
        shutil.rmtree(damaged)
    # Our own file, in our own run directory, like Tune's pickles beside it.
    memory: dict[str, Any] = pickle.loads((snapshots[-1] / SCHEDULER_FILE).read_bytes())  # noqa: S301
    return memory


def reconcile_checkpoints(trial: Trial) -> None:
    """Forget checkpoints that are gone, and number new ones behind all that are there.

    A kill may come after Tune removed a checkpoint and before it saved that it did. Tune fails
    to remove it once more, without a word, and loses count: then it overwrites its newest.
    """
    # There is no public way.
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


def _newest(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    found = (max(folder.glob(pattern), default=None) for pattern in patterns)
    return [path for path in found if path is not None]
