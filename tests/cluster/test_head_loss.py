"""The head of a Ray cluster of several hosts loses its power and comes back."""

from __future__ import annotations

import logging
import sys
import time
from itertools import pairwise

import pytest

from tests.cluster.hosts import GCS_PORT, Network, needs_hosts
from tests.commands import ROOT, wait_until
from tests.k8s.lab import results, rows

pytestmark = [pytest.mark.long, needs_hosts("redis-server")]

TIMES = logging.getLogger("times")
PASSWORD = "0123456789abcdef"  # noqa: S105 - of a Redis that nobody else can reach
ITERATIONS = 250
SETTINGS = (
    "stop.consecutive_unexploitable_evals=null",
    "stop.moves=null",
    f"stop.iterations={ITERATIONS}",
)


@pytest.fixture
def network(tmp_path):
    paths = f"{ROOT / 'src'}:{ROOT / 'envs'}"
    timeout = {"RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
    made = Network(tmp_path / "network", PYTHONPATH=paths, **timeout)
    yield made
    made.remove()


def test_with_redis_a_trial_goes_on_when_the_head_is_lost_and_started_again(network, tmp_path):
    store, head, worker, driver = (network.add() for _ in range(4))
    (tmp_path / "redis").mkdir()
    options = ("--bind", store.address, "--dir", tmp_path / "redis", "--appendonly", "yes")
    store.start("redis-server", *options, "--requirepass", PASSWORD)
    redis = {"RAY_REDIS_ADDRESS": f"{store.address}:{GCS_PORT}"}
    redis["RAY_external_storage_namespace"] = "ttt"
    head.start_head(f"--redis-password={PASSWORD}", **redis)
    worker.join(head, 2)
    driver.join(head, 0)
    words = ("experiments/ppo.yaml", "--address=auto", "--wait=60", "--name=one")
    settings = [f"--set={one}" for one in SETTINGS]
    place = f"--storage={tmp_path / 'results'}"
    process = driver.start(sys.executable, "-m", "ttt_rllib.train", *words, place, *settings)
    trial = tmp_path / "results" / "ppo" / "one" / "trials" / "00000"
    wait_until("the first rows", lambda: len(rows(trial)) > 20, 120)
    address, began_s = head.address, time.time()
    head.kill()
    head = network.add(address)
    head.start_head(f"--redis-password={PASSWORD}", **redis)
    head_s, before = time.time() - began_s, len(rows(trial))
    wait_until("new rows", lambda: len(rows(trial)) > before + 50, 120)
    assert process.wait(240) == 0
    still_s = max(after - first for first, after in pairwise(map(timestamp, results(trial))))
    TIMES.info("a new head after %.0f s, no result for %d s", head_s, still_s)
    expected = list(range(1, ITERATIONS + 1))
    assert [int(row["perf/iteration"]) for row in rows(trial)] == expected
    # One process played all of them, none of them twice.
    assert [one["training_iteration"] for one in results(trial)] == expected
    assert len({one["pid"] for one in results(trial)}) == 1


def timestamp(result):
    return result["timestamp"]
