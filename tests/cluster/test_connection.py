"""Connecting to Ray, and counting what the cluster has."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ttt_rllib.cluster import connection as cluster
from ttt_rllib.cluster.connection import available_cpus
from ttt_rllib.cluster.placement import ResourceRequest


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
        assert cluster.cluster_nodes(None)[0].gpus == expected


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell whose environment tells Ray nothing, and with a separate home."""
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


def test_waiting_for_room_ends_when_there_is_some_or_the_time_is_up(ray_cluster, monkeypatch):
    sleep, slept_s = time.sleep, []
    monkeypatch.setattr(cluster.time, "sleep", lambda s: (slept_s.append(s), sleep(s)))
    fits = ResourceRequest(
        1.0,
        env_runners=7,
        cpus_per_env_runner=1.0,
        learners=0,
        cpus_per_learner=0.0,
        gpus_per_learner=0.0,
    )
    cluster.wait_for_resources(fits, 60.0)
    assert slept_s == [], "the fixture's cluster has 8 CPUs"
    started_s = time.monotonic()
    cluster.wait_for_resources(replace(fits, env_runners=8), 1.5)
    assert time.monotonic() - started_s > 1.5
    assert slept_s
