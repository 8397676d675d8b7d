"""A command whose output nobody can read: a full disk, a pager that was left, a lost terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.commands import (
    ROOT,
    STARTED,
    finish,
    own_lines,
    shell,
    start_command,
    start_program,
    wait_until,
)
from tests.report.conftest import write_run

DEBUG = ROOT / "experiments" / "debug.yaml"
PPO = ROOT / "experiments" / "ppo.yaml"
FULL = "error: stdout: No space left on device"

COMMANDS = ("evaluate", "report", "play", "train", "runs", "compare")


@pytest.fixture(scope="module")
def run(tmp_path_factory, new_network, new_summary):
    """A run whose folder has a name that ASCII does not have."""
    folder = tmp_path_factory.mktemp("n\xe9") / "ppo" / "one"
    return write_run(folder, new_summary(), new_network()).path


def start(name, run, **options):
    words = (DEBUG, "--plan", "--storage", run) if name == "train" else (run,)
    return start_command(name, *words, **{"stdin": subprocess.DEVNULL, **options})


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_fails_a_command_because_its_result_is_lost(run, name):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = finish(start(name, run, stdout=full))
    assert (done.returncode, done.stderr.splitlines()) == (1, [FULL])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_has_left_ends_a_command_without_a_word(run, name):
    reading, writing = os.pipe()
    os.close(reading)
    process = start(name, run, stdout=writing)
    os.close(writing)
    done = finish(process)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_that_was_started_without_stdout_does_its_work(run, name):
    words = (DEBUG, "--plan", "--storage", run) if name == "train" else (run,)
    module = (sys.executable, "-m", f"ttt_rllib.{name}")
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&- </dev/null', "sh", *module, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=shell(),
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_encoding_of_a_stream_lacks_is_shown_by_its_number(run, name):
    done = finish(start(name, run, env={"PYTHONIOENCODING": "ascii"}))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    if name == "report":
        assert "n\\xe9" in done.stdout


def test_a_wrong_name_that_the_stream_lacks_is_one_line(tmp_path):
    done = finish(start("evaluate", tmp_path / "n\xe9\nx", env={"PYTHONIOENCODING": "ascii"}))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}/n\\xe9\\nx: no such folder")


@pytest.mark.long
def test_a_training_whose_reader_has_left_goes_on_to_its_end(tmp_path):
    reading, writing = os.pipe()
    process = start_command("train", DEBUG, "--storage", tmp_path, "--name", "a", stdout=writing)
    os.close(writing)
    # As `head -1` does: it reads its line, and is gone while the training still writes.
    with os.fdopen(reading) as reader:
        assert reader.readline()
    done = finish(process)
    assert (done.returncode, own_lines(done.stderr)) == (0, [])
    assert json.loads((tmp_path / "debug" / "a" / "summary.json").read_text())["status"] == "done"


def rows(run):
    file = next(iter(run.glob("trials/*/metrics.csv")), None)
    return file is not None and file.read_text().count("\n") > 2


@pytest.mark.long
def test_a_lost_terminal_saves_a_checkpoint_and_says_how_to_resume(tmp_path):
    limits = (
        "--set",
        "stop.consecutive_unexploitable_evals=null",
        "--set",
        "stop.moves=10_000_000",
    )
    # Whatever these tests run under may ignore the signal, as nohup does.
    program = (
        "import runpy, signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
        "runpy.run_module('ttt_rllib.train', run_name='__main__', alter_sys=True)"
    )
    process = start_program(program, PPO, "--storage", tmp_path, "--name", "a", *limits)
    run = tmp_path / "ppo" / "a"
    wait_until("two rows", lambda: rows(run), process=process)
    # The kernel signals the whole process group, Ray's processes with it.
    os.killpg(process.pid, signal.SIGHUP)
    done = finish(process)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert f"resume with: ttt train --resume {run}" in done.stderr
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
    assert any(run.glob("trials/*/checkpoint_*/complete.json"))


@pytest.mark.long
def test_under_nohup_a_lost_terminal_is_nothing_to_a_training(tmp_path):
    process = subprocess.Popen(
        ["nohup", sys.executable, "-m", "ttt_rllib.train", DEBUG, "--storage", tmp_path,
         "--name", "a", "--set", "stop.iterations=20"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=ROOT, env=shell(), start_new_session=True,
    )  # fmt: skip
    STARTED.append(process)
    run = tmp_path / "debug" / "a"
    wait_until("two rows", lambda: rows(run), process=process)
    os.killpg(process.pid, signal.SIGHUP)
    done = finish(process)
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "summary.json").read_text())["status"] == "done"
