"""A run that waits for room says so, once, and again only after it had room."""

from types import SimpleNamespace

import pytest
import ray

from tests.commands import wait_until
from ttt_rllib.cluster.placement import ResourceRequest
from ttt_rllib.tuning import waiting
from ttt_rllib.tuning.waiting import PATIENCE_S, WaitingNotice

REQUEST = ResourceRequest(
    main=1.0,
    env_runners=8,
    cpus_per_env_runner=1.0,
    learners=0,
    cpus_per_learner=0.0,
    gpus_per_learner=0.0,
)


@pytest.fixture
def free_cluster(ray_cluster):
    """The session's cluster, once the actors of earlier tests have gone."""
    wait_until("all CPUs are free", lambda: ray.available_resources().get("CPU") == 8.0)


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the notice reads, as an object with `now_s`."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: clock.now_s)
    return clock


def test_what_is_waited_for_is_told_once_while_no_trial_runs(free_cluster, clock, logged):
    notice = WaitingNotice(REQUEST)
    asked = ray.util.placement_group([{"CPU": 9.0}])

    def step(*statuses, after_s=0.0):
        clock.now_s += after_s
        notice.on_step_end(trials=[SimpleNamespace(status=status) for status in statuses])

    step("PENDING", "PENDING")
    step("PENDING", "PENDING", after_s=PATIENCE_S - 1)
    assert logged == []
    step("PENDING", "PENDING", after_s=2.0)
    step("PENDING", "PENDING", after_s=PATIENCE_S)
    (told,) = logged
    assert told.startswith("waiting: a trial needs 9 CPUs, 8 of the cluster's are free; ")
    step("RUNNING", "PENDING", after_s=PATIENCE_S)
    step("TERMINATED", "PENDING")
    step("TERMINATED", "PENDING", after_s=PATIENCE_S + 1)
    assert len(logged) == 2
    step("TERMINATED", "ERROR", after_s=10 * PATIENCE_S)
    assert len(logged) == 2, "nothing waits"
    ray.util.remove_placement_group(asked)


def test_a_trial_that_has_its_room_and_is_slow_to_start_waits_for_nothing(
    free_cluster, clock, logged
):
    notice = WaitingNotice(REQUEST)
    has = ray.util.placement_group([{"CPU": 1.0}])
    ray.get(has.ready())
    for _ in range(3):
        clock.now_s += PATIENCE_S
        notice.on_step_end(trials=[SimpleNamespace(status="PENDING")])
    assert logged == []
    ray.util.remove_placement_group(has)
