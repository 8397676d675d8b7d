"""Whole runs of the experiments: proofs for several seeds, kills, Ctrl-C and resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.commands import EXIT_S, FINISH_S, ROOT, run_command, start_command, wait_until
from ttt_rllib.runs.metrics_csv import MetricsCsv

PPO, DQN, PPO_PERFECT = (
    ROOT / "experiments" / f"{name}.yaml" for name in ("ppo", "dqn", "ppo_perfect")
)
MANY_MOVES = ("--set", "stop.consecutive_unexploitable_evals=null", "--set", "stop.moves=300000")

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Command:
    """A command that runs in the background, in a separate session.

    So a signal reaches the command alone. Its output goes to files, which can be read meanwhile.
    """

    process: subprocess.Popen[str]
    folder: Path

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; fail if the command ends before, or at the deadline."""

        def is_met() -> bool:
            has_ended = self.process.poll() is not None
            met = condition()
            assert met or not has_ended, f"ended early: {self.stdout}{self.stderr}"
            return met

        wait_until("the condition", is_met)

    def finish(self) -> tuple[int, str, str]:
        """Wait for the end, and return the exit code and the output."""
        code = self.process.wait(timeout=FINISH_S)
        return code, self.stdout, self.stderr


@pytest.fixture
def start(tmp_path_factory):
    """Return a function that starts the command; what still runs at the end is killed."""
    commands = []

    def start_training(*arguments):
        folder = tmp_path_factory.mktemp("command")
        with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
            process = start_command("train", *arguments, stdout=stdout, stderr=stderr)
        commands.append(Command(process, folder))
        return commands[-1]

    yield start_training
    for command in commands:
        command.process.kill()
        command.process.wait()


def has_rows(run, count):
    """Return a condition: the run has `count` metric rows."""

    def condition():
        files = list(run.glob("trials/*/metrics.csv"))
        return bool(files) and len(MetricsCsv(files[0]).rows()) >= count

    return condition


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
def test_an_experiment_proves_its_claim(start, tmp_path, experiment, seed, claim):
    command = start(experiment, "--storage", tmp_path, "--name", "a", "--set", f"seed={seed}")
    run = tmp_path / experiment.stem / "a"
    command.wait_until(has_rows(run, 1))
    children = psutil.Process(command.process.pid).children(recursive=True)
    assert len(children) > 2, "the driver's Ray"
    code, stdout, stderr = command.finish()
    assert code == 0, stderr
    _, alive = psutil.wait_procs(children, timeout=EXIT_S)
    assert alive == [], "Ray's processes end with the command"
    assert stdout.splitlines()[-1] == f"results: {run}"
    assert json.loads((run / "certificate.json").read_text())[claim] is True
    assert run_command("evaluate", run, "--require", claim).returncode == 0


def test_a_sigkilled_env_runner_loses_no_trial_and_no_row(start, tmp_path):
    command = start(PPO, "--storage", tmp_path, "--name", "a", *MANY_MOVES)
    run = tmp_path / "ppo" / "a"
    command.wait_until(has_rows(run, 3))
    runners = [
        child
        for child in psutil.Process(command.process.pid).children(recursive=True)
        if "BoardEnvRunner" in " ".join(child.cmdline())
    ]
    assert len(runners) == 2
    runners[0].send_signal(signal.SIGKILL)
    code, _, stderr = command.finish()
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
    start, tmp_path, experiment, send, moves
):
    limits = ("--set", "stop.consecutive_unexploitable_evals=null", "--set", f"stop.moves={moves}")
    assert start(experiment, "--storage", tmp_path, "--name", "whole", *limits).finish()[0] == 0
    command = start(experiment, "--storage", tmp_path, "--name", "cut", *limits)
    runs = tmp_path / experiment.stem
    run = runs / "cut"
    command.wait_until(has_rows(run, 5))
    # A terminal sends Ctrl-C to the whole process group, Kubernetes SIGTERM to the command.
    send(command.process.pid, signal.SIGINT if send is os.killpg else signal.SIGTERM)
    code, stdout, stderr = command.finish()
    assert code == 130
    assert f"resume with: ttt train --resume {run}" in stderr
    assert stdout.splitlines()[-1] == f"results: {run}"
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
    cut, _ = iterations_and_moves(run)
    assert len(cut) < len(iterations_and_moves(runs / "whole")[0])
    code, _, stderr = start("--resume", run).finish()
    assert code == 0, stderr
    assert iterations_and_moves(run) == iterations_and_moves(runs / "whole")
    hashes = [
        json.loads((runs / name / "certificate.json").read_text())["weights_sha256"]
        for name in ("whole", "cut")
    ]
    assert hashes[0] == hashes[1], "the very same agent"


def test_a_second_interrupt_ends_at_once(start, tmp_path):
    command = start(PPO, "--storage", tmp_path, "--name", "a", *MANY_MOVES)
    run = tmp_path / "ppo" / "a"
    command.wait_until(has_rows(run, 2))
    started_s = time.monotonic()
    command.process.send_signal(signal.SIGINT)
    # Two pending signals would be one.
    command.wait_until(lambda: "interrupted: saving a checkpoint" in command.stderr)
    command.process.send_signal(signal.SIGINT)
    code, stdout, stderr = command.finish()
    assert code == 130
    assert "Traceback" not in stderr
    assert f"resume with: ttt train --resume {run}" in stderr
    assert stdout.splitlines()[-1] == f"results: {run}"
    assert time.monotonic() - started_s < 30


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "Ray starts"),
        (signal.SIGTERM, "the run has its directory"),
        (signal.SIGINT, "the trial is set up"),
    ],
)
def test_an_interrupt_while_starting_exits_with_130_and_without_a_traceback(
    start, tmp_path, number, moment
):
    command = start(PPO, "--storage", tmp_path, "--name", "a")
    run = tmp_path / "ppo" / "a"
    conditions = {
        "Ray starts": lambda: "starting Ray" in command.stdout,
        "the run has its directory": run.is_dir,
        "the trial is set up": lambda: any(run.glob("trials/*")),
    }
    command.wait_until(conditions[moment])
    command.process.send_signal(number)
    code, _, stderr = command.finish()
    assert code == 130, stderr
    assert "interrupted" in stderr
    # A run that has a directory can be resumed.
    assert (f"ttt train --resume {run}" in stderr) == run.is_dir(), stderr
    assert "Traceback" not in stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_is_one_line_and_the_run_can_be_resumed_when_there_is_room(start, tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=450k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a file system")
    try:
        run = tmp_path / "ppo" / "a"
        command = start(PPO, "--storage", tmp_path, "--name", "a", *MANY_MOVES)
        code, stdout, stderr = command.finish()
        assert code == 1
        assert "No space left on device" in stderr
        assert "Traceback" not in stderr
        assert f"resume with: ttt train --resume {run}" in stderr
        assert stdout.splitlines()[-1] == f"results: {run}"
        subprocess.run(["mount", "-o", "remount,size=50m", str(tmp_path)], check=True)
        code, _, stderr = start("--resume", run).finish()
        assert code == 0, stderr
        _, moves = iterations_and_moves(run)
        assert moves[-1] >= 300_000
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
