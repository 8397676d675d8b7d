"""The table of settings against the schema itself: keys, defaults and meanings."""

import json

import pytest

from tests import in_process
from tests.commands import ROOT
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.explanation import _all_keys
from ttt_rllib.config.settings_table import all_settings, find_settings, nearest_setting
from ttt_rllib.config.training import TRAINING

SETTINGS = all_settings()


def at(data, key):
    for word in key.split("."):
        data = data[word]
    return data


def ttt_settings(*words, columns=80):
    outcome = in_process.call(("settings", *words), cwd=ROOT, env={"COLUMNS": str(columns)})
    assert (outcome.code, outcome.errors) == (0, ()), outcome
    return outcome.stdout


def test_it_has_every_key_of_the_schema_with_every_algorithm():
    keys = set()
    for training in TRAINING.values():
        keys |= set(_all_keys(Experiment, {"training": training}))
    assert keys <= {one.key for one in SETTINGS}
    assert {one.key for one in SETTINGS} - keys == {
        "env.pettingzoo",
        "env.kwargs",
        "env.own_game",
    }


def test_every_setting_has_a_type_and_a_meaning():
    for one in SETTINGS:
        assert one.doc.endswith("."), one
        assert one.is_section or one.kind, one
        assert "<class" not in one.kind, one
        assert "typing." not in one.kind, one


@pytest.mark.parametrize("algorithm", TRAINING)
def test_the_defaults_are_those_of_an_experiment_without_settings(algorithm):
    data = Experiment.model_validate({"algorithm": algorithm}).model_dump(mode="json")
    of_this = [one for one in SETTINGS if not one.only or {algorithm, "board"} & set(one.only)]
    for one in of_this:
        is_of_a_search = one.key.startswith("search.")
        if one.is_section or is_of_a_search or one.key == "algorithm":
            continue
        assert at(data, one.key) == json.loads(one.default), one


def test_a_key_has_a_line_for_each_kind_and_a_section_all_of_its_settings():
    assert [(one.default, one.only) for one in find_settings("training.lr")] == [
        ("0.003", ("ppo",)),
        ("0.001", ("dqn", "td")),
    ]
    assert [one.key for one in find_settings("opening")] == [
        "opening",
        "opening.random_plies",
        "opening.refuted_starts",
    ]


def test_the_type_says_what_is_allowed():
    kinds = {one.key: one.kind for one in SETTINGS if not one.only}
    assert kinds["seed"] == "integer >= 0 and < 2147483648"
    assert kinds["opening.random_plies"] == "[integer >= 0, integer >= 0]"
    assert kinds["model.hidden_sizes"] == "[integer > 0, ...]"
    assert kinds["stop.moves"] == "integer > 0 or null"
    assert kinds["algorithm"] == "ppo or dqn or td"
    assert kinds["training.grad_clip"] == "number > 0 or null"


def test_the_nearest_setting():
    assert nearest_setting("trainig.lr") == "training.lr"
    assert nearest_setting("hiden_sizes") == "model.hidden_sizes"
    assert nearest_setting("stop.max_steps") == "stop.moves"
    assert nearest_setting("zzz") is None


@pytest.mark.parametrize("columns", [40, 80])
def test_the_command_shows_all_of_them_at_any_width(columns):
    shown = ttt_settings(columns=columns)
    too_long = [line for line in shown.splitlines() if len(line) > columns]
    assert [line for line in too_long if len(line.split()) > 1] == []
    for one in SETTINGS:
        assert (f"# {one.key}" if one.is_section else f"{one.key}:") in shown
    assert ttt_settings("stop.moves", columns=columns) in shown


def test_no_setting_stands_below_the_heading_of_a_section_that_it_is_not_in():
    heading = ""
    for setting in all_settings():
        if setting.is_section:
            heading = setting.key
        assert setting.key == heading or setting.key.rpartition(".")[0] == heading, setting.key
