"""Words of other libraries: each leads to a setting that exists, wherever it is written."""

import re

import pytest

from ttt_rllib.config import foreign_words
from ttt_rllib.config.foreign_words import FOREIGN_WORDS, NO_SUCH_SETTING, meant_instead
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.config.settings_table import all_settings, find_settings
from ttt_rllib.errors import InputError

SETTINGS = all_settings()
KEYS = {one.key for one in SETTINGS}
OF_PPO = {one.key for one in SETTINGS if not one.only or "ppo" in one.only}
TOP_WORDS = {key.split(".")[0] for key in KEYS}


def refusal(tmp_path, text, *overrides):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_experiment(path, overrides)
    return str(error.value)


def test_every_word_leads_to_settings_that_exist():
    for word, keys in FOREIGN_WORDS.items():
        assert set(keys) <= KEYS, word
        assert word not in keys or word == "initialize_from"
    for word, reason in NO_SUCH_SETTING.items():
        for key in re.findall(r"\b[a-z_]+\.[a-z_.]+[a-z_]", reason):
            assert key in KEYS or key == "metrics.csv", (word, key)
    assert not set(FOREIGN_WORDS) & set(NO_SUCH_SETTING)


def test_the_tables_of_the_libraries_agree_where_they_overlap():
    tables = (
        foreign_words.STABLE_BASELINES3,
        foreign_words.CLEAN_RL,
        foreign_words.ML_AGENTS,
        foreign_words.OLD_RLLIB,
        foreign_words.OTHERS,
    )
    assert sum(map(len, tables)) == len(FOREIGN_WORDS)


@pytest.mark.parametrize("word", sorted(set(FOREIGN_WORDS) - TOP_WORDS))
def test_a_word_is_answered_at_any_place_of_a_file_and_in_an_override(tmp_path, word):
    fitting = [key for key in FOREIGN_WORDS[word] if key in OF_PPO]
    if not fitting:
        assert "; did you mean " not in meant_instead(word, tuple(OF_PPO))
        return
    expected = f"did you mean {fitting[0]}?"
    at_the_top = refusal(tmp_path, f"{word}: 1")
    assert expected in at_the_top
    problem = at_the_top.partition(f": {word}: ")[2]
    assert refusal(tmp_path, "seed: 1", f"{word}=1") == f"{word}=1: {problem}"
    assert expected in refusal(tmp_path, f"search: {{{word}: {{choice: [1]}}}}")
    # Where the word is ours, it may be right, or another problem comes first.
    if f"training.{word}" not in KEYS:
        assert expected in refusal(tmp_path, f"training: {{{word}: 1}}")
    if f"model.{word}" not in KEYS:
        assert expected in refusal(tmp_path, f"model: {{{word}: 1}}")


@pytest.mark.parametrize("word", sorted(NO_SUCH_SETTING))
def test_a_word_that_means_nothing_here_is_answered_with_what_to_do(tmp_path, word):
    assert refusal(tmp_path, f"{word}: 1").endswith(f"unknown key; {NO_SUCH_SETTING[word]}")


def test_the_answer_is_of_the_experiments_algorithm(tmp_path):
    for algorithm, key in {
        "ppo": "training.minibatch_size",
        "td": "training.minibatch_size",
        "dqn": "training.train_batch_size_per_learner",
    }.items():
        said = refusal(tmp_path, f"{{algorithm: {algorithm}, training: {{batch_size: 64}}}}")
        assert said.endswith(f"training.batch_size: unknown key; did you mean {key}?")
    said = refusal(tmp_path, "training: {epsilon: 0.2}")
    assert said.endswith("it is one of dqn and td; did you mean training.clip_param?")


@pytest.mark.parametrize("word", ["learning-rate", "Learning_Rate", "n_sgd.learning_rate"])
def test_case_dashes_and_sections_do_not_matter_to_the_settings_command(word):
    with pytest.raises(InputError, match=r"did you mean training\.lr\?"):
        find_settings(word)
