"""`ray-join`, with a head that only listens and a `ray` that only notes what it is asked.

The test cluster (test_lab.py) runs it with Ray itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands import finish, wait_until

RAY_JOIN = Path(__file__).parent.parent.parent / "k8s" / "ray-join"
SAVES = "trap 'echo saved; exit 130' TERM; echo runs; while :; do sleep 0.1; done"


@pytest.fixture
def head():
    """A free port; it listens once `listen()` was called."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


@pytest.fixture
def join(head, tmp_path):
    """Return a function that starts `ray-join` with a command; `ray start` exits with `ray`."""
    started = []

    def start(*command, ray=0):
        program = tmp_path / "ray"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexit {ray}\n')
        program.chmod(0o755)
        address = f"127.0.0.1:{head.getsockname()[1]}"
        started.append(
            subprocess.Popen(
                [RAY_JOIN, address, "2", *command],
                env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_the_exit_code_is_that_of_the_command(head, join, tmp_path, code):
    head.listen()
    assert finish(join("sh", "-c", f"exit {code}"), 30).returncode == code
    asked = (tmp_path / "asked").read_text()
    port = head.getsockname()[1]
    assert asked == f"start --address 127.0.0.1:{port} --num-cpus 2 --metrics-export-port 8080\n"


def test_a_node_that_cannot_join_is_to_be_started_again(head, join):
    head.listen()
    done = finish(join("echo", "trains", ray=1), 30)
    assert (done.returncode, done.stdout) == (1, "")


def test_sigterm_reaches_the_command_which_ends_in_order(head, join):
    head.listen()
    process = join("bash", "-c", SAVES)
    assert process.stdout.readline() == "runs\n"
    process.send_signal(signal.SIGTERM)
    done = finish(process, 30)
    assert (done.returncode, done.stdout) == (130, "saved\n")


def test_the_command_waits_for_the_head(head, join, tmp_path):
    process = join("echo", "trains")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    assert not (tmp_path / "asked").exists()
    head.listen()
    assert finish(process, 30).stdout == "trains\n"


def test_sigterm_ends_the_wait(join):
    process = join("echo", "trains")
    # Before bash has set its trap, SIGTERM would end it as -15.
    caught = Path(f"/proc/{process.pid}/status")
    wait_until("the trap", lambda: sigterm_is_caught(caught.read_text()), 30)
    process.send_signal(signal.SIGTERM)
    assert finish(process, 30).returncode == 143


def sigterm_is_caught(status):
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(mask, 16) & 1 << (signal.SIGTERM - 1))
