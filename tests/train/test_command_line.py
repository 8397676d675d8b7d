"""The words of `ttt train`: however a setting is given, the experiment is the same."""

import pytest
import yaml

from tests import in_process
from tests.commands import ROOT
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.config.settings_table import all_settings
from ttt_rllib.errors import InputError
from ttt_rllib.train import command_line
from ttt_rllib.train.command_line import explain_option, overrides_of, split_words

WAYS = [
    ("ppo", "seed=3", "training.lr=1e-3", "env.rows=4"),
    ("ppo", "--set", "seed=3", "--set", "training.lr=1e-3", "--set", "env.rows=4"),
    ("ppo", "--seed", "3", "training.lr=1e-3", "--set", "env.rows=4"),
    ("--seed=3", "ppo.yaml", "training.lr=1e-3", "env={rows: 4}"),
    (str(ROOT / "experiments" / "ppo.yaml"), "training.lr=0.001", "seed=3", "env.rows=4"),
    ("ppo", "seed=1", "training.lr=1e-3", "seed=3", "env.rows=4"),
]


def printed(cwd, *words):
    outcome = in_process.call(("train", *words, "--print-config"), cwd=cwd, env={})
    assert (outcome.code, outcome.errors) == (0, ()), outcome
    assert list(cwd.iterdir()) == []
    return outcome.stdout


@pytest.mark.parametrize("words", WAYS, ids=" ".join)
def test_all_ways_give_the_same_experiment_and_print_config_writes_nothing(tmp_path, words):
    path = ROOT / "experiments" / "ppo.yaml"
    expected = load_experiment(path, ("seed=3", "training.lr=1e-3", "env.rows=4"))
    assert yaml.safe_load(printed(tmp_path, *words)) == expected.model_dump(mode="json")


def test_what_is_printed_is_an_experiment_that_gives_the_same(tmp_path_factory):
    empty, other = (tmp_path_factory.mktemp(name) for name in ("empty", "other"))
    text = printed(empty, "search_ppo", "seed=5")
    again = other / "again.yaml"
    again.write_text(text)
    assert printed(empty, str(again)) == text


def test_the_dry_run_is_the_plan(tmp_path):
    plan, dry = (
        in_process.call(("train", "ppo", word), cwd=tmp_path, env={})
        for word in ("--plan", "--dry-run")
    )
    assert dry.stdout == plan.stdout
    assert dry.code == plan.code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_key_with_two_values_in_two_ways_is_refused_and_in_one_way_the_last_wins():
    assert overrides_of((), ("seed=1", "seed=2")) == ("seed=1", "seed=2")
    assert overrides_of(("seed=1",), ("seed=1",), "1") == ("seed=1", "seed=1", "seed=1")
    for sets, words, seed in (
        (("seed=1",), ("seed=2",), None),
        (("seed=1",), (), "2"),
        ((), ("seed = 1",), "2"),
    ):
        with pytest.raises(InputError, match="give it only once"):
            overrides_of(sets, words, seed)


def test_a_first_word_with_an_equals_sign_is_a_setting():
    assert split_words("seed=1", ["x=2"]) == (None, ("seed=1", "x=2"))
    assert split_words("ppo", ["x=2"]) == ("ppo", ("x=2",))
    assert split_words("a=b.yaml", []) == ("a=b.yaml", ())


def test_options_of_other_programs_are_not_ours_or_those_of_a_setting():
    keys = {one.key for one in all_settings() if not one.is_section}
    assert not set(command_line.OTHER_OPTIONS) & keys
    assert explain_option("--learning-rate") == (
        "; a setting has no dashes: write training.lr=VALUE"
    )
    assert explain_option("--frobnicate") == ""
