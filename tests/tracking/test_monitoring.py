"""Seeing a run from outside: actors' CPU and memory, Prometheus' port, dashboard, W&B, secrets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.commands import EXIT_S, finish, free_port, start_command, wait_until
from tests.tracking.test_wandb import KEY, records, written
from tests.tracking.wandb_server import WandbServer
from ttt_rllib.cluster.dashboard import dashboard_notice, dashboard_place
from ttt_rllib.config.cluster import Ray
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import LAST_RESULT_TIME_S, METRICS
from ttt_rllib.runs.metrics_csv import MetricsCsv

ROOT = Path(__file__).parents[2]
DEBUG = ROOT / "experiments" / "debug.yaml"
TOKEN = "70ce" * 16


def test_names_of_gauges_are_prometheus_names_and_unique():
    names = [metric.gauge_name for metric in METRICS if metric.gauge]
    assert len(set(names)) == len(names) > 10
    assert all(re.fullmatch(r"ttt_[a-z_]+", name) for name in names)


@pytest.mark.long
def test_cpu_and_memory_are_those_that_the_operating_system_counts(ray_cluster):
    from ttt_rllib.rl.algorithm_config import algorithm_config

    settings = {
        "env_runners": {"num_env_runners": 2, "num_envs_per_env_runner": 1024},
        "training": {"train_batch_size_per_learner": 8192},
    }
    algorithm = algorithm_config(Experiment.model_validate(settings)).build_algo()

    def processes():
        pids = algorithm.env_runner_group.foreach_env_runner(
            lambda runner: os.getpid(), local_env_runner=False
        )
        return [psutil.Process(pid) for pid in (os.getpid(), *pids)]

    def cpu_s(process):
        times = process.cpu_times()
        return times.user + times.system

    try:
        algorithm.train()
        main, *runners = processes()
        before_s = [cpu_s(main), sum(map(cpu_s, runners))]
        perf = [algorithm.train()["perf"] for _ in range(6)]
        used_s = [cpu_s(main), sum(map(cpu_s, runners))]
        for name, before, used in zip(("cpu_s", "runner_cpu_s"), before_s, used_s, strict=True):
            # The kernel counts in hundredths, and there is some work between iterations.
            total_s = sum(row[name] for row in perf)
            assert total_s == pytest.approx(used - before, rel=0.25, abs=0.1), name
            assert total_s > 0.05
        assert perf[-1]["memory_mb"] == pytest.approx(main.memory_info().rss / 1e6, rel=0.1)
        greatest = max(runner.memory_info().rss for runner in runners) / 1e6
        assert perf[-1]["runner_memory_mb"] == pytest.approx(greatest, rel=0.1)
        assert "learner_cpu_s" not in perf[-1], "the trial's process learns"
    finally:
        algorithm.stop()


def test_a_dashboard_port_that_is_taken_is_refused_and_none_starts_unasked():
    assert dashboard_place(Ray()) is None
    assert dashboard_place(Ray(include_dashboard=True, dashboard_port=1234))[1] == 1234
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"nothing can listen at 127.0.0.1:{port}: .*in use"):
            dashboard_place(Ray(include_dashboard=True, dashboard_port=port))
    with pytest.raises(InputError, match=r"ray.dashboard_port: nothing can listen at 192.0.2.77:"):
        dashboard_place(Ray(include_dashboard=True, dashboard_host="192.0.2.77"))


@pytest.mark.parametrize(
    ("settings", "joined", "environment", "notice", "warning"),
    [
        ({}, False, {}, None, None),
        ({"include_dashboard": True}, True, {}, None, "has no effect"),
        (
            {"include_dashboard": True},
            False,
            {"RAY_AUTH_MODE": "token"},
            "8265, with the token that `ray get-auth-token` shows",
            None,
        ),
        (
            {"include_dashboard": True, "dashboard_port": 1234},
            False,
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN},
            "http://127.0.0.1:1234, with the token in RAY_AUTH_TOKEN",
            None,
        ),
        (
            {"include_dashboard": True, "dashboard_host": "0.0.0.0"},  # noqa: S104 - what is tested
            False,
            {"RAY_AUTH_MODE": "disabled"},
            "dashboard: http://0.0.0.0:8265",
            "anyone who reaches it can run any command here",
        ),
    ],
)
def test_the_dashboards_notice_says_how_to_get_in_and_what_is_dangerous(
    monkeypatch, logged, settings, joined, environment, notice, warning
):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said = dashboard_notice(Ray(**settings), joined)
    assert (said is None) == (notice is None)
    assert (notice or "") in (said or "")
    assert TOKEN not in str(said)
    assert len(logged) == (warning is not None)
    assert (warning or "") in "".join(logged)


def status(url, token=None):
    request = urllib.request.Request(url)  # noqa: S310 - loopback
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def gauges(ray_folder):
    """Ask the metrics ports that Ray lists for Prometheus; none, before all of them listen."""
    listed = ray_folder / "ray" / "prom_metrics_service_discovery.json"
    found = {}
    targets = json.loads(listed.read_text())[0]["targets"] if listed.is_file() else []
    for target in targets:
        try:
            with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except urllib.error.URLError:
            return {}
        for name, labels, figure in re.findall(
            r"^(ray_ttt_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE
        ):
            if name.endswith("_total"):
                continue
            found[name] = (dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(figure))
    return found


@pytest.fixture
def ray_folder():
    """A folder for Ray's own files; sockets want a short path."""
    folder = Path(tempfile.mkdtemp(prefix="ttt"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
def test_a_run_is_seen_in_dashboard_prometheus_wandb_and_tensorboard_and_keeps_its_secrets(
    tmp_path, ray_folder
):
    port = free_port()
    with WandbServer(refuses=True) as server:
        environment = {
            **{name: None for name in os.environ if name.startswith("WANDB_")},
            "WANDB_API_KEY": KEY,
            "WANDB_BASE_URL": server.url,
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_TMPDIR": str(ray_folder),
            "RAY_metrics_report_interval_ms": "1000",
        }
        run = tmp_path / "debug" / "one"
        dashboard = ("ray.include_dashboard=true", f"ray.dashboard_port={port}")
        settings = ("stop.iterations=5000", "checkpoint.checkpoint_frequency=100", *dashboard)

        def rows():
            files = list(run.glob("trials/*/metrics.csv"))
            return MetricsCsv(files[0]).rows() if files else []

        def interrupt(process):
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            done = finish(process)
            assert done.returncode == 130, done.stderr
            assert psutil.wait_procs(family, timeout=EXIT_S)[1] == []
            return done.stdout, done.stderr

        overrides = [word for setting in settings for word in ("--set", setting)]
        words = (DEBUG, "--storage", tmp_path, "--name", "one", *overrides)
        began_s = time.time()
        process = start_command("train", *words, env=environment)
        seen = wait_until(
            "rows and gauges",
            lambda: len(rows()) > 3 and gauges(ray_folder),
            process=process,
            poll_s=0.5,
        )
        url = f"http://127.0.0.1:{port}"
        answers = [status(f"{url}/api/version", token) for token in (None, "0" * 64, TOKEN)]
        assert answers == [401, 403, 200]
        stdout, stderr = interrupt(process)
        assert f"dashboard: {url}, with the token in RAY_AUTH_TOKEN" in stdout
        (warning,) = [line for line in stderr.splitlines() if line.startswith("W&B")]
        assert "401" in warning

        process = start_command("train", "--resume", run, env=environment)
        before = len(MetricsCsv(run / "metrics.csv").rows())
        wait_until("more rows", lambda: len(rows()) > before + 3, process=process, poll_s=0.5)
        _, stderr = interrupt(process)
        assert "W&B" in stderr
    table = MetricsCsv(run / "metrics.csv").rows()
    trial = next(run.glob("trials/*/metrics.csv")).parent
    own = {"experiment": "debug", "run": "one", "trial": trial.name}
    by_name = {f"ray_{metric.gauge_name}": metric.name for metric in METRICS if metric.gauge}
    labels, last_s = seen.pop(LAST_RESULT_TIME_S.series)
    assert own.items() <= labels.items()
    assert began_s < last_s < time.time()
    assert set(seen) <= set(by_name)
    assert {"ray_ttt_nash_conv_greedy", "ray_ttt_moves", "ray_ttt_memory_mb"} <= set(seen)
    for name, (labels, figure) in seen.items():
        assert own.items() <= labels.items()
        figures = [float(row[by_name[name]]) for row in table]
        assert any(figure == pytest.approx(other, rel=1e-9) for other in figures), name
    (offline,) = (run / "wandb").glob("offline-run-*")
    assert offline.name.endswith(f"debug-one-{trial.name}")
    filled = [{name: text for name, text in row.items() if text} for row in table]
    assert written([offline]) == filled
    artifacts = [r.artifact for r in records(offline) if r.WhichOneof("record_type") == "artifact"]
    kept = {entry.path for entry in artifacts[-1].manifest.contents}
    assert {"agent/agent.json", "agent/weights.npz", "certificate.json", "summary.json"} <= kept
    events = b"".join(path.read_bytes() for path in trial.glob("events.out.tfevents.*"))
    assert b"exact/nash_conv_greedy" in events
    assert b"ray/tune/" not in events
    files = [path for top in (run, ray_folder) for path in top.rglob("*") if path.is_file()]
    assert len(files) > 50
    secrets = (KEY.encode(), TOKEN.encode())
    assert [path for path in files if any(one in path.read_bytes() for one in secrets)] == []
