"""How many trials a search makes, and which of them gets a process that has become free."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune

from tests.commands import EXIT_S
from ttt_rllib.cluster.placement import ResourceRequest
from ttt_rllib.tuning.schedulers import FIFOScheduler
from ttt_rllib.tuning.trial_queue import TrialQueue

ALLOWED = {
    "two fit at once, and one waits": ((), 3),
    "one has begun": (("RUNNING", "PENDING"), 1),
    "two have begun": (("RUNNING", "RUNNING"), 1),
    "one waits for two": (("RUNNING", "RUNNING", "PENDING"), 0),
    "ended ones take no room": (("TERMINATED", "ERROR", "RUNNING", "RUNNING"), 1),
    "a population takes turns": (("PAUSED", "PAUSED", "PAUSED", "RUNNING", "RUNNING"), 1),
    "more run than were thought to fit": (("RUNNING", "RUNNING", "RUNNING"), 1),
    "failed ones are tried again": (("PENDING", "PENDING", "PENDING"), 0),
}


@pytest.mark.parametrize(("statuses", "allowed"), ALLOWED.values(), ids=ALLOWED)
def test_as_many_trials_are_made_as_fit_at_once_and_one_that_waits(ray_cluster, statuses, allowed):
    request = ResourceRequest(4.0, 0, 0.0, 0, 0.0, 0.0, trials=9)
    told: list[int] = []
    search: Any = SimpleNamespace(is_finished=lambda: False, allow=told.append)
    trials = [
        SimpleNamespace(status=one, is_finished=lambda one=one: one in ("TERMINATED", "ERROR"))
        for one in statuses
    ]
    TrialQueue(search, request).on_step_begin(trials=trials)
    assert told == [allowed]


def test_a_process_that_is_free_is_not_for_a_trial_whose_own_is_starting(ray_cluster, tmp_path):
    # Within the test, so that it travels to the processes, which cannot import this file.
    class SlowSecond(tune.Trainable):
        """The process of the second trial is slow to start: it waits for the third trial."""

        def setup(self, config):
            self.number, self.third = int(self.trial_id.rpartition("_")[2]), Path(config["file"])
            deadline_s = time.monotonic() + EXIT_S
            while self.number == 1 and not self.third.exists():
                assert time.monotonic() < deadline_s, "the third trial never ran"
                time.sleep(0.02)

        def reset_config(self, new_config):
            self.number = int(self.trial_id.rpartition("_")[2])
            return True

        def step(self):
            if self.number == 2:
                self.third.touch()
            return {"done": True, "process": os.getpid(), "after_third": self.third.exists()}

    ended = tune.run(
        tune.with_resources(SlowSecond, {"cpu": 4}),
        config={"file": str(tmp_path / "third")},
        num_samples=3,
        scheduler=FIFOScheduler(),
        reuse_actors=True,
        storage_path=str(tmp_path / "runs"),
        verbose=0,
    )
    first, second, third = (trial.last_result for trial in ended.trials)
    assert third["process"] == first["process"]
    assert second["after_third"]
