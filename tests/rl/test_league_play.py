"""Training against a league: on real env runners, through checkpoints, kills and resuming."""

import os
import signal
import subprocess
from functools import partial

import numpy as np
import pytest
import ray

from tests.commands import run_command, start_command, wait_until
from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.bundle import load_bundle, policy_sha256, save_bundle, weights_sha256
from ttt_rllib.league.members import find_player
from ttt_rllib.league.standing import read_standing
from ttt_rllib.runs.metrics_csv import MetricsCsv

SETTINGS = {
    "matchmaking": "pfsp",
    "save_steps": 600,
    "swap_steps": 600,
    "promotion": "always",
    "play_against_latest_model_ratio": 0.25,
    "members": ["one_ply"],
}
EXPERIMENT = """
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 1}
env_runners: {num_env_runners: 1, num_cpus_per_env_runner: 0.5, num_envs_per_env_runner: 64}
evaluation: {evaluation_interval: 5}
self_play:
  matchmaking: pfsp
  save_steps: 2_000
  swap_steps: 1_000
  promotion: always
  members: [one_ply, MEMBER]
stop: {iterations: 40}
checkpoint: {checkpoint_frequency: 4}
"""


def league_of(algorithm):
    return algorithm._league


def hashes_on_runners(algorithm):
    """Return the hashes of the opponents that each remote runner plays, computed there."""
    return algorithm.env_runner_group.foreach_env_runner(
        lambda runner: [policy_sha256(one) for one in runner.opponents],
        local_env_runner=False,
    )


@pytest.mark.parametrize("kind", ["ppo", pytest.param("dqn", marks=pytest.mark.long)])
def test_snapshots_never_change_and_every_runner_plays_exactly_them(build, kind):
    algorithm = build(kind, num_env_runners=2, self_play=SETTINGS)
    created = {}
    for _ in range(12):
        algorithm.train()
        league = league_of(algorithm)
        for member in league.snapshots:
            created.setdefault(member.name, member.sha256)
            assert policy_sha256(member.policy) == created[member.name]
    assert len(created) >= 5
    assert len(set(created.values())) == len(created), "the learner went on learning"
    known = {*created.values(), find_player("one_ply", TIC_TAC_TOE).sha256}
    # What is being played was asked for with the opponents of this moment.
    ray.wait(list(algorithm._requests._asked), num_returns=2, timeout=60)
    wanted = [member.sha256 for member in league.opponents]
    assert hashes_on_runners(algorithm) == [wanted] * 2
    assert set(wanted) <= known


@pytest.mark.long
def test_a_restarted_runner_plays_the_same_opponents_again(build):
    algorithm = build(num_env_runners=1, self_play=SETTINGS)
    for _ in range(4):
        algorithm.train()
    ray.kill(algorithm.env_runner_group._worker_manager.actors()[1], no_restart=False)
    for _ in range(3):
        algorithm.train()
    ray.wait(list(algorithm._requests._asked), num_returns=1, timeout=60)
    assert hashes_on_runners(algorithm) == [
        [member.sha256 for member in league_of(algorithm).opponents]
    ]


@pytest.mark.parametrize(
    ("num_env_runners", "beside"),
    [
        (0, False),
        pytest.param(2, False, marks=pytest.mark.long),
        pytest.param(2, True, marks=pytest.mark.long),
    ],
)
def test_a_restored_league_run_equals_the_uninterrupted_one(
    build, tmp_path, num_env_runners, beside
):
    def new(seed=7):
        return build(
            num_env_runners=num_env_runners,
            seed=seed,
            self_play=SETTINGS,
            sample_beside_learning=beside,
        )

    whole = new()
    for _ in range(5):
        whole.train()
    saved = whole.save_to_path(tmp_path / "checkpoint")
    again = new()
    again.restore_from_path(saved)
    for _ in range(5):
        one, other = whole.train()["league"], again.train()["league"]
        assert one == other
        names = [
            [member.name for member in league_of(algorithm).opponents]
            for algorithm in (whole, again)
        ]
        assert names[0] == names[1]
    assert policy_sha256(whole.network_policy()) == policy_sha256(again.network_policy())
    hashes = [
        [one.sha256 for one in league_of(algorithm).snapshots] for algorithm in (whole, again)
    ]
    assert hashes[0] == hashes[1]
    standing = read_standing(tmp_path / "checkpoint" / "league.json")
    assert standing.players[-1].sha256 == load_bundle(tmp_path / "checkpoint/agent").agent_sha256


