"""What is shown until the first iteration."""

from __future__ import annotations

import io
import re
import time
from itertools import pairwise

import pytest
from rich.console import Console

from tests.commands import ROOT, finish, start_command, wait_until
from ttt_rllib.tracking.stage_lines import SILENCE_S, StageLines

DEBUG = ROOT / "experiments" / "debug.yaml"
LINE = re.compile(r" *(\d+\.\d) s  (.*)")


def shown(text):
    return [LINE.fullmatch(line).groups() for line in text.splitlines()]


def test_a_stage_is_said_once_and_then_again_until_there_is_another():
    screen = io.StringIO()
    lines = StageLines(Console(file=screen), time.time() - 100.0)
    lines.enter("starting Ray")
    lines.enter("starting Ray")
    assert shown(screen.getvalue()) == [("100.0", "starting Ray")]
    wait_until("the repetition", lambda: "still" in screen.getvalue(), 4 * SILENCE_S)
    lines.enter("playing the first games")
    lines.close()
    lines.enter("resting")
    stages = [stage for _, stage in shown(screen.getvalue())]
    assert stages == ["starting Ray", "still starting Ray", "playing the first games"]
    times = [float(elapsed) for elapsed, _ in shown(screen.getvalue())]
    assert times[1] - times[0] >= SILENCE_S - 0.1


@pytest.mark.long
def test_a_run_says_something_new_every_few_seconds_until_its_first_iteration(tmp_path):
    process = start_command(
        "train",
        DEBUG,
        "--storage",
        tmp_path,
        "--set",
        "env_runners.num_env_runners=2",
        "--set",
        "env_runners.num_cpus_per_env_runner=0.5",
        env={"PYTHONUNBUFFERED": "1"},
    )
    said = []
    for line in process.stdout:
        said.append((time.monotonic(), line.rstrip()))
        if line.split()[:1] == ["iter"]:
            break
    assert finish(process).returncode == 0
    first = next(number for number, (_, line) in enumerate(said) if line.endswith("starting Ray"))
    silences = [later - earlier for (earlier, _), (later, _) in pairwise(said[first:])]
    # While Ray's own code connects, no other thread of the process runs.
    assert max(silences) < 3 * SILENCE_S
    *lines, limits = (line for _, line in said[first:-1])
    assert limits == "stops after 3 iterations, 1,000,000 moves or 10 min"
    stages = [LINE.fullmatch(line)[2] for line in lines]
    assert [stage for stage in stages if not stage.startswith("still ")] == [
        "starting Ray",
        "starting the trial",
        "loading torch and RLlib",
        "starting 2 env runners",
        "playing the first games",
    ]
