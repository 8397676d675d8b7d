"""What a search found, in lines that `ttt train` takes again."""

import shlex
from pathlib import Path

import pytest

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import load_experiment, with_settings
from ttt_rllib.runs.outcome import RunResult, TrialResult
from ttt_rllib.train.command_line import overrides_of
from ttt_rllib.train.finalize import best_experiment
from ttt_rllib.train.search_result import best_settings

SPACE = {
    "training.lr": {"choice": [[[0, 2e-3], [200_000, 2e-4]], 1e-3]},
    "training.num_epochs": {"randint": [2, 6]},
}
BEST = {"training.lr": [[0, 2e-3], [200_000, 2e-4]], "training.num_epochs": 3}
STOP = {"consecutive_unexploitable_evals": 3, "moves": 300_000}


def searched(**search):
    return Experiment.model_validate({"stop": STOP, "search": {**SPACE, **search}})


def outcome(objective=37_000.0):
    best = TrialResult("00012", "done", BEST, 5, objective, Path(), None, {}, None)
    return RunResult((best,) * 24, best, interrupted=False, num_trials=24)


def test_the_best_trial_is_named_with_its_figure_and_the_searched_settings():
    assert best_settings(searched(), outcome()) == [
        "best of 24 trials: 00012, search/penalised_moves 37,000",
        "  'training.lr=[[0,0.002],[200000,0.0002]]'",
        "  training.num_epochs=3",
    ]


def test_the_settings_can_be_copied_into_a_command():
    words = shlex.split(" ".join(best_settings(searched(), outcome())[1:]))
    assert overrides_of((), words) == tuple(words)
    found = with_settings(Experiment(), BEST)
    assert found.training.num_epochs == 3
    assert found.training.lr == ((0, 2e-3), (200_000, 2e-4))


def test_the_best_configuration_is_an_experiment_whatever_the_length_of_the_name(tmp_path):
    for name in ("search", "n" * 128):
        experiment = searched().model_copy(update={"name": name})
        (tmp_path / "best.yaml").write_text(best_experiment(experiment, outcome().best))
        found = load_experiment(tmp_path / "best.yaml")
        assert found.name == f"{name[:123]}_best"
        assert found.training.num_epochs == 3


def test_the_seed_is_named_where_a_configuration_has_several():
    assert best_settings(searched(num_seeds=2), outcome())[-1] == "  seed=5"


@pytest.mark.parametrize("experiment", [Experiment(), searched()])
def test_without_a_search_or_a_best_trial_nothing_is_said(experiment):
    nothing = RunResult((), None, interrupted=True, num_trials=24)
    assert best_settings(experiment, nothing) == []
    assert best_settings(Experiment(), outcome()) == []


def test_a_best_trial_that_was_never_measured_says_so():
    (first, *_) = best_settings(searched(), outcome(objective=None))
    assert first == "best of 24 trials: 00012, search/penalised_moves not measured"
