"""Whole runs of the experiments: proof for several seeds, kills, Ctrl-C and resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ttt_rllib.runs.metrics_csv import MetricsCsv

ROOT = Path(__file__).parents[2]
PPO = ROOT / "experiments" / "ppo.yaml"
DQN = ROOT / "experiments" / "dqn.yaml"
PPO_PERFECT = ROOT / "experiments" / "ppo_perfect.yaml"
MANY_MOVES = ("--set", "stop.consecutive_unexploitable_evals=null", "--set", "stop.moves=300000")

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def start(*arguments):
    # In a session of its own, so that a signal reaches the command alone.
    return subprocess.Popen(
        [sys.executable, "-m", "ttt_rllib.train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A newcomer's shell, without what the tests themselves tell Ray.
        env={name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
    )


def finish(process):
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr


def wait_for_rows(run, count, process):
    """Wait until the run has `count` metric rows."""
    while process.poll() is None:
        files = list(run.glob("trials/*/metrics.csv"))
        if files and len(MetricsCsv(files[0]).rows()) >= count:
            return
        time.sleep(0.05)
    pytest.fail(f"the command ended early: {process.communicate()}")


def iterations_and_moves(run):
    rows = MetricsCsv(run / "metrics.csv").rows()
    iterations = [int(row["perf/iteration"]) for row in rows]
    moves = [int(row["play/moves"]) for row in rows]
    assert iterations == list(range(1, len(rows) + 1)), "no row lost or doubled"
    assert moves == sorted(set(moves))
    return iterations, moves


# All seeds: `python -m benchmarks seeds`.
SEEDS = [(PPO, 1, "unexploitable"), (DQN, 0, "unexploitable"), (PPO_PERFECT, 0, "perfect")]


@pytest.mark.parametrize(("experiment", "seed", "claim"), SEEDS)
def test_an_experiment_proves_what_it_is_for(tmp_path, experiment, seed, claim):
    process = start(experiment, "--storage", tmp_path, "--name", "a", "--set", f"seed={seed}")
    run = tmp_path / experiment.stem / "a"
    wait_for_rows(run, 1, process)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) > 2, "the driver's Ray"
    code, stdout, stderr = finish(process)
    assert code == 0, stderr
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == [], "Ray's processes end with the command"
    assert stdout.splitlines()[-1] == f"results: {run}"
    assert json.loads((run / "certificate.json").read_text())[claim] is True
    command = [sys.executable, "-m", "ttt_rllib.evaluate", str(run), "--require", claim]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_sigkilled_env_runner_loses_no_trial_and_no_row(tmp_path):
    process = start(PPO, "--storage", tmp_path, "--name", "a", *MANY_MOVES)
    run = tmp_path / "ppo" / "a"
    wait_for_rows(run, 3, process)
    names = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "BoardEnvRunner" in " ".join(child.cmdline())
    ]
    assert len(names) == 2
    names[0].send_signal(signal.SIGKILL)
    code, _, stderr = finish(process)
    assert code == 0, stderr
    _, moves = iterations_and_moves(run)
    assert moves[-1] >= 300_000
    assert json.loads((run / "summary.json").read_text())["status"] == "done"
    results = [json.loads(line) for line in next(run.glob("trials/*/result.json")).open()]
    assert {result["pid"] for result in results} == {results[0]["pid"]}, (
        "one trial, never restarted"
    )


@pytest.mark.parametrize(
    ("experiment", "send", "moves"),
    [(PPO, os.killpg, 300_000), (DQN, os.kill, 60_000)],
    ids=["ppo-ctrl-c", "dqn-sigterm"],
)
def test_an_interrupt_saves_a_checkpoint_says_how_to_resume_and_resume_equals_no_interrupt(
    tmp_path, experiment, send, moves
):
    limits = ("--set", "stop.consecutive_unexploitable_evals=null", "--set", f"stop.moves={moves}")
    whole = start(experiment, "--storage", tmp_path, "--name", "whole", *limits)
    assert finish(whole)[0] == 0
    process = start(experiment, "--storage", tmp_path, "--name", "cut", *limits)
    runs = tmp_path / experiment.stem
    run = runs / "cut"
    wait_for_rows(run, 5, process)
    # A terminal sends Ctrl-C to the whole process group, Kubernetes SIGTERM to the command.
    send(process.pid, signal.SIGINT if send is os.killpg else signal.SIGTERM)
    code, stdout, stderr = finish(process)
    assert code == 130
    assert f"python -m ttt_rllib.train --resume {run}" in stderr
    assert stdout.splitlines()[-1] == f"results: {run}"
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
    cut, _ = iterations_and_moves(run)
    assert len(cut) < len(iterations_and_moves(runs / "whole")[0])
    code, _, stderr = finish(start("--resume", run))
    assert code == 0, stderr
    assert iterations_and_moves(run) == iterations_and_moves(runs / "whole")
    hashes = [
        json.loads((runs / name / "certificate.json").read_text())["weights_sha256"]
        for name in ("whole", "cut")
    ]
    assert hashes[0] == hashes[1], "the very same agent"


def test_a_second_interrupt_ends_at_once(tmp_path):
    process = start(PPO, "--storage", tmp_path, "--name", "a", *MANY_MOVES)
    wait_for_rows(tmp_path / "ppo" / "a", 2, process)
    started_s = time.monotonic()
    for _ in range(2):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.01)
    code, stdout, stderr = finish(process)
    assert code == 130
    assert "Traceback" not in stderr
    assert "resume with: python -m ttt_rllib.train --resume" in stderr
    assert stdout.splitlines()[-1].startswith("results: ")
    assert time.monotonic() - started_s < 30


@pytest.mark.parametrize(
    ("number", "after_s"), [(signal.SIGINT, 2.0), (signal.SIGTERM, 5.0), (signal.SIGINT, 8.0)]
)
def test_an_interrupt_while_starting_exits_with_130_and_without_a_traceback(
    tmp_path, number, after_s
):
    process = start(PPO, "--storage", tmp_path, "--name", "a")
    resume = f"resume with: python -m ttt_rllib.train --resume {tmp_path / 'ppo' / 'a'}"
    time.sleep(after_s)
    process.send_signal(number)
    code, _, stderr = finish(process)
    assert code == 130, stderr
    assert stderr.splitlines()[-1] in ("interrupted", resume), stderr
    assert "Traceback" not in stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=450k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a file system")
    try:
        run = tmp_path / "ppo" / "a"
        code, stdout, stderr = finish(start(PPO, "--storage", tmp_path, "--name", "a", *MANY_MOVES))
        assert code == 1
        assert "No space left on device" in stderr
        assert "Traceback" not in stderr
        assert f"resume with: python -m ttt_rllib.train --resume {run}" in stderr
        assert stdout.splitlines()[-1] == f"results: {run}"
        subprocess.run(["mount", "-o", "remount,size=50m", str(tmp_path)], check=True)
        code, _, stderr = finish(start("--resume", run))
        assert code == 0, stderr
        _, moves = iterations_and_moves(run)
        assert moves[-1] >= 300_000
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
