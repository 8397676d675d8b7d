"""Whole searches through the command: early ends, exploits, the table, the best configuration."""

import csv
import json

import pytest

from tests.commands import run_command
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.runs.metrics_csv import MetricsCsv

pytestmark = pytest.mark.long

SMALL = """
# A search that takes seconds.
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 1}
env_runners: {num_envs_per_env_runner: 64}
stop: {moves: 8_000}
checkpoint: {num_to_keep: 4}
tracking: {wandb: {mode: disabled}}
evaluation: {evaluation_interval: 3}  # the last iteration is not measured: the 16th
search:
"""
RANDOM = """
  training.lr: {loguniform: [1e-5, 1e-2]}
"""
ASHA = """
  num_samples: 6
  algorithm: optuna
  scheduler: asha
  asha: {grace_period: 2_000, reduction_factor: 2}
"""
PBT = """
  num_samples: 4
  algorithm: pbt
  scheduler: pbt
  pbt: {perturbation_interval: 2_000, quantile_fraction: 0.5}
"""


def search(folder, settings):
    experiment = folder / "small.yaml"
    experiment.write_text(SMALL + settings)
    done = run_command("train", experiment, "--storage", folder, "--name", "a")
    assert done.returncode == 0, done.stderr
    run = folder / "small" / "a"
    with (run / "trials.csv").open(encoding="utf-8") as file:
        return run, list(csv.DictReader(file)), done.stdout


def rows_of(run, trial):
    return MetricsCsv(run / "trials" / trial / "metrics.csv").rows()


def test_asha_ends_trials_early_and_the_best_is_certified_reported_and_an_experiment(tmp_path):
    run, trials, said = search(tmp_path, RANDOM + ASHA)
    assert [trial["trial"] for trial in trials] == [f"{number:05d}" for number in range(6)]
    ended = {status: [t for t in trials if t["status"] == status] for status in
             ("done", "stopped early")}  # fmt: skip
    assert len(ended["done"]) + len(ended["stopped early"]) == 6
    assert ended["stopped early"], "half of the trials are worse than the median at a rung"
    assert all(float(trial["play/moves"]) >= 8_000 for trial in ended["done"])
    for trial in ended["stopped early"]:
        # Rungs are at 2,000 and 4,000 moves; an iteration has about 520.
        moves = float(trial["play/moves"])
        assert any(rung <= moves < rung + 600 for rung in (2_000, 4_000)), moves
    for trial in trials:
        assert trial["objective"] == trial["exact/nash_conv"]
        assert float(rows_of(run, trial["trial"])[-1]["exact/nash_conv"]) == float(
            trial["objective"]
        )

    best = min(ended["done"], key=lambda trial: float(trial["objective"]))
    summary = json.loads((run / "summary.json").read_text())
    assert summary["best_trial"] == summary["search"]["best_trial"] == best["trial"]
    assert (run / "metrics.csv").read_text() == (
        run / "trials" / best["trial"] / "metrics.csv"
    ).read_text()
    assert (run / "certificate.json").is_file()
    found = load_experiment(run / "best.yaml")
    assert f"{found.training.lr:.12g}" == best["training.lr"]
    assert found.search is None
    assert run_command("train", run / "best.yaml", "--plan").returncode == 0
    assert "stopped early" in said
    assert "stopped early" in (run / "report.html").read_text()


def test_a_population_copies_the_better_half_and_learns_on_with_the_changed_rate(tmp_path):
    run, trials, _ = search(tmp_path, RANDOM + PBT)
    assert {trial["status"] for trial in trials} == {"done"}
    exploits = {}
    for path in run.glob("trials/*/exploits.csv"):
        with path.open(encoding="utf-8") as file:
            exploits[path.parent.name] = list(csv.DictReader(file))
    assert exploits, "every comparison copies the better half over the worse"
    for trial in trials:
        copied = exploits.get(trial["trial"], [])
        assert all(row["from_trial"] != trial["trial"] for row in copied)
        if copied:
            assert float(copied[-1]["training.lr"]) == pytest.approx(float(trial["training.lr"]))
        # The rate that the learner used last is the one of the changed settings.
        used = float(rows_of(run, trial["trial"])[-1]["learner/lr"])
        assert used == pytest.approx(float(trial["training.lr"]))
        assert 1e-5 <= used <= 1e-2


GRID = """
  training.lr: {grid: [1e-3, 3e-3, 1e-2]}
  model.hidden_sizes: {grid: [[16], [32]]}
  num_samples: 1
  max_concurrent: 2
"""


def test_two_processes_serve_all_trials_and_a_used_one_trains_as_a_new_one_does(tmp_path):
    run, trials, _ = search(tmp_path, GRID)
    served = {trial["trial"]: process_of(run, trial["trial"]) for trial in trials}
    # The trials are shorter than the start of a process, which no other trial may end.
    assert served["00000"] != served["00001"]
    assert len(set(served.values())) == 2

    last = trials[-1]["trial"]
    assert served[last] in (served["00000"], served["00001"]), "it is not a new process"
    alone = tmp_path / "alone.yaml"
    alone.write_text(SMALL[: SMALL.index("search:")])
    changes = ("training.lr=1e-2", "model.hidden_sizes=[32]")
    options = [word for change in changes for word in ("--set", change)]
    done = run_command("train", alone, "--storage", tmp_path, "--name", "a", *options)
    assert done.returncode == 0, done.stderr
    assert figures(tmp_path / "alone" / "a", "00000") == figures(run, last)


def process_of(run, trial):
    """Return the number of the process that made a trial's last iteration."""
    lines = (run / "trials" / trial / "result.json").read_text().splitlines()
    return json.loads(lines[-1])["pid"]


def figures(run, trial):
    """Return all rows of a trial without what a clock or the system measures.

    The objective is left out too: a search repeats it in iterations that do not measure it.
    """
    return [
        {
            name: cell
            for name, cell in row.items()
            if not name.startswith("perf/") and name != "exact/nash_conv"
        }
        for row in rows_of(run, trial)
    ]
