"""Runs that are moved, copied, interrupted, failing or of another version, through the commands."""

import csv
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.commands import (
    THOROUGH,
    finish,
    free_port,
    own_lines,
    run_command,
    start_command,
    start_program,
    wait_until,
)
from ttt_rllib.cluster.head import asks_for_token
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.metrics_csv import MetricsCsv
from ttt_rllib.runs.record import read_run

pytestmark = [pytest.mark.field, pytest.mark.long]

TINY = """
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 1}
env_runners: {num_envs_per_env_runner: 64}
"""
ONE_TRIAL = TINY + "stop: {iterations: 3}"
SEARCH = (
    TINY
    + """
# Six trials, one after the other, each reproducible to the bit.
stop: {iterations: 40, consecutive_unexploitable_evals: 3, moves: 300_000}
checkpoint: {checkpoint_frequency: 3}
search:
  training.lr: {loguniform: [2e-4, 1e-2]}
  training.num_epochs: {randint: [1, 3]}
  model.hidden_sizes: {choice: [[16, 16], [32, 32]]}
  algorithm: optuna
  scheduler: asha
  num_samples: 6
  max_concurrent: 1
  asha: {grace_period: 15_000, reduction_factor: 2}
"""
)
DIVERGING = (
    TINY
    + """
# The second of three settings makes the weights diverge.
model: {hidden_sizes: [16, 16]}
stop: {iterations: 4, consecutive_unexploitable_evals: 3, moves: 300_000}
checkpoint: {checkpoint_frequency: 1}
search:
  training.lr: {grid: [1e-3, 1e30, 2e-3]}
  num_samples: 1
"""
)
POPULATION = (
    TINY
    + """
# A small population that is compared often.
model: {hidden_sizes: [16, 16]}
stop: {iterations: 60}
checkpoint: {checkpoint_frequency: 0, num_to_keep: 4}
search:
  training.lr: {loguniform: [1e-4, 1e-2]}
  algorithm: pbt
  scheduler: pbt
  objective: exact/nash_conv
  num_samples: 4
  max_concurrent: 4
  pbt: {perturbation_interval: 1_500, quantile_fraction: 0.5}
"""
)
CLOCKS = {metric.name for metric in METRICS if metric.name.startswith("perf/")}
KILLS = 3 if THOROUGH else 2


def train(folder, experiment, **options):
    """Start a training; its run is `folder / "results" / "case" / "run"`."""
    file = folder / "case.yaml"
    file.write_text(experiment)
    return start_command(
        "train", file, "--storage", folder / "results", "--name", "run", **options
    ), (folder / "results" / "case" / "run")


def resumed(run, *words, **options):
    return run_command("train", "--resume", run, *words, **options)


def table(run):
    """Return `trials.csv` without what clocks say."""
    with (run / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: row[name] for name in row if name not in CLOCKS} for row in rows]


def rows_of(run, trial):
    return MetricsCsv(run / "trials" / trial / "metrics.csv").rows()


def summary_of(run):
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


def checkpoints(run, trial):
    return sorted(path.name for path in (run / "trials" / trial).glob("checkpoint_*"))


def copied(run, target):
    """Copy a run as `cp -r` does: W&B's links may lead nowhere."""
    return shutil.copytree(run, target, symlinks=True)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A search of six with three trials over, ended by SIGTERM; it lies elsewhere since."""
    folder = tmp_path_factory.mktemp("interrupted")
    process, run = train(folder, SEARCH)
    fourth = run / "trials" / "00003" / "metrics.csv"

    # Two checkpoints: after 3 and 6 of 40 iterations.
    def has_begun():
        return fourth.is_file() and len(rows_of(run, "00003")) > 6

    wait_until("the fourth trial", has_begun, process=process)
    process.terminate()
    assert finish(process).returncode == 130
    shutil.move(run, folder / "kept")
    return folder / "kept", run


@pytest.fixture
def search(interrupted, tmp_path):
    """A copy of the interrupted search."""
    return copied(interrupted[0], tmp_path / "run")


# ---- moved and copied runs -------------------------------------------------------------------


def test_a_run_in_a_path_that_contains_its_old_one_resumes_from_its_checkpoints(
    interrupted, tmp_path
):
    """A pod's /results, brought home as ~/results."""
    kept, ran_at = interrupted
    run = tmp_path / ran_at.relative_to("/")
    copied(kept, run)
    before = {trial: checkpoints(run, trial) for trial in ("00000", "00001", "00002")}
    trained = rows_of(run, "00003")
    done = resumed(run)
    assert done.returncode == 0, done.stderr
    assert "unexploitable" in done.stdout or "loses" in done.stdout or "NashConv" in done.stdout
    assert before == {trial: checkpoints(run, trial) for trial in before}
    # The clocks show that what had been trained was not trained again.
    assert rows_of(run, "00003")[: len(trained)] == trained
    summary = summary_of(run)
    assert (summary["status"], len(table(run))) == ("done", 6)
    assert (run / summary["checkpoint"]).is_dir()
    assert summary["verdict"]


