"""What the trials of a run request from Ray, how many fit at once, and how many wait.

The request is checked before anything starts: a trial that can never be scheduled is an
error with a remedy, not a run that stays pending for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import with_settings
from ttt_rllib.errors import InputError, NotReadyError

__all__ = [
    "Node",
    "ResourceRequest",
    "check_resources",
    "resource_request",
    "trial_resource_request",
]

RESERVING = ("env_runners.", "learners.", "resources.")
"""Sections whose settings decide what a trial reserves."""

ROUNDING = 1e-9
"""Sums of fractions of CPUs are inexact; a difference this small does not count."""


@dataclass(frozen=True)
class Node:
    """The CPUs and GPUs of a machine or pod of the cluster.

    Attributes:
        cpus: CPUs.
        gpus: GPUs.
    """

    cpus: float
    gpus: float


@dataclass(frozen=True)
class ResourceRequest:
    """What the trials of a run reserve, in CPUs and GPUs; of a search, its largest trial.

    Attributes:
        main: CPUs of the trial's own process.
        env_runners: Number of env runner actors.
        cpus_per_env_runner: CPUs of each.
        learners: Number of learner actors.
        cpus_per_learner: CPUs of each.
        gpus_per_learner: GPUs of each learner, including one in the trial's own process.
        trials: Number of trials.
        max_concurrent: Most trials at once, even if the cluster holds more; None = no such limit.
        is_largest: Whether other trials reserve less.
    """

    main: float
    env_runners: int
    cpus_per_env_runner: float
    learners: int
    cpus_per_learner: float
    gpus_per_learner: float
    trials: int = 1
    max_concurrent: int | None = None
    is_largest: bool = False

    @property
    def bundles(self) -> list[dict[str, float]]:
        """Ray's bundles: one for the trial's own process, then one per env runner and learner.

        A bundle is never split between nodes. A local learner and its GPU belong to the
        trial's process.
        """
        return [bundle for number, bundle in self.kinds for _ in range(number)]

    @property
    def kinds(self) -> list[tuple[int, dict[str, float]]]:
        """The same bundles, equal ones counted: there may be more of them than memory holds."""
        gpu = {"GPU": self.gpus_per_learner} if self.gpus_per_learner else {}
        kinds = [
            (1, {"CPU": self.main, **({} if self.learners else gpu)}),
            (self.env_runners, {"CPU": self.cpus_per_env_runner}),
            (self.learners, {"CPU": self.cpus_per_learner, **gpu}),
        ]
        return [(number, bundle) for number, bundle in kinds if number]

    @property
    def cpus(self) -> float:
        """CPUs of a whole trial."""
        return sum(number * bundle["CPU"] for number, bundle in self.kinds)

    @property
    def gpus(self) -> float:
        """GPUs of a whole trial."""
        return sum(number * bundle.get("GPU", 0.0) for number, bundle in self.kinds)

    def max_concurrent_trials(self, nodes: Sequence[Node]) -> int:
        """Return how many trials run at once on a cluster: 0 if not even one fits."""
        most = min(self.trials, self.max_concurrent or self.trials)
        # Every call of `fits` takes a trial's share from `free`, so that the generator counts the
        # trials that fit one after the other and stops at the first that does not.
        free = _free(nodes)
        return next((number for number in range(most) if not fits(self.bundles, free)), most)

    def waiting_for(self, cpus: float, gpus: float) -> str:
        """Return what a trial needs that is not free, in a sentence.

        Args:
            cpus: Free CPUs of the cluster.
            gpus: Free GPUs of the cluster.
        """
        needs = f"a trial needs {_count(self.cpus, 'CPU')}"
        has = f"{cpus:g} of the cluster's are free"
        if self.gpus:
            needs += f" and {_count(self.gpus, 'GPU')}"
            has = f"{_count(cpus, 'CPU')} and {_count(gpus, 'GPU')} are free"
        return f"{needs}, {has}; it starts when other work ends or nodes join"

    def describe(self, nodes: Sequence[Node]) -> str:
        """Return the plan of the run as lines of text, for a cluster of these nodes."""
        cpus, gpus = _total(nodes)
        each = "up to " if self.is_largest else ""
        lines = [
            f"plan: {_count(self.trials, 'trial')} of {each}{_count(self.cpus, 'CPU')} and "
            f"{_count(self.gpus, 'GPU')}; "
            f"the cluster has {_count(cpus, 'CPU')} and {_count(gpus, 'GPU')}"
            + (f" on {len(nodes)} nodes" if len(nodes) > 1 else ""),
            f"  main process      {_count(self.main, 'CPU')}",
        ]
        if self.env_runners:
            one = _count(self.cpus_per_env_runner, "CPU")
            lines.append(f"  {_count(self.env_runners, 'env runner'):16}  {one} each")
        if self.learners:
            one = _count(self.cpus_per_learner, "CPU")
            lines.append(f"  {_count(self.learners, 'learner'):16}  {one} each")
        if self.trials > 1:
            lines.append(
                f"  in all            {_count(self.trials * self.cpus, 'CPU')} and "
                f"{_count(self.trials * self.gpus, 'GPU')}"
            )
        running = self.max_concurrent_trials(nodes)
        waiting = self.trials - running
        waits = f"{waiting} {'waits' if waiting == 1 else 'wait'}" if waiting else "none waits"
        lines.append(f"  {_count(running, 'trial')} at once, {waits}")
        return "\n".join(lines)


def resource_request(experiment: Experiment) -> ResourceRequest:
    """Add up what the trials of an experiment reserve.

    Of a searched setting, the greatest value counts.
    """
    search = experiment.search
    largest = {
        key: max(one.values)
        for key, one in (search.space if search else {}).items()
        if key.startswith(RESERVING)
    }
    largest_trial = trial_resource_request(
        with_settings(experiment, largest) if largest else experiment
    )
    return ResourceRequest(
        **{
            **vars(largest_trial),
            "trials": experiment.num_trials,
            "max_concurrent": search.max_concurrent if search else None,
            "is_largest": bool(largest),
        }
    )


def trial_resource_request(experiment: Experiment) -> ResourceRequest:
    """Add up what one trial reserves."""
    learners = experiment.learners
    main = experiment.resources.num_cpus_for_main_process
    # A local learner lives in the main process; RLlib reserves the larger of the two.
    return ResourceRequest(
        main=main if learners.num_learners else max(main, learners.num_cpus_per_learner),
        env_runners=experiment.env_runners.num_env_runners,
        cpus_per_env_runner=experiment.env_runners.num_cpus_per_env_runner,
        learners=learners.num_learners,
        cpus_per_learner=learners.num_cpus_per_learner,
        gpus_per_learner=learners.num_gpus_per_learner,
    )


def check_resources(request: ResourceRequest, nodes: Sequence[Node]) -> None:
    """Refuse a trial that the cluster can never hold.

    Raises:
        NotReadyError: If it could if more nodes joined, like those that are there.
        InputError: If not even then. Both say what is requested, what there is, and what to lower.
    """
    fits_on_more = all(fits([bundle], _free(nodes)) for _, bundle in request.kinds)
    has_workers = any(node.cpus for node in nodes)
    error = NotReadyError if fits_on_more or not has_workers else InputError
    cpus, gpus = _total(nodes)
    if request.cpus > cpus + ROUNDING:
        raise error(
            f"a trial reserves {_count(request.cpus, 'CPU')} ({request.main:g} main + "
            f"{request.env_runners} x {request.cpus_per_env_runner:g} env runners + "
            f"{request.learners} x {request.cpus_per_learner:g} learners), "
            f"the cluster has {cpus:g}; lower {_to_lower(request)}"
        )
    if request.gpus > gpus + ROUNDING:
        raise error(
            f"a trial reserves {_count(request.gpus, 'GPU')}, the cluster has {gpus:g}; "
            "lower learners.num_gpus_per_learner"
        )
    if not request.max_concurrent_trials(nodes):
        sizes = ", ".join(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes)
        raise error(
            f"a trial reserves {' + '.join(_bundles(*one) for one in request.kinds)}, each on a "
            "single node; "
            f"the nodes have {sizes}: lower the CPUs or GPUs of one process"
        )


def _to_lower(request: ResourceRequest) -> str:
    """Return the settings whose processes reserve most of a trial's CPUs."""
    reserved = {
        "env_runners.num_env_runners or env_runners.num_cpus_per_env_runner": (
            request.env_runners * request.cpus_per_env_runner
        ),
        "learners.num_learners or learners.num_cpus_per_learner": (
            request.learners * request.cpus_per_learner
        ),
        "resources.num_cpus_for_main_process or learners.num_cpus_per_learner": request.main,
    }
    return max(reserved, key=lambda settings: reserved[settings])


def fits(bundles: Sequence[dict[str, float]], free: list[list[float]]) -> bool:
    """Place the bundles of a trial on the nodes, largest first; tell whether all of them fit.

    Args:
        bundles: What the trial reserves.
        free: Free CPUs and GPUs of every node; what is placed is taken from them.
    """
    wanted = sorted((bundle["CPU"], bundle.get("GPU", 0.0)) for bundle in bundles)
    for cpus, gpus in reversed(wanted):
        node = next(
            (node for node in free if node[0] + ROUNDING >= cpus and node[1] + ROUNDING >= gpus),
            None,
        )
        if node is None:
            return False
        node[0] -= cpus
        node[1] -= gpus
    return True


def _free(nodes: Sequence[Node]) -> list[list[float]]:
    return [[node.cpus, node.gpus] for node in nodes]


def _total(nodes: Sequence[Node]) -> tuple[float, float]:
    return sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)


def _bundles(number: int, bundle: dict[str, float]) -> str:
    gpus = bundle.get("GPU", 0.0)
    one = f"{bundle['CPU']:g} CPU" + (f" and {gpus:g} GPU" if gpus else "")
    return one if number == 1 else f"{number} x {one}"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}" + ("" if number == 1 else "s")