def test_training_starts_from_the_weights_of_an_earlier_agent(build, tmp_path):
    for kind in ("ppo", "dqn"):
        first = build(kind)
        first.train()
        weights = first.network_policy().weights
        save_bundle(first.network_policy(), tmp_path / kind, {})
        warm = build(kind, num_env_runners=2, initialize_from=str(tmp_path / kind))
        assert weights_sha256(warm.network_policy().weights) == weights_sha256(weights)
        states = warm.learner_group.get_weights()["main"]
        assert {name: states[name].shape for name in weights} == {
            name: array.shape for name, array in weights.items()
        }
        assert all(np.array_equal(states[name], array) for name, array in weights.items())
        warm.train()
        assert weights_sha256(warm.network_policy().weights) != weights_sha256(weights)


@pytest.fixture(scope="module")
def league_experiment(tmp_path_factory, new_network):
    """An experiment whose league has an agent that is given by its path, and its uncut run."""
    folder = tmp_path_factory.mktemp("league")
    save_bundle(new_network(), folder / "given", {})
    file = folder / "small_league.yaml"
    file.write_text(EXPERIMENT.replace("MEMBER", str(folder / "given")))
    return file


@pytest.mark.long
def test_a_run_that_was_killed_twice_has_the_league_of_one_that_was_not(
    tmp_path, league_experiment
):
    def standing_of(run):
        path = max(run.glob("trials/00000/checkpoint_*"))
        return read_standing(path / "league.json")

    def rows(run):
        return MetricsCsv(run / "trials" / "00000" / "metrics.csv").rows()

    place = ("--storage", tmp_path)
    done = run_command("train", league_experiment, *place, "--name", "whole")
    assert done.returncode == 0, done.stderr
    killed = tmp_path / "small_league" / "killed"
    words = (league_experiment, *place, "--name", "killed", "--resume-if-exists")
    table = killed / "trials" / "00000" / "metrics.csv"

    def has_rows(count):
        return table.is_file() and table.read_text().count("\n") > count

    for kill in range(1, 3):
        log = (tmp_path / f"log{kill}.txt").open("w")
        driver = start_command("train", *words, stdout=log, stderr=subprocess.STDOUT)
        wait_until(f"row {14 * kill}", partial(has_rows, 14 * kill), process=driver)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        if kill == 1:
            # The run has its own copy of the agent.
            (league_experiment.parent / "given").rename(tmp_path / "gone")
    (tmp_path / "gone").rename(league_experiment.parent / "given")
    done = run_command("train", "--resume", killed)
    assert done.returncode == 0, done.stderr
    whole = tmp_path / "small_league" / "whole"
    clocks = {name for name in MetricsCsv.COLUMNS if name.startswith("perf/")}
    for one, other in zip(rows(whole), rows(killed), strict=True):
        assert {k: v for k, v in one.items() if k not in clocks} == {
            k: v for k, v in other.items() if k not in clocks
        }
    one, other = standing_of(whole), standing_of(killed)
    assert one.players == other.players
    assert len(one.players) > 8
    assert np.array_equal(one.ratings, other.ratings)
    assert np.array_equal(one.payoffs.x_wins, other.payoffs.x_wins)
    assert "<h2>League</h2>" in (killed / "report.html").read_text(encoding="utf-8")
