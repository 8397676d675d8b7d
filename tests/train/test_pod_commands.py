"""The options of `train` for pods: start or resume, show the dashboard, wait for the cluster."""

from __future__ import annotations

import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.commands import free_port, run_command, start_command, start_program
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.runs.directory import RunDir, create_run_dir

ROOT = Path(__file__).parents[2]
DEBUG = ROOT / "experiments" / "debug.yaml"
HOLD = (
    "from pathlib import Path; import sys; from ttt_rllib.runs.lock import run_lock\n"
    "with run_lock(Path(sys.argv[1]), 0.0): print('held', flush=True); input()\n"
)
TOKEN = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--resume-if-exists"], "--resume-if-exists: which run? give its --name"),
        (
            ["--keep-dashboard"],
            "--keep-dashboard: there is none; add --set ray.include_dashboard=true",
        ),
        (
            ["--keep-dashboard", "--set", "ray.include_dashboard=true", "--address", "auto"],
            "--keep-dashboard: the cluster of --address has its own",
        ),
    ],
)
def test_what_cannot_be_meant_exits_with_2_and_one_line(tmp_path, arguments, expected):
    done = run_command("train", DEBUG, "--storage", tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (2, f"error: {expected}\n")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_file_is_read_before_anything_else(tmp_path):
    (tmp_path / "env").write_text("nonsense\n")
    done = run_command("train", "--help", env={"TTT_ENV_FILE": str(tmp_path / "env")})
    assert (done.returncode, done.stderr) == (
        2,
        f"error: {tmp_path}/env, line 1: is not KEY=VALUE\n",
    )


def test_a_folder_of_that_name_that_is_no_run_is_left_alone(tmp_path):
    foreign = tmp_path / "debug" / "pod"
    foreign.mkdir(parents=True)
    (foreign / "thesis.tex").write_text("years of work")
    done = run_command("train", DEBUG, "--storage", tmp_path, "--name", "pod", "--resume-if-exists")
    assert done.returncode == 2
    assert "not a run directory; it has no experiment.yaml" in done.stderr
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]


@pytest.fixture
def held_run(tmp_path):
    """A run that another process is at work on."""
    run = RunDir(tmp_path / "debug" / "pod")
    create_run_dir(run, load_experiment(DEBUG))
    with start_program(HOLD, run.path, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == "held\n"
        yield run
        process.kill()


@pytest.mark.parametrize(("wait", "code"), [((), 2), (("--wait", "1"), 1)])
def test_a_pod_that_waits_in_vain_for_another_one_is_to_be_started_again(
    held_run, tmp_path, wait, code
):
    """Exit code 2 would fail its Job for good."""
    same = (DEBUG, "--storage", tmp_path, "--name", "pod", "--resume-if-exists")
    done = run_command("train", *same, *wait)
    assert done.returncode == code
    assert "is at work on it; end that first" in done.stderr


def test_a_pod_whose_head_is_lost_is_to_be_started_again(tmp_path):
    address = ("--address", "127.0.0.1:1", "--storage", tmp_path, "--wait", "1")
    lost = run_command("train", DEBUG, *address)
    assert lost.returncode == 1
    assert "--address 127.0.0.1:1: no Ray cluster answers there" in lost.stderr
    typo = run_command("train", DEBUG, *address, "--set", "lr=1")
    assert typo.returncode == 2


def test_waiting_does_not_make_this_machine_larger(tmp_path):
    large = ("--set", "env_runners.num_env_runners=999", "--wait", "60")
    done = run_command("train", DEBUG, "--storage", tmp_path, *large, timeout_s=50)
    assert done.returncode == 2
    assert "a trial reserves 1000 CPUs" in done.stderr


@pytest.mark.long
def test_the_same_command_starts_a_run_finds_it_done_and_refuses_to_mix_it(tmp_path):
    same = (DEBUG, "--storage", tmp_path, "--name", "pod", "--resume-if-exists")
    first = run_command("train", *same)
    assert first.returncode == 0, first.stderr
    metrics = (tmp_path / "debug" / "pod" / "metrics.csv").read_bytes()
    assert metrics.count(b"\n") == 4
    second = run_command("train", *same)
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines()[0] == "the run is done, there is nothing to resume"
    assert (tmp_path / "debug" / "pod" / "metrics.csv").read_bytes() == metrics
    other = run_command("train", *same, "--set", "seed=9")
    assert other.returncode == 2
    assert "differs from the experiment given: seed is 0 there and 9 here; choose" in other.stderr


@pytest.mark.long
def test_the_dashboard_asks_for_the_token_stays_after_the_run_and_leaves_on_sigterm(tmp_path):
    port = free_port()
    settings = ["--set", "ray.include_dashboard=true", "--set", f"ray.dashboard_port={port}"]
    words = [DEBUG, "--storage", tmp_path, "--name", "pod", *settings, "--keep-dashboard"]
    shell = {"RAY_AUTH_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    with start_command("train", *words, stderr=None, env=shell) as process:
        for line in process.stdout:
            if line.endswith("; Ctrl-C ends it\n"):
                break
        assert status(f"http://127.0.0.1:{port}/api/version") == 401
        assert status(f"http://127.0.0.1:{port}/api/version", TOKEN) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def status(url, token=None):
    asked = urllib.request.Request(url)  # noqa: S310 - http to this machine
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310 - see above
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
