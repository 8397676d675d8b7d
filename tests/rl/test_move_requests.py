"""What the moves of remote env runners follow from, and what a slow one may hold up."""

import os
import signal
import time

import pytest

from tests.commands import wait_until
from ttt_rllib.agents.bundle import weights_sha256

STOPPED_S = 10.0


def weights_hash(algorithm):
    return weights_sha256(algorithm.network_policy().weights)


def runner_hashes(algorithm):
    """Hash of the weights with which each remote runner has last been asked to play."""
    states = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: runner.get_state()["rl_module"]["main"], local_env_runner=False
    )
    return {weights_sha256(state) for state in states}


def process_ids(algorithm):
    return algorithm.env_runner_group.foreach_env_runner(
        lambda runner: os.getpid(), local_env_runner=False
    )


def late(result):
    return result["perf"]["late_env_runners"]


def test_a_stopped_env_runner_holds_up_one_iteration_and_takes_part_again_when_it_goes_on(build):
    algorithm = build(num_env_runners=3)
    moves = algorithm.train()["play"]["moves"]
    stopped = process_ids(algorithm)[0]
    os.kill(stopped, signal.SIGSTOP)
    durations_s = []
    try:
        stopped_s = time.monotonic()
        while time.monotonic() < stopped_s + STOPPED_S:
            start_s = time.monotonic()
            result = algorithm.train()
            durations_s.append(time.monotonic() - start_s)
            assert result["play"]["moves"] > moves
            moves = result["play"]["moves"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert late(result) == 1
    timeout_s = algorithm.config.sample_timeout_s
    assert sum(duration > timeout_s / 2 for duration in durations_s) == 1, durations_s
    assert max(durations_s) < 1.5 * timeout_s
    wait_until("the env runner takes part again", lambda: late(algorithm.train()) == 0)
    algorithm.train()
    assert runner_hashes(algorithm) == {weights_hash(algorithm)}


@pytest.mark.parametrize(
    ("name", "num_env_runners", "is_beside", "training"),
    [
        ("ppo", 2, False, {}),
        ("ppo", 2, True, {}),
        # Nothing is learnt before the checkpoint, so the same weights play several times.
        ("dqn", 0, False, {"num_steps_sampled_before_learning_starts": 1_500}),
        ("dqn", 2, True, {"num_steps_sampled_before_learning_starts": 3_000}),
    ],
)
def test_a_restored_checkpoint_continues_to_the_bit_with_remote_env_runners_too(
    build, tmp_path, name, num_env_runners, is_beside, training
):
    settings = {
        "num_env_runners": num_env_runners,
        "sample_beside_learning": is_beside,
        "seed": 3,
        **training,
    }
    whole = build(name, **settings)
    for _ in range(3):
        whole.train()
    whole.save_to_path(tmp_path / "checkpoint")
    resumed = build(name, **settings)
    resumed.train()
    resumed.restore_from_path(tmp_path / "checkpoint")
    for _ in range(4):
        expected, result = whole.train(), resumed.train()
        for group in ("exact", "play", "learner"):
            assert result.get(group) == expected.get(group)
    assert weights_hash(resumed) == weights_hash(whole)


def test_beside_learning_moves_are_played_with_weights_that_are_one_iteration_older(build):
    algorithm = build(num_env_runners=1, sample_beside_learning=True)
    algorithm.train()
    older = weights_hash(algorithm)
    algorithm.train()
    assert weights_hash(algorithm) != older
    assert runner_hashes(algorithm) == {older}


def test_evaluation_does_not_hold_up_env_runners_which_have_the_newest_weights(build):
    algorithm = build(num_env_runners=1)
    algorithm.train()
    assert runner_hashes(algorithm) == {weights_hash(algorithm)}
