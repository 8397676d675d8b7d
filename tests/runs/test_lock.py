"""Two processes on one run: real ones, ended by SIGKILL."""

import subprocess

import pytest

from tests.commands import finish, run_command, start_program
from ttt_rllib.errors import InputError
from ttt_rllib.runs import lock
from ttt_rllib.runs.lock import remove_stale_lock, run_lock

HOLD = "from pathlib import Path; from ttt_rllib.runs.lock import run_lock; import sys; \
held = run_lock(Path(sys.argv[1]), 0.0); held.__enter__(); print('held', flush=True); \
sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the run in `tmp_path`."""
    with start_program(HOLD, tmp_path, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_run_that_another_process_is_at_work_on_is_refused_by_its_number(holder, tmp_path):
    with pytest.raises(InputError, match=f"process {holder.pid} on .* is at work on it; end that"):
        run_lock(tmp_path, 0.0).__enter__()


def test_a_killed_process_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    for _ in range(2):  # and one that let go holds nothing either
        with run_lock(tmp_path, 0.0):
            assert (tmp_path / ".lock").exists()
        assert not list(tmp_path.iterdir())


def test_the_lock_that_a_killed_process_left_is_removed_and_that_of_a_living_one_is_not(
    holder, tmp_path
):
    remove_stale_lock(tmp_path)
    assert (tmp_path / ".lock").exists()
    holder.kill()
    holder.wait()
    remove_stale_lock(tmp_path)
    assert not list(tmp_path.iterdir())
    remove_stale_lock(tmp_path)
    remove_stale_lock(tmp_path / "nothing")


def test_of_many_that_wait_one_at_a_time_has_the_run(tmp_path):
    """Each adds one to a number, with a look at it before and after."""
    number = tmp_path / "number"
    number.write_text("0")
    add = (
        "from pathlib import Path; from ttt_rllib.runs import lock; import sys, time\n"
        "lock.POLL_S = 0.001; path = Path(sys.argv[1])\n"
        "for _ in range(50):\n"
        "    with lock.run_lock(path, 120.0):\n"
        "        seen = int((path / 'number').read_text()); time.sleep(0.0005)\n"
        "        (path / 'number').write_text(str(seen + 1))\n"
    )
    adding = [start_program(add, tmp_path) for _ in range(4)]
    assert [finish(process).returncode for process in adding] == [0] * 4
    assert number.read_text() == "200"


def test_a_process_that_waits_gets_the_run_when_the_other_process_ends(
    holder, tmp_path, monkeypatch
):
    slept_s = []

    def sleep(seconds):
        slept_s.append(seconds)
        if len(slept_s) == 3:
            holder.kill()
            holder.wait()

    monkeypatch.setattr(lock.time, "sleep", sleep)
    with run_lock(tmp_path, 60.0):
        assert slept_s == [lock.POLL_S] * 3


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot be written to: No such file.*none"):
        run_lock(tmp_path / "none", 0.0).__enter__()


def test_train_refuses_to_resume_a_run_that_goes_on_elsewhere(holder, tmp_path):
    (tmp_path / "experiment.yaml").write_text("# all defaults\n")
    tried = run_command("train", "--resume", tmp_path)
    assert tried.returncode == 2
    assert tried.stderr.count("\n") == 1
    assert f"process {holder.pid}" in tried.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "experiment.yaml"]
    assert run_command("train", "--resume", tmp_path, "--plan").returncode == 0
