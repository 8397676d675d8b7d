"""What a trial restores from checkpoints that are complete or damaged."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.tune.result import TRAINING_ITERATION

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.runs.checkpoints import write_manifest
from ttt_rllib.tuning.trainable import SelfPlayTrainable


class CountingAlgorithm:
    """An Algorithm whose state is the number of its iterations."""

    def __init__(self):
        self.iteration = 0

    def train(self):
        self.iteration += 1
        return {"play": {"moves": 100 * self.iteration}}

    def save_to_path(self, path):
        (path / "iteration").write_text(str(self.iteration))

    def load_checkpoint(self, path):
        self.iteration = int((Path(path) / "iteration").read_text())


def trainable():
    """Return a trial with a counting Algorithm, as `setup` leaves it."""
    trial = SelfPlayTrainable.__new__(SelfPlayTrainable)
    trial._algorithm = CountingAlgorithm()
    trial._experiment = SimpleNamespace(
        stop=SimpleNamespace(moves=None, consecutive_unexploitable_evals=None)
    )
    trial._searched, trial._objective = None, None
    return trial


@pytest.fixture
def checkpoints(tmp_path):
    """Return three checkpoints, after the iterations 1, 2 and 3."""
    folders = []
    for iteration in (1, 2, 3):
        folder = tmp_path / f"checkpoint_{iteration:06d}"
        folder.mkdir()
        (folder / "iteration").write_text(str(iteration))
        (folder / "objective.json").write_text(json.dumps(0.5 * iteration))
        write_manifest(folder)
        folders.append(folder)
    return folders


@pytest.mark.parametrize(("damaged", "restored"), [((), 3), ((2,), 2), ((1, 2), 1), ((0, 1, 2), 0)])
def test_a_trial_continues_from_the_newest_complete_checkpoint_and_counts_on_from_there(
    checkpoints, damaged, restored
):
    for number in damaged:
        (checkpoints[number] / "iteration").write_text("9")
    trial = trainable()
    trial.load_checkpoint(str(checkpoints[-1]))
    assert trial._objective == (0.5 * restored or None)
    result = trial.step()
    assert result[TRAINING_ITERATION] == restored + 1
    assert result["play"]["moves"] == 100 * (restored + 1)


def test_a_trial_never_continues_from_a_checkpoint_after_the_one_it_was_given(checkpoints):
    trial = trainable()
    trial.load_checkpoint(str(checkpoints[1]))
    assert trial.step()[TRAINING_ITERATION] == 3


@pytest.mark.parametrize(
    ("figures", "expected"),
    [({"nash_conv_greedy": 1}, 2000.0), ({}, 3000.0), ({"nash_conv": 0.5}, 1500.0)],
)
def test_the_default_objective_is_reported_at_every_evaluation_also_of_a_game_that_is_walked(
    figures, expected
):
    trial = trainable()
    trial._experiment = Experiment.model_validate(
        {
            "stop": {"moves": 1000, "consecutive_unexploitable_evals": 3},
            "evaluation": {"evaluation_interval": 2},
        }
    )
    objectives = []
    for iteration in (1, 2):
        exact = {"consecutive_unexploitable_evals": 0, **(figures if iteration == 2 else {})}
        row = {"play": {"moves": 100}, "perf": {"iteration": iteration}, "exact": exact}
        trial._algorithm.train = lambda row=row: row
        objectives.append(trial.step().get("search", {}).get("penalised_moves"))
    assert objectives == [None, expected]
