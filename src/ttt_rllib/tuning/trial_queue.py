"""When the trials of a search are made, and which one gets a process that has become free.

A process takes seconds to import torch and RLlib, often longer than a short trial lasts. Left
alone, Tune starts the processes of a search that makes its own trials one after the other, and
gives the process of an ended trial to the next one that waits, even if the process of that one has
almost started; this it then ends. With short trials, one process would do all the work while the
other CPUs import.
"""

from __future__ import annotations

import time
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from ttt_rllib.cluster.connection import CONNECTED, cluster_nodes
from ttt_rllib.cluster.placement import ResourceRequest
from ttt_rllib.tuning.search_algorithm import ExperimentSearch

__all__ = ["TrialQueue", "WithoutStarting"]

REFRESH_S = 5.0
"""How long a look at the nodes of the cluster is good for."""


class TrialQueue(Callback):
    """Lets a search make as many trials at once as fit into the cluster, and one that waits.

    The one that waits gets the first process that becomes free. It is only one, because a search
    knows more the later it chooses.

    Args:
        search: The search.
        request: What a trial reserves.
    """

    def __init__(self, search: ExperimentSearch, request: ResourceRequest) -> None:
        self._search = search
        self._request = request
        self._at_once = 0
        self._looked_s = float("-inf")

    def on_step_begin(self, **info: Any) -> None:
        """Count the trials before Tune asks for more."""
        if self._search.is_finished():
            return
        if time.monotonic() - self._looked_s > REFRESH_S:
            self._looked_s = time.monotonic()
            self._at_once = self._request.max_concurrent_trials(cluster_nodes(CONNECTED))
        unfinished = [trial for trial in info["trials"] if not trial.is_finished()]
        waiting = sum(trial.status == Trial.PENDING for trial in unfinished)
        # Smaller trials than the largest may fit although as many as planned are running.
        self._search.allow(max(self._at_once + 1 - len(unfinished), 1 - waiting))


class WithoutStarting:
    """Tune's controller as a scheduler sees it, without the trials whose process is starting.

    Args:
        controller: What Tune passes to its scheduler.
    """

    def __init__(self, controller: Any) -> None:
        self._controller = controller

    def get_trials(self) -> list[Trial]:
        """Return all other trials."""
        # The wrapper that schedulers get hides what is not meant for them.
        inner = self._controller._tune_controller  # noqa: SLF001
        actors, manager = inner._trial_to_actor, inner._actor_manager  # noqa: SLF001
        return [
            trial
            for trial in self._controller.get_trials()
            if trial.status != Trial.PENDING
            or trial not in actors
            or not manager.is_actor_started(actors[trial])
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)
