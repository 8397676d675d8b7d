"""The head of a Ray cluster of several hosts loses its power and comes back."""

from __future__ import annotations

import sys

import pytest

from tests.cluster.hosts import GCS_PORT, Network, needs_hosts
from tests.commands import ROOT, wait_until

pytestmark = [pytest.mark.long, needs_hosts("redis-server")]

PASSWORD = "0123456789abcdef"  # noqa: S105 - of a Redis that nobody else can reach
SETTINGS = (
    "stop.consecutive_unexploitable_evals=null",
    "stop.moves=null",
    "stop.iterations=100000",
)


@pytest.fixture
def network(tmp_path):
    paths = f"{ROOT / 'src'}:{ROOT / 'envs'}"
    timeout = {"RAY_gcs_rpc_server_reconnect_timeout_s": "120"}
    made = Network(tmp_path / "network", PYTHONPATH=paths, **timeout)
    yield made
    made.remove()


def test_with_redis_a_trial_goes_on_when_the_head_is_lost_and_started_again(network, tmp_path):
    store, head, worker, driver = (network.add() for _ in range(4))
    (tmp_path / "redis").mkdir()
    options = ("--bind", "0.0.0.0", "--dir", tmp_path / "redis", "--appendonly", "yes")  # noqa: S104
    store.start("redis-server", *options, "--requirepass", PASSWORD)
    redis = {"RAY_REDIS_ADDRESS": f"{store.address}:{GCS_PORT}"}
    redis["RAY_external_storage_namespace"] = "test"
    head.start_head(f"--redis-password={PASSWORD}", **redis)
    worker.join(head, 2)
    driver.join(head, 0)
    words = ("experiments/ppo.yaml", "--address=auto", "--wait=60", "--name=one")
    settings = [f"--set={one}" for one in SETTINGS]
    place = f"--storage={tmp_path / 'results'}"
    train = (sys.executable, "-m", "ttt_rllib.train", *words, place, *settings)
    process = driver.start(*train)
    file = tmp_path / "results" / "ppo" / "one" / "trials" / "00000" / "metrics.csv"

    def rows():
        return file.read_text().count("\n") if file.is_file() else 0

    wait_until("the first rows", lambda: rows() > 20, 120)
    address = head.address
    head.kill()
    head = network.add(address)
    head.start_head(f"--redis-password={PASSWORD}", **redis)
    before = rows()
    wait_until("new rows", lambda: rows() > before + 50, 120)
    assert process.poll() is None
    iterations = [line.split(",")[0] for line in file.read_text().splitlines()[1:]]
    assert len(iterations) == len(set(iterations)), "no row twice: the trial was not restarted"
    assert "restarting" not in driver.log.read_text()
