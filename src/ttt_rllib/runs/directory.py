"""The run directory: where everything about a run is found, and how it is made.

    results/<experiment>/<run id>/
        experiment.yaml  summary.json  metrics.csv  certificate.json  report.html
        agent/           the bundle
        trials/          Tune's own files, one folder per trial, with the checkpoints
        trials.csv  best.yaml             of a search
        extensions.json                   if limits were raised after it had begun
        game.npz         the table of a game of one's own
        given_agents/    copies of the agents that the experiment names, if it does
        own_code/        copies of the user's modules that the experiment names, if it does
        wandb/           Weights & Biases' files
        .state/          snapshots of Tune's state, until the run is done

Every file appears complete or not at all, because it is written beside its place and moved
there. Only tables that grow while a trial runs (`metrics.csv`, `exploits.csv`) grow row by row.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from ttt_rllib.agents.bundle import BUNDLE_FOLDER
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment, load_saved_experiment
from ttt_rllib.config.section import NAME
from ttt_rllib.errors import InputError, file_error
from ttt_rllib.runs.certificate_json import CERTIFICATE_FILE
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.metrics_csv import METRICS_FILE
from ttt_rllib.runs.summary import SUMMARY_FILE
from ttt_rllib.runs.trials_csv import TRIALS_FILE

__all__ = [
    "TRIALS_FOLDER",
    "RunDir",
    "create_run_dir",
    "named_path",
    "new_run_dir",
    "not_a_run",
    "open_run_dir",
    "why_not_writable",
]

EXPERIMENT_FILE, BEST_FILE, REPORT_FILE = "experiment.yaml", "best.yaml", "report.html"
TRIALS_FOLDER, STATE_FOLDER, GIVEN_AGENTS_FOLDER = "trials", ".state", "given_agents"
OWN_CODE_FOLDER = "own_code"


@dataclass(frozen=True)
class RunDir:
    """The places in a run directory.

    Attributes:
        path: The directory.
    """

    path: Path

    @property
    def experiment(self) -> Path:
        """The resolved experiment."""
        return self.path / EXPERIMENT_FILE

    @property
    def trials(self) -> Path:
        """Tune's experiment directory."""
        return self.path / TRIALS_FOLDER

    @property
    def state(self) -> Path:
        """Complete states of Tune, from which a killed run is resumed."""
        return self.path / STATE_FOLDER

    @property
    def table(self) -> Path:
        """One row per trial of a search."""
        return self.path / TRIALS_FILE

    @property
    def best(self) -> Path:
        """The best configuration of a search, as an experiment to train again."""
        return self.path / BEST_FILE

    @property
    def summary(self) -> Path:
        """The results, in figures."""
        return self.path / SUMMARY_FILE

    @property
    def metrics(self) -> Path:
        """The best trial's metrics."""
        return self.path / METRICS_FILE

    @property
    def certificate(self) -> Path:
        """The proof, or the losing lines."""
        return self.path / CERTIFICATE_FILE

    @property
    def agent(self) -> Path:
        """The bundle."""
        return self.path / BUNDLE_FOLDER

    @property
    def given_agents(self) -> Path:
        """Copies of the agents that the experiment names by their paths."""
        return self.path / GIVEN_AGENTS_FOLDER

    @property
    def own_code(self) -> Path:
        """Copies of the modules that the experiment names and that are not installed."""
        return self.path / OWN_CODE_FOLDER

    @property
    def report(self) -> Path:
        """The page of the run."""
        return self.path / REPORT_FILE


