"""Prepares a run in small steps: which run, room for it, Ray, its directory.

Nothing is written until every check has passed. Each step takes what it needs and returns
what it found; the command decides their order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ttt_rllib.agents.own_network_check import check_own_network, own_classes
from ttt_rllib.cluster.connection import (
    check_start,
    cluster_nodes,
    connect,
    import_ray,
    wait_for_resources,
)
from ttt_rllib.cluster.dashboard import dashboard_place
from ttt_rllib.cluster.placement import Node, ResourceRequest, check_resources
from ttt_rllib.cluster.shared_storage import check_shared
from ttt_rllib.config.cluster import Ray
from ttt_rllib.config.env_settings import check_env_settings
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.experiment_files import find_experiment, shipped_experiments
from ttt_rllib.config.loading import difference, load_experiment
from ttt_rllib.config.own_code import copy_modules, make_findable
from ttt_rllib.errors import InputError, NotReadyError
from ttt_rllib.evaluation.own_metrics import check_own_metrics, own_metric_paths
from ttt_rllib.foreign.opponents import tabulated_opponents
from ttt_rllib.league.given_agents import (
    MEMBERS,
    Tables,
    check_given_agents,
    copy_given_agents,
    members_in_modules,
)
from ttt_rllib.rl.own_callbacks import callback_paths, check_callbacks
from ttt_rllib.runs.directory import (
    RunDir,
    create_run_dir,
    new_run_dir,
    open_run_dir,
    why_not_writable,
)
from ttt_rllib.runs.game_npz import check_game, copy_game
from ttt_rllib.runs.lock import run_lock
from ttt_rllib.runs.summary import is_done
from ttt_rllib.signals import deferred_interrupts
from ttt_rllib.train.longer_limits import extend_run, with_longer_limits

__all__ = [
    "RESULTS",
    "Job",
    "check_earlier_state",
    "check_installed",
    "check_keep_dashboard",
    "check_storage",
    "choose_run_dir",
    "claim_earlier_run",
    "claim_run_dir",
    "find_job",
    "join_cluster",
    "resume_job",
    "start_ray",
]

NEEDED = ("ray", "torch")
"""What only training needs, and cannot do without."""

RESULTS = Path("results")
"""Where runs are written unless told otherwise."""

INSTALL = "pip install -c constraints.txt -e ."


@dataclass(frozen=True)
class Job:
    """An experiment, and the run directory that it has or will get.

    Attributes:
        experiment: What to train.
        storage: Folder of all results, for a new run.
        name: Run id of a new run; None = date and time.
        earlier: The run to resume; None = a new one.
        saved: The experiment that the run to resume has, where its limits are to be raised.
        tables: What the opponents play that a new run takes from modules.
    """

    experiment: Experiment
    storage: Path
    name: str | None = None
    earlier: RunDir | None = None
    saved: Experiment | None = None
    tables: Tables = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether the earlier run is complete, so that nothing is left to do."""
        return self.saved is None and self.earlier is not None and is_done(self.earlier.path)


def check_installed() -> None:
    """Check that this environment can train; one that only plays has neither Ray nor torch.

    Raises:
        InputError: If it cannot.
    """
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        verb = "are" if len(missing) > 1 else "is"
        raise InputError(
            f"training needs {' and '.join(missing)}, which {verb} not installed here; run "
            f"{INSTALL} in a clone of the repository"
        )


