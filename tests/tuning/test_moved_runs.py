"""A run that is moved, copied, touched, packed and renamed between kills equals an undisturbed one.

A copy of the run directory at any moment is what a kill leaves. What happens, and when, is random
but the same each time; `MOVES_SEED=$RANDOM pytest -m long tests/tuning/test_moved_runs.py` tries
other sequences, `THOROUGH=1` four times as many.
"""

import csv
import io
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from ray import PlacementGroupID
from ray.tune import Callback
from ray.util.placement_group import (
    PlacementGroup,
    placement_group_table,
    remove_placement_group,
)
from rich.console import Console

from tests.commands import THOROUGH
from tests.tuning.chained import ChainedTrainable
from ttt_rllib.agents.bundle import load_bundle
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.certificate_json import read_certificate
from ttt_rllib.runs.directory import RunDir, create_run_dir, new_run_dir
from ttt_rllib.runs.metrics_csv import read_curves
from ttt_rllib.runs.record import read_run
from ttt_rllib.runs.summary import Session, read_summary
from ttt_rllib.tracking.search_progress import SearchProgress
from ttt_rllib.train.finalize import finalize_run
from ttt_rllib.tuning import run as tuning_run

pytestmark = pytest.mark.long

SEQUENCES = 100 if THOROUGH else 25
ITERATIONS = 6
KEPT = 2
SEARCH = f"""
stop: {{iterations: {ITERATIONS}}}
checkpoint: {{checkpoint_frequency: 2, num_to_keep: {KEPT}}}
search:
  training.lr: {{loguniform: [1e-4, 1e-2]}}
  algorithm: optuna
  num_samples: 3
  max_concurrent: 1
"""

MAX_PATH = 400
"""Longer paths are not made longer; with what lies in a run, systems end at 4,096."""


class Killed(BaseException):
    """The session ends here; after an Exception, Tune would tidy up."""


class Kill(Callback):
    """Copies the run at a random one of the moments at which Tune calls, and ends the session.

    What the driver does when it ends in order happens in the folder that is left behind.

    Args:
        run: The run.
        copy: Where to copy it.
        after: How many moments come before.
    """

    def __init__(self, run, copy, after):
        self.run, self.copy, self.left = run, copy, after

    def _moment(self, **info):
        self.left -= 1
        if self.left < 0 and not self.copy.exists():
            shutil.copytree(self.run.path, self.copy)
            raise Killed

    on_step_begin = on_step_end = on_trial_start = on_trial_result = _moment
    on_trial_save = on_trial_complete = on_checkpoint = _moment


# ---- what people do with a run ---------------------------------------------------------------


class Hands:
    """Does to a folder what people do, at random; each method returns where the folder is then."""

    def __init__(self, home, rng):
        self.home, self.rng, self.count = home, rng, 0
        self.left_behind = []

    def do_something(self, folder):
        done = []
        for _ in range(self.rng.randint(1, 4)):
            act = self.rng.choice(
                (self.move, self.move_below, self.rename, self.copy, self.pack, self.touch)
            )
            done.append(act.__name__)
            folder = act(folder)
        return folder, done

    def move(self, folder):
        return self._moved(folder, self._new() / folder.name)

    def move_below(self, folder):
        """A pod's /results, brought home as ~/results: the new path contains the old one."""
        if len(str(folder)) > MAX_PATH:
            return self.move(folder)
        return self._moved(folder, self._new() / folder.relative_to("/"))

    def rename(self, folder):
        return self._moved(folder, folder.with_name(f"run-{self._number()}"))

    def copy(self, folder):
        """The other one stays where it was."""
        target = self._new() / folder.name
        target.parent.mkdir(parents=True)
        subprocess.run(["cp", "-r", folder, target], check=True)
        self.left_behind.append((folder, content(folder)))
        return target

    def pack(self, folder):
        archive, target = self._new().with_suffix(".tar"), self._new()
        target.mkdir()
        subprocess.run(["tar", "-C", folder.parent, "-cf", archive, folder.name], check=True)
        shutil.rmtree(folder)
        subprocess.run(["tar", "-C", target, "-xf", archive], check=True)
        archive.unlink()
        return target / folder.name

    def touch(self, folder):
        paths = sorted(folder.rglob("*"))
        self.rng.shuffle(paths)
        for path in paths:
            seconds = self.rng.uniform(1e9, 2e9)
            os.utime(path, (seconds, seconds))
        return folder

    def _moved(self, folder, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(folder, target))

    def _number(self):
        self.count += 1
        return self.count

    def _new(self):
        return self.home / f"place-{self._number()}"


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- sessions --------------------------------------------------------------------------------