def test_copies_of_a_search_that_are_resumed_on_one_living_cluster_do_not_mix(
    interrupted, tmp_path
):
    copies = [copied(interrupted[0], tmp_path / f"copy-{number}") for number in range(3)]
    with cluster(tmp_path, RAY_AUTH_MODE="disabled") as address:
        together = [
            start_command("train", "--resume", copy, "--address", address) for copy in copies[:2]
        ]
        for process in together:
            done = finish(process)
            assert done.returncode == 0, done.stderr
        done = resumed(copies[2], "--address", address)
        assert done.returncode == 0, done.stderr
    first = table(copies[0])
    assert len(first) == 6
    for copy in copies:
        assert summary_of(copy)["status"] == "done"
        assert table(copy) == first
    assert len({summary_of(copy)["agent_sha256"] for copy in copies}) == 1


# ---- clusters and tokens ---------------------------------------------------------------------


@contextmanager
def cluster(folder, **variables) -> Iterator[str]:
    """Start a cluster with a head and nothing else, and give its address."""
    address = f"127.0.0.1:{free_port()}"
    head = (
        "import sys; from ray.scripts.scripts import main; "
        "sys.argv = ['ray', 'start', '--head', '--block', '--node-ip-address=127.0.0.1', "
        f"'--port={address.rpartition(':')[2]}', '--num-cpus=2', '--include-dashboard=false']; "
        "main()"
    )
    # Ray's sockets must have short names, and pytest's folders are long.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short:
        log = (folder / "head.log").open("w")
        environment = {"RAY_TMPDIR": short, "HOME": str(folder), **variables}
        process = start_program(head, env=environment, stdout=log, stderr=log)
        try:
            wait_until("the cluster", lambda: asks_for_token(address) is not None, process=process)
            wait_until("its node", lambda: "started" in (folder / "head.log").read_text())
            yield address
        finally:
            started = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            psutil.wait_procs([psutil.Process(process.pid), *started], timeout=20)
            for left in [one for one in started if one.is_running()]:
                left.kill()
            process.wait()


