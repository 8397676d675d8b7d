"""Two processes on one run: real ones, ended by SIGKILL."""

import subprocess
import sys
import threading
import time

import pytest

from ttt_rllib.run_lock import hold
from ttt_rllib.wrong_input import InputError

HOLD = "from pathlib import Path; from ttt_rllib.run_lock import hold; import sys; \
file = hold(Path(sys.argv[1]), 0.0); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the run in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_run_that_another_process_is_at_work_on_is_refused_by_its_number(holder, tmp_path):
    with pytest.raises(InputError, match=f"process {holder.pid} on .* is at work on it; end that"):
        hold(tmp_path, 0.0)


def test_a_killed_process_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    for _ in range(2):  # and a file that was closed neither
        hold(tmp_path, 0.0).close()


def test_whoever_waits_gets_the_run_when_the_other_process_ends(holder, tmp_path):
    threading.Timer(1.0, holder.kill).start()
    started_s = time.monotonic()
    with hold(tmp_path, 60.0):
        assert 0.5 < time.monotonic() - started_s < 30.0


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be written to: No such file"):
        hold(tmp_path / "none", 0.0)


def test_train_refuses_to_resume_a_run_that_goes_on_elsewhere(holder, tmp_path):
    (tmp_path / "experiment.yaml").write_text("# all defaults\n")
    command = [sys.executable, "-m", "ttt_rllib.train", "--resume", str(tmp_path)]
    tried = subprocess.run(command, capture_output=True, text=True)
    assert tried.returncode == 2
    assert tried.stderr.count("\n") == 1
    assert f"process {holder.pid}" in tried.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "experiment.yaml"]
    assert subprocess.run([*command, "--plan"], capture_output=True).returncode == 0
