"""Names of earlier versions: each is refused with the name that is used now."""

from pathlib import Path

import pytest

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.explanation import _all_keys
from ttt_rllib.config.loading import dump_experiment, load_experiment, load_saved_experiment
from ttt_rllib.config.renames import RENAMED_SETTINGS
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import BETTER, RENAMED_METRICS

DEBUG = Path(__file__).parents[2] / "experiments" / "debug.yaml"

SETTINGS = {
    "evaluation.exact_interval": "evaluation.evaluation_interval",
    "model.hiddens": "model.hidden_sizes",
    "search.seeds": "search.num_seeds",
    "stop.unexploitable_evals": "stop.consecutive_unexploitable_evals",
}
METRICS = {
    "exact/share_of_ceiling_o": "exact/normalized_score_o",
    "exact/share_of_ceiling_x": "exact/normalized_score_x",
    "exact/unexploitable_evals": "exact/consecutive_unexploitable_evals",
    "play/score_vs_alpha_beta": "eval/score_vs_alpha_beta",
    "play/score_vs_one_ply": "eval/score_vs_one_ply",
    "play/score_vs_random": "eval/score_vs_random",
}


def refusal(*overrides):
    with pytest.raises(InputError) as error:
        load_experiment(DEBUG, overrides)
    return str(error.value)


def test_the_tables_are_those_of_the_changelog_and_lead_to_what_exists():
    assert RENAMED_SETTINGS == SETTINGS
    assert RENAMED_METRICS == METRICS
    assert set(METRICS.values()) <= set(BETTER)
    assert not set(METRICS) & set(BETTER)
    keys = set(_all_keys(Experiment, {}))
    assert set(SETTINGS.values()) <= keys
    assert not set(SETTINGS) & keys


@pytest.mark.parametrize(("old", "new"), SETTINGS.items())
def test_a_renamed_setting_is_refused_with_its_new_name(old, new):
    assert refusal(f"{old}=1") == f"{old}=1: was renamed; write {new}"


@pytest.mark.parametrize(("old", "new"), SETTINGS.items())
def test_a_renamed_setting_that_is_searched_is_refused_with_its_new_name(old, new):
    override = f"search={{{old}: {{choice: [1, 2]}}}}"
    message = refusal(override)
    assert message == f"{override[:60]}: search.{old}: was renamed; write search.{new}"


@pytest.mark.parametrize(("old", "new"), METRICS.items())
@pytest.mark.parametrize("key", ["search.objective", "checkpoint.checkpoint_score_attribute"])
def test_a_renamed_metric_is_refused_with_its_new_name(old, new, key):
    message = refusal("search={training.lr: {choice: [0.1]}}", f"{key}={old}")
    assert message == f"{key}={old}"[:60] + f": {old} was renamed; write {new}"


def test_a_run_of_an_earlier_version_is_refused_with_one_sentence_that_says_what_to_do(tmp_path):
    saved = tmp_path / "experiment.yaml"
    saved.write_text(dump_experiment(load_experiment(DEBUG)))
    assert load_saved_experiment(saved) == load_experiment(DEBUG)
    saved.write_text(saved.read_text().replace("hidden_sizes:", "hiddens:"))
    with pytest.raises(InputError) as error:
        load_saved_experiment(saved)
    assert str(error.value) == (
        f"{saved}: an earlier version wrote this run (model.hiddens is now model.hidden_sizes); "
        "start a new run, or use ttt_rllib 0.1.0 for this one"
    )