def find_job(
    word: str | None,
    overrides: tuple[str, ...],
    storage: Path,
    name: str | None,
    address: str | None,
    *,
    resume_if_exists: bool,
) -> Job:
    """Load an experiment, with the run of that name where one exists and may be resumed.

    Raises:
        InputError: If the experiment is wrong, or differs from that of the existing run, or if
            something that it names of the user's own cannot be used.
    """
    if word is None:
        raise InputError(
            f"which experiment? for example {' '.join(('ttt train ppo', *overrides))}; known are "
            f"{', '.join(shipped_experiments())}, and any YAML file"
        )
    file = find_experiment(word)
    experiment = load_experiment(file, overrides)
    make_findable(file.absolute().parent)
    if resume_if_exists and name is None:
        raise InputError("--resume-if-exists: which run? give its --name")
    path = storage.absolute() / experiment.name / (name or "")
    if not resume_if_exists or not path.exists():
        # A run that exists has copies of the agents and modules that it was given.
        _prepare_own_code(experiment, address)
        tables = _opponents(experiment)
        check_given_agents(experiment, tables=tables)
        _check_own_code(experiment)
        return Job(experiment, storage, name, tables=tables)
    run, saved = open_run_dir(path)
    differs = difference(saved, experiment)
    if differs:
        raise InputError(
            f"{run.experiment}: differs from the experiment given: {differs}; choose another --name"
        )
    job = Job(experiment, storage, name, run)
    return _with_its_agents(job, run, address)


def resume_job(
    path: Path,
    word: str | None,
    overrides: tuple[str, ...],
    name: str | None,
    address: str | None,
) -> Job:
    """Open an earlier run, which keeps its name and its settings, except limits that are raised.

    Raises:
        InputError: If it is not a run, or if more is asked than to resume it.
    """
    run, saved = open_run_dir(path)
    if name:
        raise InputError("--resume keeps the name of the run; drop --name")
    check_env_settings(saved)
    given = load_experiment(find_experiment(word)) if word is not None else saved
    differs = difference(saved, given)
    if differs:
        raise InputError(
            f"{run.experiment}: differs from {word}: {differs}; leave {word} out to resume, or "
            "start a new run"
        )
    job = Job(saved, run.path.parent.parent, earlier=run)
    if overrides:
        job = replace(job, experiment=with_longer_limits(run, saved, overrides), saved=saved)
    return _with_its_agents(job, run, address)


def _prepare_own_code(experiment: Experiment, address: str | None) -> None:
    """Import Ray as it has to be imported, if the user's own code may import it.

    Raises:
        InputError: As `import_ray` does.
    """
    own = (*experiment.callbacks, *experiment.evaluation.metrics, *members_in_modules(experiment))
    if own and find_spec("ray") is not None:
        with deferred_interrupts():  # as in `start_ray`
            import_ray(address)


def _check_own_code(experiment: Experiment) -> None:
    """Try what an experiment names of the user's own code.

    Raises:
        InputError: If something of it cannot be used.
    """
    check_own_network(experiment)
    check_own_metrics(experiment)
    check_callbacks(experiment)


def _opponents(experiment: Experiment) -> Tables:
    """Return what the opponents play that an experiment names as `module:agent`."""
    names = members_in_modules(experiment)
    return tabulated_opponents(names, experiment.env.game, MEMBERS) if names else {}


def _with_its_agents(job: Job, run: RunDir, address: str | None) -> Job:
    """Return the job, once the run's copies of what it names are known to be there.

    Raises:
        InputError: If one is missing or damaged or the game was edited, and the run is not done.
    """
    if not job.is_done:
        make_findable(run.own_code, first=True)
        check_game(job.experiment, run.path)
        _prepare_own_code(job.experiment, address)
        _check_own_code(job.experiment)
        check_given_agents(job.experiment, run.given_agents)
    return job


def check_keep_dashboard(settings: Ray, address: str | None) -> None:
    """Refuse to keep a dashboard that this run does not start.

    Raises:
        InputError: The message says what to do instead.
    """
    if not settings.include_dashboard:
        raise InputError("--keep-dashboard: there is none; add --set ray.include_dashboard=true")
    if address is not None:
        raise InputError("--keep-dashboard: the cluster of --address has its own")


def check_storage(job: Job, storage: Path) -> None:
    """Refuse another folder of results than that in which the run to resume lies.

    Args:
        job: What is resumed.
        storage: The folder; the default says nothing.

    Raises:
        InputError: If it is another one.
    """
    if storage != RESULTS and os.path.realpath(storage) != os.path.realpath(job.storage):
        raise InputError(
            f"--storage {storage}: the run lies in {job.storage} and is resumed there; leave "
            "--storage out"
        )


