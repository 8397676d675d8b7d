"""Dashboard and alerts on a real Prometheus that scrapes a real run on two Ray nodes."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import psutil
import pytest

from tests.commands import (
    ROOT,
    finish,
    free_port,
    shell,
    start_command,
    start_program,
    wait_until,
)
from tests.k8s.queries import MONITORING, dashboard_queries, operands, rule_queries

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus"),
]

DEBUG = ROOT / "experiments" / "debug.yaml"
RAY_START = (
    "import sys; from ray.scripts.scripts import main; "
    "sys.argv = ['ray', 'start', '--block', '--num-cpus=2', '--num-gpus=0', *sys.argv[1:]]; main()"
)
# Two CPUs per node and four processes of one CPU: an env runner or two on either node.
SETTINGS = ("env_runners.num_env_runners=3", "stop.iterations=1000000")
RUNNERS = {"1", "2", "3"}
# Sooner than every 10 and 5 s. Ray forgets a gauge that misses two reports, so that the figures of
# nodes, which have an interval of their own, must come as often.
ENVIRONMENT = {
    "RAY_metrics_report_interval_ms": "2000",
    "REPORTER_UPDATE_INTERVAL_MS": "1000",
    "RAY_AUTH_MODE": "disabled",
}
RUN, TRIAL = "one", "00000"
RECORDED = ROOT / "tests" / "k8s" / "series_of_a_run.txt"
STALE_S = 8.0
"""Longer than Ray keeps a gauge that is not set again, with the interval above."""


@contextmanager
def two_nodes(folder, environment):
    """Start a head and another node; give the head's address and the nodes' metrics ports."""
    gcs, *metrics = free_port(), free_port(), free_port()
    hosts = ("127.0.0.1", "127.0.0.2")
    address, nodes = f"{hosts[0]}:{gcs}", []
    started = []
    try:
        for host, port in zip(hosts, metrics, strict=True):
            place = (f"--node-ip-address={host}", f"--metrics-export-port={port}")
            role = (
                (f"--address={address}",)
                if started
                else ("--head", f"--port={gcs}", "--include-dashboard=false")
            )
            log = folder / f"{host}.log"
            with log.open("w") as file:
                node = start_program(
                    RAY_START, *role, *place, env=environment, stdout=file, stderr=file
                )
            started.append(node)
            wait_until("a node", lambda log=log: "runtime started" in log.read_text(), process=node)
            nodes.append(f"{host}:{port}")
        yield address, nodes
    finally:
        for node in reversed(started):
            family = psutil.Process(node.pid).children(recursive=True)
            node.terminate()
            node.wait()
            for left in psutil.wait_procs(family, timeout=20)[1]:
                left.kill()


class Prometheus:
    """Debian's Prometheus, with our rules, asked over its API."""

    def __init__(self, address):
        self.address = address

    def get(self, path, **words):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, query):
        """Return the lines that a panel draws: labels and figure of each that is a number."""
        lines = [
            (one["metric"], float(one["value"][1]))
            for one in self.get("query", query=query)["result"]
        ]
        return [(labels, figure) for labels, figure in lines if figure == figure]

    def labels(self, name):
        """Return the names of the labels of a series."""
        found = self.get("series", **{"match[]": f'{{__name__=~"{name}(_bucket)?"}}'})
        ours = {"__name__", "instance", "job", "le"}
        names = {label for one in found for label in one} - ours
        return {label for label in names if not label.startswith("otel_")}

    def is_ready(self):
        try:
            return bool(self.get("status/buildinfo"))
        except urllib.error.URLError:
            return False


@contextmanager
def prometheus(folder, nodes):
    port = free_port()
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    scrape = {"job_name": "ray", "static_configs": [{"targets": nodes}]}
    settings = {
        "global": every,
        "scrape_configs": [scrape],
        "rule_files": [str(MONITORING / "rules.yaml")],
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    served = Prometheus(f"127.0.0.1:{port}")
    command = (
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={served.address}",
    )
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=shell())
    try:
        wait_until("Prometheus", served.is_ready)
        yield served
    finally:
        process.kill()
        process.wait()


def processes(ray_folder, title):
    """Return the processes of an actor's class, by Ray's name for them.

    Other tests have such actors too, on clusters in other folders.
    """
    named = [
        one
        for one in psutil.process_iter(["cmdline"])
        if " ".join(one.info["cmdline"] or ()).startswith(f"ray::{title}")
    ]
    return [one for one in named if one.environ().get("RAY_TMPDIR") == ray_folder]


