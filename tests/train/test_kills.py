"""SIGKILL of the driver at any moment: a search that was killed equals one that was not.

The moments are random; `KILLS_SEED=... pytest -m long tests/train/test_kills.py` repeats those of
a failure, whose seed the test prints. `THOROUGH=1` kills more often.
"""

import csv
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.commands import EXIT_S, THOROUGH, start_command, start_program
from ttt_rllib.runs.metrics_csv import MetricsCsv

pytestmark = pytest.mark.long

KILLS = 10 if THOROUGH else 3
ITERATIONS = 24
MAX_DELAY_S = 4.0
"""The latest moment of a kill after the rows it waits for, where it waits for none."""

KILLED_BEFORE_SUMMARY = """
import os, runpy, signal, sys

def kill_at_the_summary(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("summary.json"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill_at_the_summary)
runpy.run_module("ttt_rllib.train", run_name="__main__", alter_sys=True)
"""
"""Runs the command, and kills it at the moment at which its summary would appear."""

SEARCH = """
# Ten short trials, each reproducible to the bit.
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 1}
env_runners: {num_envs_per_env_runner: 64}
evaluation: {evaluation_interval: 2}
stop: {iterations: ITERATIONS}
checkpoint: {checkpoint_frequency: 3}
search:
  training.lr: {loguniform: [2e-4, 1e-2]}
  model.hidden_sizes: {choice: [[16, 16], [32, 32]]}
  num_samples: 5
  num_seeds: 2
""".replace("ITERATIONS", str(ITERATIONS))


def start(*arguments, log):
    return start_command("train", *arguments, stdout=log, stderr=subprocess.STDOUT)


def table(run):
    with (run / "trials.csv").open(encoding="utf-8") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def start_or_resume(experiment, run, log):
    """Start the run, or resume it if it has ever begun."""
    if (run / "experiment.yaml").is_file():
        return start("--resume", run, log=log)
    return start(experiment, *place(run), log=log)


def place(run):
    return ("--storage", run.parent.parent, "--name", run.name)


def assert_equal_runs(actual, expected):
    """The same trials with the same figures and all rows; only clocks may differ."""
    assert list(table(actual)) == list(table(expected))
    clocks = {name for name in MetricsCsv.COLUMNS if name.startswith("perf/")}
    clocks -= {"perf/iteration"}
    for trial, row in table(expected).items():
        same = {name: value for name, value in row.items() if name not in clocks}
        assert {name: table(actual)[trial][name] for name in same} == same
        rows = MetricsCsv(actual / "trials" / trial / "metrics.csv").rows()
        assert [int(one["perf/iteration"]) for one in rows] == list(range(1, ITERATIONS + 1))
    kept = [path.name for path in actual.glob("trials/*/checkpoint_*")]
    assert len(kept) == 2 * len(table(expected)), "two are kept per trial, and none is left over"


def count_rows(run):
    """Rows of all trials so far."""
    return sum(
        path.read_text(encoding="utf-8").count("\n") for path in run.glob("trials/*/metrics.csv")
    )


def test_after_many_sigkills_searches_equal_the_undisturbed_one_in_trials_moves_and_rows(tmp_path):
    experiment = tmp_path / "search.yaml"
    experiment.write_text(SEARCH)
    log = (tmp_path / "log.txt").open("w")
    whole = tmp_path / "search" / "whole"
    assert start_or_resume(experiment, whole, log).wait() == 0
    all_rows = count_rows(whole)
    # Any moment must do, so every run of the test takes other ones.
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"repeat with KILLS_SEED={seed}")  # noqa: T201 - pytest shows it if the test fails
    moments = random.Random(seed)
    killed, kills, children = [tmp_path / "search" / "killed-0"], 0, []
    while kills < KILLS:
        rows = count_rows(killed[-1])
        # Up to twice the share of each kill in the rows that are left: all kills find work to undo.
        target = rows + moments.randint(0, 2 * (all_rows - rows) // (KILLS - kills + 1))
        later_s = moments.uniform(0.0, MAX_DELAY_S if target == rows else 0.2)
        driver = start_or_resume(experiment, killed[-1], log)
        while driver.poll() is None and count_rows(killed[-1]) < target:
            time.sleep(0.02)
        try:
            assert driver.wait(timeout=later_s) == 0
            killed.append(tmp_path / "search" / f"killed-{len(killed)}")
        except subprocess.TimeoutExpired:
            children += psutil.Process(driver.pid).children(recursive=True)
            driver.kill()
            driver.wait()
            kills += 1
    assert start_or_resume(experiment, killed[-1], log).wait() == 0, Path(log.name).read_text()
    for run in killed:
        assert_equal_runs(run, whole)
    # Ray's processes notice within about three seconds that their driver was killed.
    _, alive = psutil.wait_procs(children, timeout=EXIT_S)
    assert not alive
    assert len(children) > 2 * KILLS


@pytest.mark.parametrize("is_search", [False, True], ids=["one trial", "search"])
def test_a_driver_killed_after_the_last_trial_ended_completes_the_run_when_resumed(
    tmp_path, is_search
):
    experiment = tmp_path / "short.yaml"
    training, search = SEARCH.replace("num_samples: 5", "num_samples: 1").split("search:")
    experiment.write_text(f"{training}search:{search}" if is_search else training)
    log = (tmp_path / "log.txt").open("w")
    run = tmp_path / "short" / "a"
    driver = start_program(
        KILLED_BEFORE_SUMMARY, experiment, *place(run), stdout=log, stderr=subprocess.STDOUT
    )
    assert driver.wait() == -signal.SIGKILL, Path(log.name).read_text()
    assert (run / "agent").is_dir()
    assert not (run / "summary.json").exists()
    assert start_or_resume(experiment, run, log).wait() == 0, Path(log.name).read_text()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "done"
    assert summary["metrics"]["perf/iteration"] == ITERATIONS
    if is_search:
        assert summary["search"]["statuses"] == {"done": 2}
        assert "2 of 2 trials done" in Path(log.name).read_text()
    # A kill between the summary and the report does not leave a run without a report either.
    (run / "report.html").unlink()
    assert start_or_resume(experiment, run, log).wait() == 0
    assert (run / "report.html").is_file()
