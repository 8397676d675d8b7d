"""Old session folders of Ray: real folders, real processes, and Ray itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.commands import run_program, start_program
from ttt_rllib.cluster.sessions import KEPT_SESSIONS, MARK, mark_session, remove_old_sessions

MARKS = (
    "import sys; from pathlib import Path; from ttt_rllib.cluster.sessions import mark_session\n"
    "for path in sys.argv[1:]: Path(path, 'logs').mkdir(parents=True); mark_session(Path(path))\n"
)
STARTS_RAY = "from ttt_rllib.cluster import connection as c; c.connect(None); c.disconnect()"


def names(number, first=1):
    return [f"session_2026-11-28_10-00-0{first + one}_000000_1" for one in range(number)]


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def ended(tmp_path):
    """Return a function that leaves sessions of a process that has ended."""

    def leave(number):
        done = run_program(MARKS, *(tmp_path / name for name in names(number)))
        assert done.returncode == 0, done.stderr

    return leave


def test_of_our_ended_sessions_the_newest_three_stay(tmp_path, ended):
    ended(5)
    assert KEPT_SESSIONS == 3
    assert remove_old_sessions(tmp_path) == [tmp_path / name for name in names(2)]
    assert left(tmp_path) == names(3, first=3)
    assert remove_old_sessions(tmp_path) == []


def test_the_session_of_a_driver_that_runs_stays(tmp_path, ended):
    ended(5)
    mark_session(tmp_path / names(1)[0])
    remove_old_sessions(tmp_path)
    assert left(tmp_path) == [names(1)[0], *names(3, first=3)]


def test_a_driver_with_the_number_of_an_ended_one_is_another(tmp_path, ended):
    ended(4)
    oldest = tmp_path / names(1)[0]
    mine = {"host": socket.gethostname(), "pid": os.getpid()}
    reused = {**mine, "start_s": psutil.Process().create_time() - 1000}
    (oldest / MARK).write_text(json.dumps(reused))
    assert remove_old_sessions(tmp_path) == [oldest]


def test_a_session_stays_while_one_of_its_processes_writes_its_log(tmp_path, ended):
    """As Ray's processes do for seconds after the driver was killed."""
    ended(5)
    oldest = tmp_path / names(1)[0]
    log = oldest / "logs" / "raylet.out"
    hold = f"file = open({str(log)!r}, 'w'); print('open', flush=True); input()"
    with start_program(hold, stdin=subprocess.PIPE) as raylet:
        assert raylet.stdout.readline() == "open\n"
        assert remove_old_sessions(tmp_path) == [tmp_path / names(2)[1]]
        raylet.communicate("\n")
    # Of four that are left, all ended, one is too many.
    assert remove_old_sessions(tmp_path) == [oldest]


@pytest.mark.parametrize(
    "mark",
    [
        None,
        "",
        "{",
        "[]",
        '{"pid": 1}',
        '{"host": "HOST", "pid": "x", "start_s": 1}',
        '{"host": "HOST", "pid": -1, "start_s": 1}',
        '{"host": "elsewhere", "pid": 1, "start_s": 1}',
    ],
)
def test_a_session_that_is_not_known_to_be_ours_stays(tmp_path, ended, mark):
    ended(4)
    oldest = tmp_path / names(1)[0]
    (oldest / MARK).unlink()
    if mark is not None:
        (oldest / MARK).write_text(mark.replace("HOST", socket.gethostname()))
    assert remove_old_sessions(tmp_path) == []
    assert left(tmp_path) == names(4)


def test_links_are_not_followed(tmp_path, ended):
    ended(4)
    thesis = tmp_path / "thesis"
    (tmp_path / names(1)[0]).rename(thesis)
    (tmp_path / "session_2026-11-28_09-00-00_000000_1").symlink_to(thesis)
    assert remove_old_sessions(tmp_path) == []
    assert thesis.is_dir()


def test_without_a_folder_there_is_nothing_to_remove(tmp_path):
    assert remove_old_sessions(tmp_path / "ray") == []
    mark_session(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_starting_ray_again_and_again_leaves_a_few_sessions():
    # Ray's sockets must have short names, and pytest's folders are long.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        for _ in range(KEPT_SESSIONS + 2):
            done = run_program(STARTS_RAY, env={"RAY_TMPDIR": folder})
            assert done.returncode == 0, done.stderr
        sessions = [path for path in Path(folder, "ray").glob("session_2*") if path.is_dir()]
        # Those that had ended when the last one started, and the last one.
        assert len(sessions) == KEPT_SESSIONS + 1
        assert all((path / MARK).is_file() for path in sessions)
