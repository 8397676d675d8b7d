"""Nodes of a Ray cluster of several hosts join late, lose their power and lose their network.

The tests follow one another on one cluster. Times to recover and moves lost are logged:
docs/experiments.md has them.
"""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.hosts import Host, Network, needs_hosts
from tests.commands import wait_until
from tests.k8s.lab import results, rows

pytestmark = [pytest.mark.long, needs_hosts()]

TIMES = logging.getLogger("times")
CUT_S = 30.0
EVERY = 5
ITERATIONS = 100
ENDLESS = ("stop.consecutive_unexploitable_evals=null", "stop.moves=null", "stop.train_s=null")
CHECKPOINTS = f"checkpoint.checkpoint_frequency={EVERY}"
SEARCH = (
    "search.num_samples=2",
    "search.algorithm=random",
    "search.scheduler=none",
    "search.objective=exact/nash_conv",
)


class Run:
    """A run of `train` in the cluster, by its name."""

    def __init__(
        self, host: Host, results: Path, experiment: str, name: str, iterations: int, *settings: str
    ):
        self.folder, self.iterations = results / experiment / name, iterations
        length = f"stop.iterations={iterations}"
        words = [f"experiments/{experiment}.yaml", "--address=auto", "--wait=300"]
        words += [f"--storage={results}", f"--name={name}", "--resume-if-exists"]
        words += [f"--set={one}" for one in (*ENDLESS, CHECKPOINTS, length, *settings)]
        self.process = host.start(sys.executable, "-m", "ttt_rllib.train", *words)

    @property
    def trials(self) -> list[Path]:
        # Beside them lies Tune's state, in folders that come and go.
        return sorted((self.folder / "trials").glob("0????"))

    def nodes(self) -> set[str]:
        """The addresses that the newest results came from."""
        # Tune copies its file from time to time, and it is empty for a moment.
        return {one["node_ip"] for trial in self.trials for one in results(trial)[-1:]}

    def has_rows(self, trials: int, number: int) -> bool:
        long = [trial for trial in self.trials if len(rows(trial)) >= number]
        return len(long) == trials

    def complete(self) -> None:
        """Wait for the end, and check that every row is there once."""
        assert self.process.wait(240) == 0
        for trial in self.trials:
            iterations = [int(row["perf/iteration"]) for row in rows(trial)]
            assert iterations == list(range(1, self.iterations + 1)), trial
            moves = [int(row["play/moves"]) for row in rows(trial)]
            assert moves == sorted(set(moves)), trial


@dataclass
class Cluster:
    """Head, the machine that trains, and two runs that begin without a node to run on."""

    network: Network
    head: Host
    trainer: Host
    results: Path
    trial: Run
    search: Run

    def join(self, cpus: int) -> Host:
        node = self.network.add()
        node.join(self.head, cpus)
        return node


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    network = Network(folder / "network")
    try:
        head, trainer = network.add(), network.add()
        head.start_head()
        trainer.join(head, 0)
        place = folder / "results"
        trial = Run(trainer, place, "ppo", "lost", ITERATIONS)
        search = Run(trainer, place, "search_ppo", "lost", ITERATIONS, *SEARCH)
        yield Cluster(network, head, trainer, place, trial, search)
    finally:
        network.remove()


def test_trials_that_wait_for_room_start_on_a_node_that_joins_late(cluster):
    waits = "waiting up to 300 s for nodes to join"
    wait_until("both wait", lambda: cluster.trainer.log.read_text().count(waits) == 2, 60)
    began_s = time.monotonic()
    node = cluster.join(4)
    TIMES.info("a node has joined after %.0f s", time.monotonic() - began_s)
    for run, trials in ((cluster.trial, 1), (cluster.search, 2)):
        wait_until("the first rows", lambda: run.has_rows(trials, 1), 120)  # noqa: B023
        wait_until("on the new node", lambda: run.nodes() == {node.address}, 60)  # noqa: B023
    TIMES.info("all trials had a row %.0f s after it began to join", time.monotonic() - began_s)


def test_a_dead_node_costs_a_trial_and_a_search_the_moves_since_their_last_checkpoint(cluster):
    for run, trials in ((cluster.trial, 1), (cluster.search, 2)):
        wait_until("checkpoints", lambda: run.has_rows(trials, 2 * EVERY + 3), 120)  # noqa: B023
    began_s = time.time()
    cluster.network.hosts[-1].kill()
    rows_before = {one: rows(one) for one in cluster.trial.trials + cluster.search.trials}
    new = cluster.join(4)
    for run in (cluster.trial, cluster.search):
        run.complete()
    for trial, before in rows_before.items():
        later = [one for one in results(trial) if one["node_ip"] == new.address]
        first = later[0]["training_iteration"]
        assert first % EVERY == 1
        assert 1 < first <= len(before) + 1
        TIMES.info(
            "%s %s: a new row %.0f s after a node lost its power; %d iterations, %d moves again",
            trial.parents[2].name,
            trial.name,
            later[0]["timestamp"] - began_s,
            len(before) - first + 1,
            int(before[-1]["play/moves"]) - int(before[first - 2]["play/moves"]),
        )


def test_a_network_that_is_cut_for_30_s_costs_a_trial_nothing(cluster):
    run = Run(cluster.trainer, cluster.results, "ppo", "cut", 60)
    wait_until("rows", lambda: run.has_rows(1, 20), 120)
    (trial,) = run.trials
    node = cluster.network.hosts[-1]
    node.plug(is_in=False)
    time.sleep(CUT_S)  # is what is tested, and no wait for anything
    node.plug(is_in=True)
    began_s, before = time.monotonic(), len(rows(trial))
    wait_until("new rows", lambda: len(rows(trial)) > before + 1, 120)
    TIMES.info(
        "a network back after %.0f s: new rows %.0f s later", CUT_S, time.monotonic() - began_s
    )
    run.complete()
    iterations = [one["training_iteration"] for one in results(trial)]
    assert len(iterations) == len(set(iterations)), "no row twice: the trial was not restarted"
    assert len({one["pid"] for one in results(trial)}) == 1
