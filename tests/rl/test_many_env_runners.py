"""Many env runners on simulated nodes: they all play, and every node fetches the weights once.

24 on six nodes; with `THOROUGH=1` 64 on 16.
"""

import os
import signal
import time
from collections import Counter

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.experimental import get_object_locations

from tests.commands import THOROUGH, wait_until
from ttt_rllib.rl.ppo import SelfPlayPPOConfig

pytestmark = pytest.mark.long

NODES, RUNNERS_PER_NODE = (16 if THOROUGH else 6), 4
NUM_RUNNERS = NODES * RUNNERS_PER_NODE
MOVES = 8_192


@pytest.fixture(scope="module")
def cluster(without_ray):
    with pytest.MonkeyPatch.context() as patch:
        # All of them share a few cores with the learner, and are to give way to it.
        patch.delenv("RAY_worker_niceness")
        started = Cluster(
            initialize_head=True,
            connect=True,
            # The driver's node has no CPU for an env runner.
            head_node_args={"num_cpus": 0, "include_dashboard": False},
        )
        for _ in range(NODES):
            started.add_node(wait=False, num_cpus=RUNNERS_PER_NODE)
    started.wait_for_nodes()
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.fixture(scope="module")
def algorithm(cluster):
    config = SelfPlayPPOConfig().debugging(seed=0, log_level="ERROR")
    config.env_runners(num_env_runners=NUM_RUNNERS, num_cpus_per_env_runner=1)
    config.training(train_batch_size_per_learner=MOVES, minibatch_size=1024, num_epochs=1)
    built = config.build_algo()
    yield built
    built.stop()


def places(algorithm):
    """Return the process and the node of each env runner."""
    return algorithm.env_runner_group.foreach_env_runner(
        lambda runner: (os.getpid(), ray.get_runtime_context().get_node_id()),
        local_env_runner=False,
    )


def late(result):
    return result["perf"]["late_env_runners"]


def test_all_of_them_play_a_share_of_the_batch(algorithm):
    per_node = Counter(node for _, node in places(algorithm))
    assert sorted(per_node.values()) == [RUNNERS_PER_NODE] * NODES
    before = algorithm.train()["play"]["moves"]
    result = algorithm.train()
    assert late(result) == 0
    assert MOVES <= result["play"]["moves"] - before < 1.3 * MOVES


def test_every_node_fetches_the_weights_once_however_many_env_runners_it_has(algorithm):
    algorithm.train()
    weights = algorithm._requests._reference
    wait_until(
        "all have played with them", lambda: len(nodes_with(weights)) == NODES + 1, timeout_s=30
    )


def nodes_with(reference):
    """Return the nodes whose object store has a copy; each copy is one transfer."""
    return get_object_locations([reference])[reference]["node_ids"]


def test_one_that_is_stopped_for_ten_seconds_and_one_that_is_killed_hold_up_one_iteration(
    algorithm,
):
    algorithm.train()
    (stopped, _), (killed, _), *_ = places(algorithm)
    os.kill(stopped, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    durations_s = []
    try:
        stopped_s = time.monotonic()
        while time.monotonic() < stopped_s + 10.0:
            start_s = time.monotonic()
            algorithm.train()
            durations_s.append(time.monotonic() - start_s)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert sum(duration > algorithm.config.sample_timeout_s for duration in durations_s) == 1
    wait_until_all_play(algorithm)


def wait_until_all_play(algorithm):
    group = algorithm.env_runner_group
    wait_until(
        "all play",
        lambda: late(algorithm.train()) == 0 and group.num_healthy_remote_workers() == NUM_RUNNERS,
    )


def test_nobody_waits_for_the_env_runners_of_a_lost_node_until_there_is_another(cluster, algorithm):
    group = algorithm.env_runner_group
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    left = NUM_RUNNERS - RUNNERS_PER_NODE
    wait_until(
        "its env runners are missed",
        lambda: algorithm.train() and group.num_healthy_remote_workers() == left,
    )
    durations_s = []
    for _ in range(5):
        start_s = time.monotonic()
        algorithm.train()
        durations_s.append(time.monotonic() - start_s)
    # For so long RLlib would wait for their answer.
    assert max(durations_s) < algorithm.config.env_runner_health_probe_timeout_s / 2
    assert group.num_healthy_remote_workers() == left
    cluster.add_node(num_cpus=RUNNERS_PER_NODE)
    wait_until_all_play(algorithm)