def session(experiment, run, *callbacks):
    progress = SearchProgress(Console(file=io.StringIO()), experiment)
    outcome = tuning_run.run_trials(experiment, run, progress, resume=True, callbacks=callbacks)
    assert finalize_run(experiment, run, outcome, Session(0.0, 0.0)) is not None


def end_actors():
    """End what a killed session leaves, as Ray does when it notices that the driver is gone."""
    for number, described in placement_group_table().items():
        if described["state"] != "REMOVED":
            group = PlacementGroupID(bytes.fromhex(number))
            remove_placement_group(PlacementGroup(group))


def undisturbed(experiment, folder):
    """Return a run without a kill, and the number of its moments."""
    run = new_run_dir(experiment, folder, "whole")
    create_run_dir(run, experiment)
    count = Kill(run, folder, 0)
    session(experiment, run, count)
    return run, -count.left


def table(run):
    with run.table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def checkpoints(trial):
    """Return iteration and agent of all checkpoints, in the order of their numbers."""
    agents = [load_bundle(path / "agent") for path in sorted(trial.glob("checkpoint_*"))]
    return [(agent.provenance["iteration"], agent.agent_sha256) for agent in agents]


def assert_equal_runs(actual, expected):
    assert table(actual) == table(expected)
    for theirs in sorted(expected.trials.glob("0*")):
        ours = actual.trials / theirs.name
        rows = read_curves(ours / "metrics.csv").rows
        assert rows == read_curves(theirs / "metrics.csv").rows
        assert len(checkpoints(ours)) == KEPT
        assert checkpoints(ours) == checkpoints(theirs)
    assert not actual.state.exists()
    summary, whole = read_summary(actual.summary), read_summary(expected.summary)
    assert (summary.status, summary.best_trial) == ("done", whole.best_trial)
    assert (summary.verdict, summary.metrics) == (whole.verdict, whole.metrics)
    agent = find_bundle(expected.path).agent_sha256
    assert find_bundle(actual.path).agent_sha256 == summary.agent_sha256 == agent
    assert read_certificate(actual.certificate).agent_sha256 == agent
    assert read_run(actual).verdict == whole.verdict


def test_moves_copies_and_touches_between_kills_change_neither_trials_nor_rows_nor_agents(
    ray_cluster, tmp_path, monkeypatch
):
    monkeypatch.setattr(tuning_run, "SelfPlayTrainable", ChainedTrainable)
    file = tmp_path / "search.yaml"
    file.write_text(SEARCH)
    experiment = load_experiment(file)
    whole, moments = undisturbed(experiment, tmp_path / "results")
    seed = int(os.environ.get("MOVES_SEED", "0"))
    print(f"repeat with MOVES_SEED={seed}")  # noqa: T201 - pytest shows it if the test fails
    rng = random.Random(seed)
    sequences = runs = 0
    while sequences < SEQUENCES:
        runs += 1
        hands = Hands(tmp_path / f"home-{runs}", rng)
        run = new_run_dir(experiment, hands.home / "results", "a")
        create_run_dir(run, experiment)
        is_done = False
        while not is_done:
            killed = hands.home / "killed" / f"{hands.count}" / run.path.name
            kill = Kill(run, killed, rng.randint(0, moments // 3))
            try:
                session(experiment, run, kill)
                is_done = True
            except Killed:
                end_actors()
                # What the killed session is still writing may come into being again.
                shutil.rmtree(run.path, ignore_errors=True)
                folder, done = hands.do_something(killed)
                print(f"{runs}: {', '.join(done)}")  # noqa: T201
                run = RunDir(folder)
                sequences += 1
        assert_equal_runs(run, whole)
        for folder, files in hands.left_behind:
            if folder.exists():
                assert content(folder) == files, "the copies that were left behind are as they were"
        shutil.rmtree(hands.home, ignore_errors=True)
