"""`trials.csv` and `exploits.csv`: what a search writes is read back."""

import csv
from pathlib import Path

import pytest

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.exploits_csv import Exploit, count_exploits, write_exploits
from ttt_rllib.runs.outcome import TrialResult
from ttt_rllib.runs.trials_csv import read_trials, write_trials

SPACE = {"training.lr": {"loguniform": [1e-4, 1e-2]}, "model.hidden_sizes": {"choice": [[8], [9]]}}


@pytest.fixture
def path(tmp_path):
    """A search of two trials; the second one never had a result."""
    experiment = Experiment.model_validate({"search": SPACE})
    settings = {"training.lr": 1 / 3, "model.hidden_sizes": [8]}
    result = {"play": {"moves": 4100}, "exact": {"nash_conv": 0.5}}
    trials = (
        TrialResult("00000", "done", settings, 3, 0.5, Path("a"), None, result, None),
        TrialResult("00001", "failed", settings, 4, None, Path("b"), None, {}, "boom"),
    )
    write_trials(tmp_path / "trials.csv", experiment, trials)
    return tmp_path / "trials.csv"


def test_what_is_written_is_read_back(path):
    table = read_trials(path)
    first, second = table.rows
    assert table.keys == ("training.lr", "model.hidden_sizes")
    assert (first.name, first.status, first.seed, first.objective) == ("00000", "done", "3", 0.5)
    assert first.settings == {"training.lr": "0.333333333333", "model.hidden_sizes": "[8]"}
    assert first.metrics == {"play/moves": 4100.0, "exact/nash_conv": 0.5}
    assert (second.status, second.objective, second.metrics) == ("failed", None, {})
    assert read_trials(path.parent / "nothing") is None


def test_the_columns_are_those_that_people_rely_on(path):
    with path.open(newline="") as file:
        columns = next(csv.reader(file))
    names = [metric.name for metric in METRICS]
    keys = ["training.lr", "model.hidden_sizes"]
    assert columns == ["trial", "status", "seed", *keys, "objective", *names]


def test_a_status_that_nobody_writes_is_named(path):
    path.write_text(path.read_text().replace("failed", "lost"))
    with pytest.raises(InputError, match=r"trials\.csv: status 'lost': known are done, stopped"):
        read_trials(path)


def test_exploits_are_counted_as_they_were_added(tmp_path):
    assert count_exploits(tmp_path) == 0
    write_exploits(tmp_path, [Exploit(n, "00001", {"training.lr": 0.1 * n}) for n in (5, 9)])
    assert count_exploits(tmp_path) == 2
    text = (tmp_path / "exploits.csv").read_text().splitlines()
    assert text == ["iteration,from_trial,training.lr", "5,00001,0.5", "9,00001,0.9"]
    write_exploits(tmp_path, [])
    assert not (tmp_path / "exploits.csv").exists()
