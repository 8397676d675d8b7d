"""What differs between trials, shortened, against names and values chosen by hand."""

import pytest

from ttt_rllib.config.search import Search
from ttt_rllib.tracking.trial_settings import TrialSettings

SPACE = {
    "training.lr": {"choice": [[[0, 2e-3], [200_000, 2e-4]], [[0, 3e-3], [200_000, 2e-4]]]},
    "training.lambda_": {"uniform": [0.5, 1.0]},
    "model.hidden_sizes": {"choice": [[64, 64], [128, 128]]},
    "training.num_epochs": {"randint": [2, 6]},
}
FIRST = {
    "training.lr": [[0, 2e-3], [200_000, 2e-4]],
    "training.lambda_": 0.123456,
    "model.hidden_sizes": [64, 64],
    "training.num_epochs": 3,
    "seed": 0,
}


def settings(space=SPACE, **further):
    return TrialSettings(Search.model_validate({**space, **further}))


def test_of_a_list_only_the_entries_are_shown_that_differ():
    words = "lr=0.002 lambda_=0.1235 hidden_sizes=64,64 num_epochs=3"
    assert settings().words(FIRST) == words


def test_only_settings_that_differ_between_the_trials_so_far_are_named():
    other = {**FIRST, "training.lambda_": 0.9}
    assert settings().names([FIRST, other, FIRST]) == {"training.lambda_": "lambda_"}
    assert list(settings().names([FIRST])) == list(SPACE)
    assert settings().names([]) == {}


def test_seeds_are_named_where_a_configuration_has_several():
    other = {**FIRST, "seed": 1}
    assert settings().names([FIRST, other]) == {}
    assert settings(num_seeds=2).names([FIRST, other]) == {"seed": "seed"}


def test_a_name_is_as_long_as_it_must_be_to_be_the_only_one():
    space = {"self_play.window": {"randint": [1, 2]}, "opening.window": {"randint": [1, 2]}}
    assert settings(space).names([{"self_play.window": 1, "opening.window": 2}]) == {
        "self_play.window": "self_play.window",
        "opening.window": "opening.window",
    }


@pytest.mark.parametrize(
    ("values", "value", "text"),
    [
        ([[64], [64, 64]], [64, 64], "[64,64]"),
        ([1e-3, [[0, 1e-3]]], [[0, 1e-3]], "[[0,0.001]]"),
        ([True, False], True, "True"),
        ([["a", 1], ["b", 1]], ["b", 1], "b"),
        ([[1, 2]], [1, 2], "[1,2]"),
    ],
)
def test_values_of_different_forms_are_shown_whole(values, value, text):
    shown = settings({"training.x": {"choice": values}})
    assert shown.value("training.x", {"training.x": value}) == text