def test_a_cluster_without_authentication_trains_although_there_is_a_token_at_home(tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(secrets.token_hex(32))
    with cluster(tmp_path, RAY_AUTH_MODE="disabled") as address:
        assert asks_for_token(address) is False
        home = {"HOME": str(tmp_path)}
        process, run = train(tmp_path, ONE_TRIAL, env={**home, "RAY_ADDRESS": address})
        done = finish(process)
        assert done.returncode == 0, done.stderr
        assert summary_of(run)["status"] == "done"
        contrary = {**home, "RAY_AUTH_MODE": "token"}
        refused = run_command("train", tmp_path / "case.yaml", "--address", address, env=contrary)
        assert refused.returncode == 2
        (line,) = own_lines(refused.stderr)
        assert line.endswith("asks for no token, but RAY_AUTH_MODE is token; unset it")


def test_a_cluster_that_asks_for_a_token_trains_with_it_and_is_refused_without_it(tmp_path):
    token = secrets.token_hex(32)
    (tmp_path / "home").mkdir()
    home = {"HOME": str(tmp_path / "home")}
    with cluster(tmp_path, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token) as address:
        assert asks_for_token(address) is True
        address_only = {**home, "RAY_ADDRESS": address}
        process, run = train(tmp_path, ONE_TRIAL, env=address_only)
        refused = finish(process)
        assert refused.returncode == 2
        (line,) = own_lines(refused.stderr)
        assert "the cluster asks for a token; put it into RAY_AUTH_TOKEN" in line
        assert not run.exists()
        process, run = train(tmp_path, ONE_TRIAL, env={**address_only, "RAY_AUTH_TOKEN": token})
        done = finish(process)
        assert done.returncode == 0, done.stderr
        assert summary_of(run)["status"] == "done"


# ---- another version -------------------------------------------------------------------------


def test_a_run_of_another_version_keeps_its_rows_under_their_headers_and_ends(search):
    file = search / "trials" / "00003" / "metrics.csv"
    rows = rows_of(search, "00003")
    columns = [name for name in rows[0] if name != "perf/learn_s"]
    with file.open("w", newline="", encoding="utf-8") as written:
        writer = csv.DictWriter(written, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    summary = summary_of(search)
    del summary["sessions"]
    (search / "summary.json").write_text(json.dumps(summary))
    done = resumed(search)
    assert done.returncode == 0, done.stderr
    with file.open(newline="", encoding="utf-8") as written:
        assert len({len(row) for row in csv.reader(written)}) == 1
    later = rows_of(search, "00003")
    for old, row in zip(rows, later, strict=False):
        assert {name: row[name] for name in columns} == {name: old[name] for name in columns}
        assert row["perf/learn_s"] == ""
    assert later[-1]["perf/learn_s"]
    assert len(summary_of(search)["sessions"]) == 2


# ---- which agent is meant --------------------------------------------------------------------


def sha_of(folder):
    return json.loads((folder / "agent.json").read_text())["agent_sha256"]


def agents_of(run, exported):
    """Return the hashes of the agent that each command takes."""
    evaluated = run_command("evaluate", run, "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    done = run_command("export", run, "--to", exported)
    assert done.returncode == 0, done.stderr
    assert run_command("report", run).returncode == 0
    return {
        json.loads(evaluated.stdout)["agent_sha256"],
        sha_of(exported),
        read_run(RunDir(run)).bundle.agent_sha256,
    }


@pytest.mark.parametrize("was_killed", [False, True], ids=["interrupted", "killed"])
def test_every_command_takes_the_same_agent_of_a_search_whatever_the_file_times(
    search, tmp_path, was_killed
):
    if was_killed:
        shutil.rmtree(search / "agent")
        for name in ("summary.json", "certificate.json", "trials.csv", "metrics.csv"):
            (search / name).unlink()
    (agent,) = agents_of(search, tmp_path / "exported")
    if not was_killed:
        assert agent == sha_of(search / "agent") == summary_of(search)["agent_sha256"]
        assert agent == json.loads((search / "certificate.json").read_text())["agent_sha256"]
    paths = sorted(search.rglob("*"))
    for number, order in enumerate((paths, paths[::-1])):
        for seconds, path in enumerate(order, 1_000_000_000):
            os.utime(path, (seconds, seconds), follow_symlinks=False)
        assert agents_of(search, tmp_path / f"exported-{number}") == {agent}


# ---- failing trials --------------------------------------------------------------------------


def failures(run, trial):
    return (run / "trials" / trial / "error.txt").read_text().count("Failure #")


def test_a_search_with_a_failed_trial_is_not_done_and_tries_it_again_when_resumed(tmp_path):
    process, run = train(tmp_path, DIVERGING)
    done = finish(process)
    assert done.returncode == 1
    said = own_lines(done.stderr)
    failed = "1 of 3 trials failed; the first, 00001: "
    assert said[-1] == f"resume with: ttt train --resume {run}"
    assert said[-2].startswith(f"error: {failed}")
    assert done.stdout.splitlines()[-1] == f"results: {run}"
    summary = summary_of(run)
    assert summary["status"] == "failed"
    assert summary["error"].startswith(failed)
    assert summary["search"]["statuses"] == {"done": 2, "failed": 1}
    # The weights would diverge again, so that one failure is enough.
    assert failures(run, "00001") == 1
    assert any((run / ".state").iterdir())
    again = resumed(run)
    assert again.returncode == 1
    assert "trying again what failed: trial 00001" in again.stderr
    assert failures(run, "00001") == 1, "one in every session"
    assert summary_of(run)["search"]["statuses"] == {"done": 2, "failed": 1}
    assert [row["status"] for row in table(run)] == ["done", "failed", "done"]


# ---- a population that is killed -------------------------------------------------------------


def test_a_population_that_was_killed_often_has_every_iteration_and_exploit_once(
    tmp_path,
):
    process, run = train(tmp_path, POPULATION)

    def exploits():
        return {
            path.parent.name: [int(row["iteration"]) for row in csv.DictReader(path.open())]
            for path in run.glob("trials/*/exploits.csv")
        }

    def count():
        return sum(len(one) for one in exploits().values())

    for _ in range(KILLS):
        enough = count() + 3
        wait_until("exploits", lambda n=enough: count() >= n, process=process)
        process.kill()
        process.wait()
        process = start_command("train", "--resume", run)
    done = finish(process)
    assert done.returncode == 0, done.stderr
    assert summary_of(run)["status"] == "done"
    assert exploits()
    for trial, iterations in exploits().items():
        assert iterations == sorted(set(iterations)), trial
    for trial in ("00000", "00001", "00002", "00003"):
        iterations = [int(row["perf/iteration"]) for row in rows_of(run, trial)]
        assert iterations == sorted(set(iterations)), trial
        assert iterations[-1] == 60
    assert len(summary_of(run)["sessions"]) == KILLS + 1
