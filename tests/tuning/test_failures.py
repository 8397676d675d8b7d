"""Which failures of a trial are worth another try, and what is said of them."""

import pytest
from ray.exceptions import RayActorError, RayTaskError
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Trial

from ttt_rllib.errors import InputError
from ttt_rllib.tuning.failures import describe_failure
from ttt_rllib.tuning.schedulers import FIFOScheduler

TRACEBACK = "Traceback (most recent call last):\n  ...\n\x1b[31mOSError: the disk is full\x1b[0m\n"


@pytest.fixture
def trial(ray_cluster, tmp_path):
    """A trial that may fail three times, as a scheduler of ours has it."""
    storage = StorageContext(str(tmp_path), "trials", trial_dir_name="00000")
    made = Trial("PPO", trial_id="00000", stub=True, storage=storage, max_failures=3)
    made.relative_logdir = "00000"
    made.init_local_path()
    FIFOScheduler().on_trial_add(None, made)
    return made


def task_error(cause):
    return RayTaskError("step", TRACEBACK, cause)


@pytest.mark.parametrize(
    ("failure", "is_retried"),
    [
        (task_error(OSError("the disk is full")), True),
        (RayActorError(), True),
        (task_error(FloatingPointError("the weights\nare not finite")), False),
        (task_error(InputError("a wrong space")), False),
    ],
)
def test_a_trial_is_retried_unless_it_would_fail_again(trial, failure, is_retried):
    trial.handle_error(failure)
    assert trial.should_recover() is is_retried


def test_a_trial_is_retried_only_as_often_as_it_may_fail(trial):
    for _ in range(4):
        assert trial.should_recover()
        trial.handle_error(task_error(OSError("the disk is full")))
    assert not trial.should_recover()


def test_a_failure_is_described_in_one_line_of_its_own_words(trial, tmp_path):
    trial.handle_error(task_error(FloatingPointError("the weights\nare not finite")))
    assert describe_failure(trial) == "the weights are not finite"
    trial.handle_error(task_error(OSError("the disk is full")))
    # Tune copies the file to the run, of which this is a part.
    (tmp_path / "trials" / "00000").mkdir(parents=True)
    (tmp_path / "trials" / "00000" / "error.txt").write_text(TRACEBACK)
    assert describe_failure(trial) == "OSError: the disk is full"