def new_run_dir(experiment: Experiment, storage: Path, name: str | None) -> RunDir:
    """Choose the directory of a new run, writing nothing yet.

    Args:
        experiment: What will run.
        storage: Folder of all results.
        name: The run id; None takes the date and time.

    Raises:
        InputError: If the run exists already, or the storage cannot be written to.
    """
    if "://" in str(storage) or str(storage).startswith(("s3:/", "gs:/")):
        raise InputError(f"--storage {storage}: is a URL; give a folder, mounted on every node")
    folder = storage.absolute() / experiment.name
    if name is not None and not re.fullmatch(NAME, name):
        raise InputError(f"--name {name}: a run id has up to 128 letters, digits, '.', '_' and '-'")
    run = RunDir(folder / (name or _free_run_id(folder)))
    if run.path.exists():
        raise InputError(f"{run.path}: exists already; take another --name, or --resume {run.path}")
    # A link that leads nowhere is there, too, and no folder can be made in its place.
    there = next(parent for parent in run.path.parents if os.path.lexists(parent))
    reason = why_not_writable(there)
    if reason is not None:
        raise InputError(
            f"--storage {storage}: {there} cannot be written to: {reason}; give a folder that can"
        )
    return run


def why_not_writable(folder: Path) -> str | None:
    """Return why no folder can be made in a folder, as a clause; None if one can.

    One is made and removed: permissions alone tell nothing of full disks, and nothing to root.
    The folder's time of change stays as it was, unless the folder is somebody else's.
    """
    if not folder.is_dir():
        return "it is not a folder"
    before = folder.stat()
    try:
        Path(tempfile.mkdtemp(prefix=".ttt-", dir=folder)).rmdir()
    except OSError as error:
        return str(error.strerror)
    with suppress(PermissionError):
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    return None


def create_run_dir(
    run: RunDir,
    experiment: Experiment,
    fill: Callable[[RunDir], None] | None = None,
    *,
    is_named: bool = True,
) -> RunDir:
    """Make the directory of a new run; it holds the resolved experiment from the start.

    Args:
        run: The directory.
        experiment: What will run.
        fill: Writes whatever else the run needs from the start.
        is_named: Whether somebody chose the run id. One of date and time gets a number if another
            run, which started in the same second, has taken it meanwhile.

    Returns:
        The directory.

    Raises:
        OSError: If another run has taken the directory meanwhile, or it cannot be made.
    """
    # Pods of a Job have the same process numbers, and may share the storage.
    unique = f"{socket.gethostname()}.{os.getpid()}"
    part = RunDir(run.path.with_name(f".{run.path.name}.{unique}.part"))
    try:
        part.path.mkdir(parents=True)
    except OSError as error:
        raise file_error(run.path, "cannot be made", error) from None
    try:
        write_atomic(part.experiment, dump_experiment(experiment))
        if fill is not None:
            fill(part)
        return _moved(part, run, is_named=is_named)
    except (OSError, InputError) as error:
        shutil.rmtree(part.path, ignore_errors=True)
        if isinstance(error, InputError):
            raise
        raise file_error(run.path, "cannot be made", error) from None


def _moved(part: RunDir, run: RunDir, *, is_named: bool) -> RunDir:
    """Move a directory that is complete to its place."""
    while True:
        try:
            part.path.rename(run.path)
        except OSError as error:
            if is_named or error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            folder = run.path.parent
            run = RunDir(folder / _free_run_id(folder))
        else:
            return run


def _free_run_id(folder: Path) -> str:
    """Return date and time, with a number where two runs start within a second."""
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    ids = chain([now], (f"{now}-{number}" for number in count(2)))
    return next(run_id for run_id in ids if not (folder / run_id).exists())


def named_path(path: Path) -> Path:
    """Return an absolute path that ends with the folder's name, which `..` is not."""
    return Path(os.path.realpath(path)) if ".." in path.parts else path.absolute()


def not_a_run(run: RunDir) -> str:
    """Return what is missing in a folder that is no run, and what to give instead."""
    return (
        f"not a run directory; it has no {run.experiment.name}; give the folder that a training "
        "named last, such as results/ppo/RUN"
    )


def open_run_dir(path: Path) -> tuple[RunDir, Experiment]:
    """Open the directory of an earlier run.

    Raises:
        InputError: If it is not a run directory, or is one of an earlier version.
    """
    run = RunDir(named_path(path))
    if not run.experiment.is_file():
        raise InputError(f"--resume {path}: {not_a_run(run)}")
    return run, load_saved_experiment(run.experiment)
