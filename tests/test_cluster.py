"""The resource plan against what RLlib itself asks Ray for."""

import time
from pathlib import Path

import pytest

from ttt_rllib import cluster
from ttt_rllib.cluster import available_cpus, check_plan, make_plan
from ttt_rllib.experiment import Experiment
from ttt_rllib.wrong_input import InputError


def experiment(**settings):
    return Experiment.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"env_runners": {"num_env_runners": 3, "num_cpus_per_env_runner": 0.5}},
        {"learners": {"num_learners": 2, "num_cpus_per_learner": 1.5}},
        {"resources": {"num_cpus_for_main_process": 2.0}},
        {"learners": {"num_cpus_per_learner": 4.0}},
        {"learners": {"num_learners": 1}, "resources": {"num_cpus_for_main_process": 0.5}},
    ],
)
def test_the_plan_equals_the_placement_group_that_rllib_requests(settings):
    from ttt_rllib.rl.build import algorithm_config
    from ttt_rllib.rl.ppo import SelfPlayPPO

    wanted = SelfPlayPPO.default_resource_request(algorithm_config(experiment(**settings)))
    assert make_plan(experiment(**settings)).cpus == wanted.required_resources["CPU"]


def test_what_can_never_be_scheduled_is_refused_with_numbers_and_a_remedy():
    plan = make_plan(experiment(env_runners={"num_env_runners": 3}))
    check_plan(plan, cpus=4, gpus=0)
    with pytest.raises(InputError, match=r"reserves 4 CPUs \(1 main \+ 3 x 1 env runners.*has 2; "):
        check_plan(plan, cpus=2, gpus=0)
    with pytest.raises(InputError, match=r"reserves 1 GPU, the cluster has 0; lower learners"):
        check_plan(make_plan(experiment(learners={"num_gpus_per_learner": 1.0})), cpus=4, gpus=0)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("150000 100000", 1), ("50000 100000", 1), ("400000 100000", 4)],
)
def test_cpus_are_those_of_the_cgroup_and_at_least_one(tmp_path, monkeypatch, quota, expected):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(cluster, "CGROUP_V2", tmp_path / "cpu.max")
    monkeypatch.setattr(cluster.os, "sched_getaffinity", lambda pid: set(range(8)))
    assert available_cpus() == expected


def test_gpus_are_those_that_ray_would_see(monkeypatch):
    for visible, expected in (("", 0), ("0", 1), ("0,3", 2)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert cluster.cluster_size(None)[1] == expected


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell without any word to Ray, and with a home of its own."""
    environment = {"HOME": str(tmp_path)}
    monkeypatch.setattr(cluster.os, "environ", environment)
    monkeypatch.setattr(cluster.Path, "home", lambda: Path(environment["HOME"]))
    return environment


def test_a_cluster_of_our_own_has_token_authentication(shell):
    cluster._secure(None)
    assert shell["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in shell, "Ray makes one and keeps it in the home"


def test_without_a_home_the_token_is_made_for_this_run_only(shell):
    shell["HOME"] = "/proc/no/home"
    cluster._secure(None)
    assert shell["RAY_AUTH_MODE"] == "token"
    assert len(shell["RAY_AUTH_TOKEN"]) == 64


def test_an_explicit_choice_is_respected(shell):
    shell["RAY_AUTH_MODE"] = "disabled"
    cluster._secure(None)
    assert shell["RAY_AUTH_MODE"] == "disabled"


def test_a_cluster_of_others_is_asked_with_the_token_if_there_is_one(shell, tmp_path):
    cluster._secure("somewhere:6379")
    assert "RAY_AUTH_MODE" not in shell
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    cluster._secure("somewhere:6379")
    assert shell["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in shell


def test_waiting_for_room_ends_when_there_is_some_or_the_time_is_up(ray_cluster):
    started_s = time.monotonic()
    cluster.await_room(make_plan(experiment(env_runners={"num_env_runners": 7})), 60.0)
    assert time.monotonic() - started_s < 1.0, "the fixture's cluster has 8 CPUs"
    cluster.await_room(make_plan(experiment(env_runners={"num_env_runners": 8})), 1.5)
    assert time.monotonic() - started_s > 1.5
