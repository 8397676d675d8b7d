"""The run directory: where everything about a run is found, and how it is written.

    results/<experiment>/<run id>/
        experiment.yaml  summary.json  metrics.csv  certificate.json
        agent/           the bundle
        trials/          Tune's own files, a folder a trial, with the checkpoints

Files but `metrics.csv`, which grows a row at a time, appear whole or not at all: they are
written beside their place and moved there.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment, load_experiment
from ttt_rllib.config.section import NAME
from ttt_rllib.errors import InputError
from ttt_rllib.runs.files import write_atomic

__all__ = [
    "RunDir",
    "create_run_dir",
    "new_run_dir",
    "open_run_dir",
]


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
        return self.path / "experiment.yaml"

    @property
    def trials(self) -> Path:
        """Tune's experiment directory."""
        return self.path / "trials"

    @property
    def state(self) -> Path:
        """Whole states of Tune, to go on from after a kill."""
        return self.path / ".state"

    @property
    def table(self) -> Path:
        """A row a trial."""
        return self.path / "trials.csv"

    @property
    def best(self) -> Path:
        """The best configuration of a search, as an experiment of its own."""
        return self.path / "best.yaml"

    @property
    def summary(self) -> Path:
        """What came out, in figures."""
        return self.path / "summary.json"

    @property
    def metrics(self) -> Path:
        """The best trial's metrics."""
        return self.path / "metrics.csv"

    @property
    def certificate(self) -> Path:
        """The proof, or the losing lines."""
        return self.path / "certificate.json"

    @property
    def agent(self) -> Path:
        """The bundle."""
        return self.path / "agent"


def new_run_dir(experiment: Experiment, storage: Path, name: str | None) -> RunDir:
    """Choose the directory of a new run; nothing is written yet.

    Args:
        experiment: What will run.
        storage: Folder of all results.
        name: The run id; None takes date and time.

    Raises:
        InputError: If the run exists already, or the storage cannot be written to.
    """
    if "://" in str(storage) or str(storage).startswith(("s3:/", "gs:/")):
        raise InputError(f"--storage {storage}: is a URL; give a folder, mounted on every node")
    folder = storage.absolute() / experiment.name
    if name is not None and not re.fullmatch(NAME, name):
        raise InputError(f"--name {name}: a run id has letters, digits, '.', '_' and '-' only")
    run = RunDir(folder / (name or _free_run_id(folder)))
    if run.path.exists():
        raise InputError(f"{run.path}: exists already; take another --name, or --resume {run.path}")
    there = next(parent for parent in run.path.parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(
            f"--storage {storage}: {there} cannot be written to; give a folder that can"
        )
    return run


def create_run_dir(run: RunDir, experiment: Experiment) -> None:
    """Make the directory of a new run, with the resolved experiment in it from the first moment.

    Raises:
        InputError: If another run took the directory meanwhile, or it cannot be made.
    """
    part = RunDir(run.path.with_name(f".{run.path.name}.{os.getpid()}.part"))
    try:
        part.path.mkdir(parents=True)
        write_atomic(part.experiment, dump_experiment(experiment))
        part.path.rename(run.path)
    except OSError as error:
        shutil.rmtree(part.path, ignore_errors=True)
        raise InputError(f"{run.path}: cannot be made: {error.strerror}") from None


def _free_run_id(folder: Path) -> str:
    """Date and time, and a number where two runs start within a second."""
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    ids = chain([now], (f"{now}-{number}" for number in count(2)))
    return next(run_id for run_id in ids if not (folder / run_id).exists())


def open_run_dir(path: Path) -> tuple[RunDir, Experiment]:
    """Open the directory of an earlier run.

    Raises:
        InputError: If it is no run directory.
    """
    run = RunDir(path.absolute())
    if not run.experiment.is_file():
        raise InputError(f"--resume {path}: not a run directory; it has no experiment.yaml")
    return run, load_experiment(run.experiment)