@pytest.fixture(scope="module")
def ray_folder():
    # Ray's sockets must have short names, and pytest's folders are long.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory, ray_folder):
    """Train on two nodes, under the eyes of Prometheus."""
    folder = tmp_path_factory.mktemp("watched")
    with (
        two_nodes(folder, {**ENVIRONMENT, "RAY_TMPDIR": ray_folder}) as (address, nodes),
        prometheus(folder, nodes) as served,
    ):
        overrides = [word for setting in SETTINGS for word in ("--set", setting)]
        place = ("--storage", folder, "--name", RUN, "--address", address, "--wait", "60")
        train = start_command("train", DEBUG, *place, *overrides, env=ENVIRONMENT)
        yield served, nodes, train
        train.terminate()
        finish(train)


def expected_lines(title, nodes):
    """Return which label a panel has one line for each value of, and these, by its title."""
    return {
        "trial": ("trial", {TRIAL}),
        "run": ("run", {RUN}),
        "env runner": ("runner", RUNNERS),
        "node": ("instance", set(nodes)),
    }.get(title.rpartition(" by ")[2], ("", {None}))


def test_every_query_of_the_dashboard_and_of_the_alerts_has_the_lines_that_its_title_says(watched):
    served, nodes, train = watched
    for title, query in dashboard_queries():
        label, values = expected_lines(title, nodes)

        def is_complete(query=query, label=label, values=values):
            return {labels.get(label) for labels, _ in served.query(query)} == values

        wait_until(f"{title}: {query}", is_complete, 90, process=train, poll_s=0.3)
    for name, query in rule_queries():
        wait_until(name, lambda query=query: served.query(operands(query)), 30, process=train)
    (group,) = served.get("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    recorded = dict(line.split(" ", 1) for line in RECORDED.read_text().splitlines())
    assert {name: " ".join(sorted(served.labels(name))) for name in recorded} == recorded


def panel(served, title):
    """Return the figures of a panel with one query, by the labels' values."""
    (query,) = [query for name, query in dashboard_queries() if name == title]
    return {tuple(labels.values()): figure for labels, figure in served.query(query)}


def test_the_figures_of_the_panels_are_those_of_the_processes(watched):
    served, _, train = watched

    def alive():
        (query,) = [query for name, query in dashboard_queries() if "alive" in name]
        return sorted((one["Name"], figure) for one, figure in served.query(query) if figure)

    there = [("BoardEnvRunner", 1.0), ("BoardEnvRunner", 2.0), ("SelfPlayTrainable", 1.0)]
    wait_until("three env runners and a trial", lambda: alive() == there, 60, process=train)
    busy = panel(served, "Share of the time spent sampling, by env runner").values()
    assert all(0.0 < share < 1.0 for share in busy)
    by_runner = sum(panel(served, "Moves per second, by env runner").values())
    by_node = sum(panel(served, "Moves sampled per second, by node").values())
    assert by_runner == pytest.approx(by_node, rel=0.2)


def test_an_env_runner_that_was_killed_is_a_restart_of_its_trial_and_of_its_number(
    watched, ray_folder
):
    served, _, train = watched
    restarts, by_runner = (
        "Restarts of env runners so far, by trial",
        "Restarts in the last hour, by env runner",
    )
    assert list(panel(served, restarts).values()) == [0.0]
    processes(ray_folder, "BoardEnvRunner")[0].kill()
    wait_until(
        "a restart",
        lambda: list(panel(served, restarts).values()) == [1.0],
        60,
        process=train,
        poll_s=0.3,
    )
    wait_until(
        "a second process of one env runner",
        lambda: sorted(panel(served, by_runner).values()) == [0.0, 0.0, 1.0],
        60,
        process=train,
        poll_s=0.3,
    )


def test_the_last_result_of_a_trial_that_hangs_grows_old_and_its_figures_stay(watched, ray_folder):
    served, _, train = watched
    age = "Age of the last result, by trial"

    def age_s():
        return next(iter(panel(served, age).values()), None)

    (trial,) = processes(ray_folder, "SelfPlayTrainable")
    trial.suspend()
    try:
        wait_until("an old result", lambda: (age_s() or 0.0) > STALE_S, 60, process=train)
        assert panel(served, "Exact NashConv of the most probable moves, by trial")
    finally:
        trial.resume()
    wait_until("a new result", lambda: (age_s() or STALE_S) < STALE_S / 2, 60, process=train)
