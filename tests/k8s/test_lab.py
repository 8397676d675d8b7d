"""Everything on a real Kubernetes with a real node; `k8s/test.sh` makes it and runs this.

The tests follow one another: a Job, the Minikube Deployment, a head that is killed with Redis, then
one search of six trials during which pods are added and killed. Times to recover are logged:
docs/experiments.md has them.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.commands import run_command, wait_until
from tests.k8s.lab import IN_POD, ROOT, Namespace, results, rows
from tests.k8s.queries import dashboard_queries

pytestmark = pytest.mark.cluster

# A question to the cluster is a process that takes its share of the cores.
wait_for = partial(wait_until, poll_s=1.0)

TIMES = logging.getLogger("times")
NODE_PORT = "http://127.0.0.1:30000"
PROMETHEUS = "127.0.0.1:9099"
TRIALS, ITERATIONS = 6, 200
RUN = "search_ppo/ttt-train"


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    for parent in (folder, *folder.parents):
        # The pods' user comes through the folders that pytest keeps to itself.
        if parent.is_relative_to(tmp_path_factory.getbasetemp().parent):
            parent.chmod(0o755)
    return folder


@pytest.fixture
def namespace(request, volumes):
    made = []

    def make(name):
        made.append(Namespace(name, volumes))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture(scope="module")
def search(volumes):
    cluster = Namespace("search", volumes)
    cluster.apply("tests", "k8s", "search")
    yield cluster
    cluster.remove()


def status(url, *, token=None, body=None):
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as got:  # noqa: S310 - http to this machine
            return got.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_job_completes_though_its_pod_was_killed_and_the_agent_is_unexploitable(namespace):
    job = namespace("job")
    job.apply("k8s", "overlays", "job")
    run = job.results / "ppo" / "ttt-train"
    wait_for("the run begins", (run / "experiment.yaml").is_file, 120)
    first = job.kill("job")
    wait_for("the Job completes", job.done, 240)
    assert [pod["metadata"]["name"] for pod in job.pods("job")] != [first["metadata"]["name"]]
    assert json.loads((run / "certificate.json").read_text())["unexploitable"] is True
    evaluated = run_command("evaluate", run, "--require", "unexploitable")
    assert evaluated.returncode == 0, evaluated.stderr


def test_the_dashboard_on_port_30000_and_its_jobs_are_for_who_has_the_token(namespace):
    minikube = namespace("minikube")
    minikube.apply("k8s", "overlays", "minikube")
    minikube.run("rollout", "status", "deploy/ttt-rllib", "--timeout=180s")
    token, jobs, entry = minikube.token(), f"{NODE_PORT}/api/jobs/", {"entrypoint": "id"}
    assert len(token) == 64
    assert status(jobs) == 401
    assert status(jobs, body=entry) == 401
    assert status(jobs, token="0" * 64, body=entry) in {401, 403}
    assert status(jobs, token=token) == 200
    assert status(jobs, token=token, body=entry) == 200
    in_pod = ("exec", "deploy/ttt-rllib", "--", "sh", "-c")
    assert minikube.run(*in_pod, "id -u").strip() == "10001"
    assert minikube.run(*in_pod, "touch /app/x /x 2>/dev/null || echo refused").strip() == "refused"
    assert "CapEff:\t0000000000000000" in minikube.run(*in_pod, "cat /proc/1/status")
    minikube.apply("tests", "k8s", "page")
    minikube.run("rollout", "status", "deploy/ttt-play", "--timeout=60s")
    page = "http://ttt-play/api/agents"
    assert "perfect" in minikube.run("exec", "deploy/ttt-rllib", "--", "python", "-c", IN_POD, page)
    told = minikube.run("describe", "all") + minikube.run("logs", "deploy/ttt-rllib")
    assert token not in told
    assert token not in minikube.run("get", "deploy,rs,pod,svc,pvc,sa", "-o", "yaml")


def test_with_redis_a_killed_head_ends_no_trial(namespace):
    cluster = namespace("redis")
    subprocess.run([ROOT / "k8s" / "token.sh", "redis", "-n", "redis"], check=True)
    cluster.apply("tests", "k8s", "redis")
    trial = cluster.results / "ppo" / "ttt-train" / "trials" / "00000"
    wait_for("the first rows", lambda: len(rows(trial)) > 20, 240)
    (driver,) = cluster.pods("driver")
    began_s = time.time()
    cluster.kill("head")
    cluster.run("rollout", "status", "deploy/ttt-head", "--timeout=180s")
    head_s, before = time.time() - began_s, len(rows(trial))
    wait_for("new rows", lambda: len(rows(trial)) > before + 10, 240)
    wait_for("the Job completes", cluster.done, 240)
    times_s = [one["timestamp"] for one in results(trial)]
    still_s = max(after - first for first, after in pairwise(times_s))
    TIMES.info(
        "with Redis: a new head after %.0f s, the trial stood still for %d s", head_s, still_s
    )
    assert [int(row["perf/iteration"]) for row in rows(trial)] == list(range(1, 401))
    # One process played all of them, none of them twice, for one driver.
    assert [one["training_iteration"] for one in results(trial)] == list(range(1, 401))
    assert len({(one["hostname"], one["pid"]) for one in results(trial)}) == 1
    assert [pod["metadata"]["name"] for pod in cluster.pods("driver")] == [
        driver["metadata"]["name"]
    ]


def test_the_image_holds_no_secret_no_compiler_and_stays_small():
    image = "docker.io/library/ttt-rllib:dev"
    shown = json.loads(podman("image", "inspect", image))[0]
    assert shown["Size"] < 1.6e9
    assert shown["Config"]["User"] == "10001:10001"
    assert shown["Config"]["Entrypoint"] == ["ttt"]
    assert shown["Config"]["Cmd"] == ["train", "experiments/ppo.yaml"]
    assert "8265/tcp" in shown["Config"]["ExposedPorts"]
    names = " ".join(shown["Config"]["Env"]) + podman("history", "--no-trunc", image)
    for secret in ("RAY_AUTH_TOKEN=", "API_KEY", "PASSWORD"):
        assert secret not in names
    # As on OpenShift.
    anyone = ("--rm", "--network=none", "--user=1000690000:0", "--entrypoint=sh")
    write = "touch /results/x /home/ttt/x && ttt train experiments/debug.yaml --plan"
    assert "plan: 1 trial" in podman("run", *anyone, image, "-c", write)
    look = "ls /venv/bin | grep -x pip; command -v gcc cc strip; find / -name auth_token -xdev"
    found = podman("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", f"{look}; true")
    assert found == ""


def podman(*words):
    return subprocess.run(["podman", *words], capture_output=True, text=True, check=True).stdout


def trials(search):
    return sorted(path for path in (search.results / RUN / "trials").glob("*") if path.is_dir())


def written(search):
    return {trial.name: len(rows(trial)) for trial in trials(search)}


def unfinished(search):
    """The trials that are under way; waits until there is one."""

    def under_way():
        # Tune writes its result a moment after our row.
        begun = (trial for trial in trials(search) if results(trial))
        return [trial for trial in begun if 0 < len(rows(trial)) < ITERATIONS - 10]

    return wait_for("a trial is under way", under_way, 240)


def recovered_s(search, what, stopped, began_s, since):
    """Return the seconds until each of the stopped trials has a result of after `since()`."""

    def again():
        start_s = since()
        return start_s and all(
            # A trial without a checkpoint starts again, and so does its file.
            any(one["timestamp"] > start_s for one in results(trial)[-1:])
            or len(rows(trial)) == ITERATIONS
            for trial in stopped
        )

    wait_for(f"{what} is overcome", again, 240)
    took_s = time.time() - began_s
    TIMES.info("%s: %d trials went on after %.0f s", what, len(stopped), took_s)
    return took_s


def test_one_worker_holds_all_env_runners_and_a_storage_that_it_does_not_see_is_refused(search):
    wait_for("the first rows", lambda: sum(written(search).values()) > 20, 240)
    (worker,) = search.pods("worker")
    assert search.runner_addresses() == {worker["status"]["podIP"]}
    alone = "ttt train experiments/debug.yaml --address auto --storage /tmp/mine; echo exit $?"
    said = search.run("exec", "job/ttt-train", "--", "sh", "-c", f"({alone}) 2>&1")
    assert "exit 2" in said
    assert f"node {worker['status']['podIP']} does not see it; mount the same volume" in said


def test_a_driver_that_is_asked_to_end_saves_every_trial_first(search):
    search.run("scale", "deploy/ttt-worker", "--replicas=3")
    (driver,) = search.pods("driver")
    before = {trial: len(rows(trial)) for trial in unfinished(search)}
    began_s = time.time()
    search.run("delete", "pod", driver["metadata"]["name"], "--wait=true")
    TIMES.info("SIGTERM to the driver: gone after %.0f s", time.time() - began_s)
    for trial, number in before.items():
        saved = max(path.stat().st_mtime for path in trial.glob("checkpoint_*"))
        assert saved >= began_s - 1, f"{trial.name}: no checkpoint after SIGTERM"
        assert len(rows(trial)) >= number


def test_three_workers_share_the_trials(search):
    wait_for("3 workers", lambda: len(search.pods("worker")) == 3, 60)
    with_runners = set()

    def all_seen():
        with_runners.update(search.runner_addresses())
        return with_runners >= {pod["status"].get("podIP") for pod in search.pods("worker")}

    wait_for("env runners on every worker", all_seen, 300)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus")
def test_every_query_of_the_dashboard_has_data_of_this_run(search, tmp_path):
    pods = [pod for part in ("head", "worker", "driver") for pod in search.pods(part)]
    targets = [f"{pod['status']['podIP']}:8080" for pod in pods]
    scrape = {"job_name": "pods", "static_configs": [{"targets": targets}]}
    config = {"global": {"scrape_interval": "2s"}, "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    init = (Path(os.environ["K8S_RUN"]) / "init.pid").read_text().strip()
    inside = ["nsenter", "-t", init, "-n"]
    files = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    command = [*inside, "prometheus", *files, f"--web.listen-address={PROMETHEUS}"]
    queries = [query for _, query in dashboard_queries()]

    def has_data(query):
        ask = [*inside, "promtool", "query", "instant", f"http://{PROMETHEUS}", query]
        said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        return "=>" in said and "NaN" not in said

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as prometheus:
        try:
            for query in queries:
                wait_for(query, partial(has_data, query), 60)
        finally:
            prometheus.terminate()


def test_a_killed_worker_costs_its_trials_no_row(search):
    began_s = time.time()
    stopped = unfinished(search)[:1]
    search.kill("worker", results(stopped[0])[-1]["node_ip"])
    recovered_s(search, "SIGKILL to a worker", stopped, began_s, lambda: began_s + 3)


def test_a_killed_driver_costs_no_row(search):
    stopped = unfinished(search)
    began_s = time.time()
    search.kill("driver")
    recovered_s(search, "SIGKILL to the driver", stopped, began_s, lambda: began_s + 3)


def test_a_killed_head_costs_no_row(search):
    stopped = unfinished(search)
    began_s = time.time()
    search.kill("head")

    def driver_ended_s():
        states = [
            one["state"].get("terminated", {}).get("finishedAt")
            for pod in search.pods("driver")
            for one in pod["status"].get("containerStatuses", [])
        ]
        ended = [datetime.fromisoformat(state).timestamp() for state in states if state]
        return max((end for end in ended if end > began_s), default=None)

    recovered_s(search, "SIGKILL to the head", stopped, began_s, driver_ended_s)


def test_the_search_is_complete_with_every_row_of_every_trial_once(search):
    wait_for("the search completes", search.done, 600)
    summary = json.loads((search.results / RUN / "summary.json").read_text())
    assert summary["status"] == "done"
    assert len(trials(search)) == TRIALS
    for trial in trials(search):
        iterations = [int(row["perf/iteration"]) for row in rows(trial)]
        assert iterations == list(range(1, ITERATIONS + 1)), trial.name
        moves = [int(row["play/moves"]) for row in rows(trial)]
        assert moves == sorted(set(moves)), trial.name
    table = (search.results / RUN / "trials.csv").read_text().splitlines()
    addresses = {one["node_ip"] for trial in trials(search) for one in results(trial)}
    assert len(addresses) >= 3, "the trials spread over the workers"
    statuses = Counter(line.split(",")[1] for line in table[1:])
    assert statuses == {"done": TRIALS}


def test_no_log_and_no_description_of_the_search_shows_the_token(search):
    token = search.token()
    for part in ("head", "worker", "driver"):
        chosen = f"app.kubernetes.io/component={part}"
        assert token not in search.run("logs", "-l", chosen, "--tail=-1", check=False)
    assert token not in search.run("describe", "all")
