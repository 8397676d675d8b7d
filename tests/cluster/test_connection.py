"""Connecting to Ray, and counting what the cluster has."""

import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.commands import run_program
from ttt_rllib.cluster import connection as cluster
from ttt_rllib.cluster import head, machine
from ttt_rllib.cluster.machine import available_cpus
from ttt_rllib.cluster.placement import ResourceRequest
from ttt_rllib.errors import InputError, NotReadyError


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("150000 100000", 1), ("50000 100000", 1), ("400000 100000", 4)],
)
def test_cpus_are_those_of_the_cgroup_and_at_least_one(tmp_path, monkeypatch, quota, expected):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "CGROUP_V2", tmp_path / "cpu.max")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: set(range(8)))
    assert available_cpus() == expected


def test_gpus_are_those_of_the_machine_that_cuda_would_see(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "GPUS", tmp_path)
    for number in range(4):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
    named = {
        "": 0,
        "0": 1,
        "0,3": 2,
        "0, 3": 2,
        "GPU-1a2b": 1,
        "-1": 0,
        "0,-1,1": 1,
        "NoDevFiles": 0,
        "none": 0,
        "0,1,2,3,4": 4,
    }
    for visible, expected in named.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert cluster.cluster_nodes(None)[0].gpus == expected, visible
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cluster.cluster_nodes(None)[0].gpus == 4
    monkeypatch.setattr(machine, "GPUS", tmp_path / "none")
    assert cluster.cluster_nodes(None)[0].gpus == 0


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell whose environment tells Ray nothing, and with a separate home."""
    environment = {"HOME": str(tmp_path)}
    monkeypatch.setattr(head.os, "environ", environment)
    monkeypatch.setattr(head.Path, "home", lambda: Path(environment["HOME"]))
    return environment


def test_a_cluster_of_our_own_has_token_authentication(shell):
    head.agree_on_token(None)
    assert shell["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in shell, "Ray makes one and keeps it in the home"
    assert not Path(shell["HOME"], ".ray").exists(), "a plan writes nothing"


def test_without_a_home_the_token_is_made_for_this_run_only(shell):
    shell["HOME"] = "/proc/no/home"
    head.agree_on_token(None)
    assert shell["RAY_AUTH_MODE"] == "token"
    assert len(shell["RAY_AUTH_TOKEN"]) == 64


def test_an_explicit_choice_is_respected(shell):
    shell["RAY_AUTH_MODE"] = "disabled"
    head.agree_on_token(None)
    assert shell["RAY_AUTH_MODE"] == "disabled"


def test_a_cluster_of_others_is_asked_with_the_token_if_there_is_one(shell, tmp_path):
    head.agree_on_token("somewhere:6379")
    assert "RAY_AUTH_MODE" not in shell
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    head.agree_on_token("somewhere:6379")
    assert shell["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in shell


def test_a_cluster_is_asked_whether_it_wants_a_token(ray_cluster):
    import ray

    # The cluster of these tests does; one that does not is in tests/field/test_runs.py.
    assert head.asks_for_token(ray.get_runtime_context().gcs_address) is True


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "somewhere", "auto"])
def test_where_no_cluster_answers_nothing_is_known_of_a_token(address, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert head.asks_for_token(address) is None


@pytest.mark.parametrize(
    ("asks", "given", "expected"),
    [
        (True, {"RAY_AUTH_TOKEN": "0"}, "token"),
        (False, {"RAY_AUTH_TOKEN": "0"}, "disabled"),
        (False, {}, "disabled"),
        (True, {"RAY_AUTH_TOKEN": "0", "RAY_AUTH_MODE": "token"}, "token"),
        (None, {"RAY_AUTH_TOKEN": "0"}, "token"),
        (None, {}, None),
    ],
)
def test_the_authentication_is_that_of_the_cluster(shell, monkeypatch, asks, given, expected):
    monkeypatch.setattr(head, "asks_for_token", lambda address: asks)
    shell.update(given)
    head.agree_on_token("somewhere:6379")
    assert shell.get("RAY_AUTH_MODE") == expected


@pytest.mark.parametrize(
    ("asks", "given", "sentence"),
    [
        (True, {}, "the cluster asks for a token; put it into RAY_AUTH_TOKEN"),
        (True, {"RAY_AUTH_TOKEN": "0", "RAY_AUTH_MODE": "disabled"}, "asks for a token, but RAY_"),
        (False, {"RAY_AUTH_MODE": "token"}, "asks for no token, but RAY_AUTH_MODE is token; unset"),
    ],
)
def test_what_the_cluster_would_not_understand_is_refused_before_ray_starts(
    shell, monkeypatch, asks, given, sentence
):
    monkeypatch.setattr(head, "asks_for_token", lambda address: asks)
    shell.update(given)
    with pytest.raises(InputError, match=rf"^--address somewhere:6379: .*{sentence}"):
        head.agree_on_token("somewhere:6379")


@pytest.fixture
def web_page():
    """A port on which something listens that is not Ray."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_port_of_something_else_is_refused_before_ray_is_asked(web_page):
    with pytest.raises(NotReadyError, match=f"^--address {web_page}: no Ray .*: something listens"):
        head.check_answers(web_page)


def test_a_note_of_a_cluster_that_has_ended_is_refused_with_its_address(monkeypatch, tmp_path):
    note = tmp_path / "ray" / "ray_current_cluster"
    note.parent.mkdir()
    note.write_text("127.0.0.1:1\n")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    # Other processes of this machine may have started Ray, and "auto" would find them.
    monkeypatch.setattr(head, "HEAD_PROCESS", "nobody's")
    with pytest.raises(
        NotReadyError, match=r"^--address auto: no Ray .*: 127\.0\.0\.1:1: .*refused"
    ):
        head.check_answers("auto")
    note.unlink()
    head.check_answers("auto")


def test_the_head_of_a_cluster_answers(ray_cluster):
    import ray

    head.check_answers(ray.get_runtime_context().gcs_address)


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


def test_a_connection_that_others_made_stays(ray_cluster):
    cluster.disconnect()
    assert cluster.is_connected()


PROCESSES = """
import sys, psutil
from pathlib import Path
from ttt_rllib.cluster.connection import connect, disconnect
connect(None, ("127.0.0.1", 0) if sys.argv[1:] else None)
print(*(Path(word).name for child in psutil.Process().children() for word in child.cmdline()))
disconnect()
"""


@pytest.mark.long
@pytest.mark.parametrize("dashboard", [(), ("dashboard",)])
def test_a_private_cluster_starts_no_process_without_a_use(dashboard):
    done = run_program(PROCESSES, *dashboard)
    assert done.returncode == 0, done.stderr
    started = set(done.stdout.split())
    assert {"gcs_server", "raylet", "dashboard.py"} <= started
    assert "log_monitor.py" not in started
    assert ("monitor.py" in started) == bool(dashboard)
