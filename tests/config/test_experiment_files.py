"""Experiments by name: a file wins, then the package's own."""

from pathlib import Path

import pytest

from ttt_rllib import load_experiment
from ttt_rllib.config import experiment_files
from ttt_rllib.config.experiment_files import find_experiment, shipped_experiments
from ttt_rllib.errors import InputError

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_packages_experiments_are_those_of_the_repository():
    assert set(shipped_experiments()) == {path.stem for path in EXPERIMENTS.glob("*.yaml")}


def test_in_a_wheel_they_lie_beside_the_modules(tmp_path, monkeypatch):
    (tmp_path / "only.yaml").write_text("")
    monkeypatch.setattr(experiment_files, "FOLDERS", (tmp_path, EXPERIMENTS))
    assert shipped_experiments() == {"only": tmp_path / "only.yaml"}
    assert experiment_files.PACKAGE.name == "ttt_rllib"


@pytest.mark.parametrize("word", ["ppo", "ppo.yaml"])
def test_a_name_is_found_with_and_without_its_suffix(here, word):
    assert find_experiment(word) == shipped_experiments()["ppo"]
    assert load_experiment(word).name == "ppo"


@pytest.mark.parametrize("word", ["ppo", "ppo.yaml", "./ppo.yaml"])
def test_a_file_wins(here, word):
    (here / "ppo.yaml").write_text("seed: 7")
    assert find_experiment(word).resolve() == here / "ppo.yaml"
    assert load_experiment(word).seed == 7


def test_a_file_without_a_suffix_wins_too_and_a_folder_does_not(here):
    (here / "ppo").mkdir()
    assert find_experiment("ppo") == shipped_experiments()["ppo"]
    (here / "dqn").write_text("seed: 7")
    assert find_experiment("dqn") == Path("dqn")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pppo", "pppo: no such file or experiment; did you mean ppo? Known are connect_four, "),
        ("ppo.yml", "ppo.yml: no such file; did you mean ppo? Known are "),
        ("zzz", "zzz: no such file or experiment; known are connect_four, "),
        ("x/ppo.yaml", "x/ppo.yaml: no such file; the package's own experiment of that name is "),
        ("x/pppo.yaml", "x/pppo.yaml: no such file; did you mean ppo?"),
    ],
)
def test_what_is_not_there_is_one_sentence_with_what_is(here, word, expected):
    with pytest.raises(InputError) as error:
        find_experiment(word)
    assert str(error.value).startswith(expected)


def test_other_yaml_files_of_the_folder_are_not_called_experiments(here):
    (here / "compose.yaml").write_text("services: {}")
    with pytest.raises(InputError) as error:
        find_experiment("zzz")
    assert "compose" not in str(error.value)
