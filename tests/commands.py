"""Start this project's commands as a person would, and wait for what they do.

Every process that a test starts is started here: in the project's root unless told otherwise,
and in a newcomer's environment, without the variables that the tests set for Ray.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

__all__ = [
    "EXIT_S",
    "FINISH_S",
    "RAY_AND_TORCH",
    "ROOT",
    "STARTED",
    "THOROUGH",
    "end_started",
    "finish",
    "free_port",
    "loaded_by",
    "own_lines",
    "run_command",
    "run_module",
    "run_program",
    "shell",
    "start_command",
    "start_program",
    "wait_until",
    "web_server",
]

ROOT = Path(__file__).parents[1]

RAY_AND_TORCH = ("ray", "torch")
"""What agents that only play can do without."""

FINISH_S = 600.0
"""More than any command takes that a test waits for, on a slow and busy machine."""

THOROUGH = bool(os.environ.get("THOROUGH"))
"""Whether tests that repeat something at random do so as often as was published; otherwise they
take a half or less, since `.ci/run` has an hour and a half on any machine."""

EXIT_S = 60.0
"""How long Ray's processes may take to end after their driver, at niceness 15 on busy cores."""

STARTED: list[subprocess.Popen[str]] = []
"""All commands that were started, for `end_started`."""

FOREIGN = re.compile(r"\s*$|\x1b|\(|\[?\d{4}-\d\d-\d\d ")
"""How a line of Ray's begins."""

Environment = Mapping[str, str | None]


def run_command(name: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m ttt_rllib.<name>` to its end; options are those of `run_module`."""
    return run_module(f"ttt_rllib.{name}", *arguments, **options)


def run_module(
    module: str, *arguments: object, without: Iterable[str] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m <module>` to its end.

    Args:
        module: The module.
        *arguments: Words of the command line.
        without: Packages that cannot be imported.
        **options: Those of `run_program`.
    """
    if not without:
        return _run(["-m", module], *arguments, **options)
    program = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return run_program(program, *arguments, without=without, **options)


def run_program(
    program: str, *arguments: object, without: Iterable[str] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a Python program given as text, where importing the packages `without` raises.

    Args:
        program: The text.
        *arguments: Words of the command line.
        without: Packages that cannot be imported.
        **options: `cwd`, `env` (variables to set, or to unset if None), `stdin` (text), and
            `timeout_s`.
    """
    return _run(["-c", _without(without) + program], *arguments, **options)


def start_command(name: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start `python -m ttt_rllib.<name>`, in a separate session.

    A signal then reaches the command alone, as one from Kubernetes does; options are those of
    `subprocess.Popen`, and `env` as in `run_program`.
    """
    return _start(["-m", f"ttt_rllib.{name}"], *arguments, **options)


def start_program(program: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start a Python program given as text; options are those of `start_command`."""
    return _start(["-c", program], *arguments, **options)


@contextmanager
def web_server(
    results: Path, host: str = "127.0.0.1"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the web page at a free port and give the process and the address that it prints."""
    words = ("--web", "--host", host, "--port", "0", "--results", results)
    with start_command("play", *words, stdout=None) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        address = re.search(r"http://\S+:\d+/", said)
        try:
            assert address, said
            yield process, address[0]
        finally:
            process.kill()


def end_started(first: int) -> None:
    """End all commands, with their children, that were started since and still run.

    A test that fails leaves its command running; a training would slow all later tests.

    Args:
        first: How many commands had been started before.
    """
    for one in STARTED[first:]:
        if one.poll() is not None:
            continue
        parent = psutil.Process(one.pid)
        for process in (*parent.children(recursive=True), parent):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        one.wait()


def free_port() -> int:
    """Return a port on which nothing listens.

    It is below those that the system hands out, of which Ray's processes take many: such a one
    may be taken before the test uses it. Above 20,000, Ray's workers take none.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def finish(
    process: subprocess.Popen[str], timeout_s: float = FINISH_S
) -> subprocess.CompletedProcess[str]:
    """Wait for a started command and return what it left."""
    stdout, stderr = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def wait_until(
    what: str,
    condition: Callable[[], Any],
    timeout_s: float = FINISH_S,
    *,
    process: subprocess.Popen[str] | None = None,
    poll_s: float = 0.02,
) -> Any:
    """Return the first true answer; fail if time runs out or the process ends before.

    Args:
        what: What is waited for, for the message.
        condition: Asked again and again.
        timeout_s: How long.
        process: The command that is to bring it about.
        poll_s: Time between two questions.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        # In this order: what a process did last counts although it has ended.
        ended = process is not None and process.poll() is not None
        if answer := condition():
            return answer
        if process is not None and ended:
            left = finish(process)
            pytest.fail(f"{what}: ended with {left.returncode} before: {left.stdout}{left.stderr}")
        if time.monotonic() > deadline_s:
            pytest.fail(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(poll_s)


def loaded_by(module: str) -> set[str]:
    """Return the packages that a new process has loaded after it imported a module."""
    show = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = run_program(show)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def own_lines(stderr: str) -> list[str]:
    """Return the lines that a command itself wrote, or that a traceback begins with.

    Ray and its processes write to the same stream; their lines begin with
    a time, a process or a colour.
    """
    return [line for line in stderr.splitlines() if not FOREIGN.match(line)]


def shell(env: Environment | None = None) -> dict[str, str]:
    """Return the environment that commands get.

    Args:
        env: Variables to set, or to unset if None.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RAY_") or name == "RAY_worker_niceness"
    }
    changed: dict[str, str | None] = {**variables, **(env or {})}
    return {name: value for name, value in changed.items() if value is not None}


def _without(packages: Iterable[str]) -> str:
    # A None in sys.modules makes an import raise.
    return f"import sys; sys.modules.update(dict.fromkeys({tuple(packages)!r}))\n"


def _run(
    interpreter: list[str],
    *arguments: object,
    cwd: Path = ROOT,
    env: Environment | None = None,
    stdin: str = "",
    timeout_s: float = FINISH_S,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *interpreter, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=shell(env),
        timeout=timeout_s,
    )


def _start(
    interpreter: list[str],
    *arguments: object,
    env: Environment | None = None,
    **options: Any,
) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, *interpreter, *map(str, arguments)],
        text=True,
        env=shell(env),
        **{"cwd": ROOT, "start_new_session": True, **pipes, **options},
    )
    STARTED.append(process)
    return process
