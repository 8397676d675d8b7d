"""SIGKILL of the driver at random moments: a search that was killed equals one that was not."""

import csv
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ttt_rllib.rundir import MetricsFile

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

KILLS = 10
SEARCH = """
# Ten short trials, each reproducible to the bit.
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 1}
env_runners: {num_envs_per_env_runner: 64}
evaluation: {exact_interval: 2}
stop: {iterations: 48}
checkpoint: {checkpoint_frequency: 3}
search:
  training.lr: {loguniform: [2e-4, 1e-2]}
  model.hiddens: {choice: [[16, 16], [32, 32]]}
  num_samples: 5
  seeds: 2
"""


def start(*arguments, log):
    return subprocess.Popen(
        [sys.executable, "-m", "ttt_rllib.train", *map(str, arguments)],
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def table(run):
    with (run / "trials.csv").open(encoding="utf-8") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def orphans(session_started_s):
    """Processes of Ray that were started since and outlived their driver."""
    found = []
    for process in psutil.process_iter(["name", "create_time", "cmdline"]):
        name = " ".join(process.info["cmdline"] or ())
        if process.info["create_time"] >= session_started_s and "SelfPlayTrial" in name:
            found.append(name)
    return found


def test_after_ten_sigkills_a_search_equals_the_undisturbed_one_in_trials_moves_and_rows(tmp_path):
    experiment = tmp_path / "search.yaml"
    experiment.write_text(SEARCH)
    log = (tmp_path / "log.txt").open("w")
    begun_s = time.time()
    whole = start(experiment, "--storage", tmp_path, "--name", "whole", log=log)
    assert whole.wait() == 0
    needed_s = time.time() - begun_s
    moments = random.Random()  # any moment must do, so there is no seed
    killed = tmp_path / "search" / "killed"
    starting = (experiment, "--storage", tmp_path, "--name", "killed")
    for _ in range(KILLS):
        arguments = ("--resume", killed) if (killed / "experiment.yaml").is_file() else starting
        driver = start(*arguments, log=log)
        with pytest.raises(subprocess.TimeoutExpired):
            driver.wait(timeout=moments.uniform(0.1, 0.55) * needed_s)
        driver.kill()
        driver.wait()
    arguments = ("--resume", killed) if (killed / "experiment.yaml").is_file() else starting
    assert start(*arguments, log=log).wait() == 0, Path(log.name).read_text()

    expected, actual = table(tmp_path / "search" / "whole"), table(killed)
    assert list(actual) == list(expected)
    clocks = {name for row in expected.values() for name in row if name.startswith("perf/")}
    clocks -= {"perf/iteration"}
    for trial, row in expected.items():
        same = {name: value for name, value in row.items() if name not in clocks}
        assert {name: actual[trial][name] for name in same} == same
        rows = MetricsFile(killed / "trials" / trial / "metrics.csv").rows()
        assert [int(float(one["perf/iteration"])) for one in rows] == list(range(1, 49))
    kept = [path.name for path in killed.glob("trials/*/checkpoint_*")]
    assert len(kept) == 2 * len(expected), "two checkpoints a trial are kept, none forgotten"
    assert not orphans(begun_s)
