"""The last lines of a run: only what can be done with it, and short enough for a terminal."""

import shlex
import subprocess
import sys

import pytest

from ttt_rllib.runs.directory import RunDir
from ttt_rllib.train.next_steps import next_steps, resume_command

RUN_ID = "20261129-145954"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with everything, below the working directory."""
    monkeypatch.chdir(tmp_path)
    run = RunDir(tmp_path / "results" / "ppo" / RUN_ID)
    (run.trials / "00000").mkdir(parents=True)
    (run.trials / "00000" / "events.out.tfevents.1").touch()
    run.agent.mkdir()
    run.report.touch()
    (run.path / "wandb" / "offline-run-1").mkdir(parents=True)
    return run


def test_everything_that_applies_is_named_within_eighty_columns(run):
    folder = f"results/ppo/{RUN_ID}"
    assert next_steps(run, 80) == [
        f"report  {folder}/report.html",
        f"play    ttt play {folder}",
        f"curves  tensorboard --logdir {folder}/trials",
        f"W&B     wandb sync {folder}/wandb/offline-run-*",
    ]
    assert max(map(len, next_steps(run, 80))) <= 80


def test_the_best_settings_of_a_search_can_be_trained_again(run):
    run.best.touch()
    command = f"ttt train results/ppo/{RUN_ID}/best.yaml"
    assert next_steps(run, 80)[2] == f"best    {command}"
    assert next_steps(run, 40)[2] == command


def test_in_forty_columns_only_the_commands_are_shown(run):
    lines = next_steps(run, 40)
    assert [line.split()[0] for line in lines[1:]] == ["ttt", "tensorboard", "wandb"]
    assert max(map(len, lines[:2])) <= 40


def test_what_is_not_there_is_not_named(run):
    (run.path / "wandb" / "offline-run-1").rmdir()
    run.agent.rmdir()
    run.report.unlink()
    assert next_steps(run, 80) == [f"curves  tensorboard --logdir results/ppo/{RUN_ID}/trials"]
    assert next_steps(RunDir(run.path / "empty"), 80) == []


def test_a_shell_reads_the_commands_as_they_are_meant(tmp_path):
    run = RunDir(tmp_path / "my results" / "it's")
    run.agent.mkdir(parents=True)
    (command,) = next_steps(run, 40)
    assert shlex.split(command) == ["ttt", "play", str(run.path)]
    assert shlex.split(resume_command(run)) == ["ttt", "train", "--resume", str(run.path)]


def test_a_shell_finds_the_files_of_wandb(tmp_path):
    run = RunDir(tmp_path / "my results")
    (run.path / "wandb" / "offline-run-1").mkdir(parents=True)
    (command,) = next_steps(run, 40)
    show = f"{shlex.quote(sys.executable)} -c 'import sys; print(*sys.argv[1:], sep=chr(10))'"
    words = command.removeprefix("wandb sync ")
    done = subprocess.run(f"{show} {words}", shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    assert done.stdout == f"{run.path / 'wandb' / 'offline-run-1'}\n"