@contextmanager
def claim_earlier_run(job: Job, wait_s: float) -> Iterator[None]:
    """Keep other processes from the run to resume; a run that is done is left alone.

    Check `job.is_done` inside: another process may have completed the run during the wait.

    Raises:
        NotReadyError: If another process is still working on it after `wait_s` seconds.
    """
    if job.earlier is None or job.is_done:
        yield
        return
    with run_lock(job.earlier.path, wait_s):
        yield


def join_cluster(request: ResourceRequest, address: str | None, wait_s: float) -> Sequence[Node]:
    """Connect to the cluster at the address, and check that it can hold a trial.

    Without an address nothing is started yet; the node is this machine.

    Raises:
        NotReadyError: If no cluster answers, or a trial would fit if more nodes joined but did not
            within `wait_s` seconds.
        InputError: If a trial can never fit.
    """
    if address is not None:
        connect(address)
        wait_for_resources(request, wait_s)
    else:
        check_start()
    nodes = cluster_nodes(address)
    try:
        check_resources(request, nodes)
    except NotReadyError as error:
        if address is None:
            # No node will join this machine.
            raise InputError(str(error)) from None
        raise
    return nodes


def choose_run_dir(job: Job, *, shared: bool) -> RunDir:
    """Return the directory of the earlier run, or a free one; nothing is created yet.

    Args:
        job: What runs.
        shared: Whether the trials may run on other nodes, which must see the directory.

    Raises:
        InputError: If the directory cannot be used.
        OSError: If it cannot be written to.
    """
    run = job.earlier or new_run_dir(job.experiment, job.storage, job.name)
    reason = why_not_writable(run.path) if job.earlier else None
    if reason is not None:
        raise InputError(f"--resume {run.path}: cannot be written to: {reason}; mend that first")
    if shared:
        # The directory of a new run does not exist, but the storage can be looked at.
        check_shared(run.path if job.earlier else job.storage)
    return run


def check_earlier_state(job: Job, address: str | None) -> None:
    """Check that the state of the run to resume can be read; Ray is imported, but not started.

    Args:
        job: What runs.
        address: The cluster that was joined; None if one will be started.

    Raises:
        InputError: If it is damaged, or lacks what would be resumed.
        KeyboardInterrupt: At the end, if a signal arrived meanwhile.
    """
    if job.earlier is None:
        return
    with deferred_interrupts():  # as in `start_ray`
        import_ray(address)
        tune_state = import_module("ttt_rllib.tuning.tune_state")
    tune_state.check_state(job.experiment, job.earlier)


def start_ray(settings: Ray, address: str | None) -> None:
    """Start a private cluster unless one was joined, and import what Ray's start delays.

    Raises:
        KeyboardInterrupt: At the end, if a signal arrived meanwhile.
    """
    with deferred_interrupts():
        if address is None:
            connect(None, dashboard_place(settings))
        # Here, since an interrupt in the middle of the import can crash the interpreter.
        import_module("ttt_rllib.tuning.run")


@contextmanager
def claim_run_dir(job: Job, run: RunDir) -> Iterator[RunDir]:
    """Make the directory of a new run and keep other processes from it; raise limits.

    Yields:
        The directory, which may have got another run id if nobody chose one.

    Raises:
        InputError: If another process has changed the limits of the run to resume.
        OSError: If another run took the directory meanwhile, or it cannot be made.
    """
    if job.earlier is not None:
        # `claim_earlier_run` already holds the lock.
        if job.saved is not None:
            extend_run(run, job.saved, job.experiment)
        yield run
        return
    fill = partial(_copy_what_it_needs, job)
    run = create_run_dir(run, job.experiment, fill, is_named=job.name is not None)
    with run_lock(run.path, 0.0):
        yield run


def _copy_what_it_needs(job: Job, run: RunDir) -> None:
    """Copy the game, the agents and the modules that an experiment names: the run has its own."""
    experiment = job.experiment
    copy_game(experiment, run.path)
    copy_given_agents(experiment, run.given_agents, job.tables)
    own = (*own_classes(experiment), *own_metric_paths(experiment), *callback_paths(experiment))
    copy_modules(own, run.own_code)
