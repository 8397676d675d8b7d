"""`ttt train` with a user's opponent, metric and callback, as the page has them."""

import json
import shutil
import signal
import sys

import pytest
import yaml

from tests.commands import finish, run_command, start_command, wait_until
from tests.docs.blocks import blocks
from tests.in_process import call
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.league.standing import read_standing
from ttt_rllib.runs.metrics_csv import read_curves
from ttt_rllib.runs.trials_csv import read_trials

PAGE = "docs/own_parts.md"
MODULES = ("my_module", "my_opponent", "my_metrics", "my_callbacks")
"""The Python blocks of the page, by the names that its text gives them."""
SMALL = {
    "training": {"train_batch_size_per_learner": 500, "minibatch_size": 250},
    "env_runners": {"num_env_runners": 0},
    "checkpoint": {"checkpoint_frequency": 1},
}
NOTES = """

class Loads(RLlibCallback):
    def on_checkpoint_loaded(self, *, algorithm, **kwargs):
        self.loaded = algorithm.iteration

    def on_train_result(self, *, result, **kwargs):
        result["custom"]["loaded"] = getattr(self, "loaded", 0)
"""


@pytest.fixture
def folder(tmp_path):
    """The page's modules and all of its experiments but the network's in one, `parts.yaml`."""
    folder = tmp_path / "mine"
    folder.mkdir()
    sources = [block.text for block in blocks(PAGE) if block.language == "python"]
    for name, source in zip(MODULES, sources, strict=True):
        (folder / f"{name}.py").write_text(source)
    with (folder / "my_callbacks.py").open("a") as file:
        file.write(NOTES)
    parts = [yaml.safe_load(block.text) for block in blocks(PAGE) if block.language == "yaml"][1:]
    experiment = {**SMALL, **{key: one for part in parts for key, one in part.items()}}
    experiment["self_play"] |= {"save_steps": 1_000, "swap_steps": 500}
    experiment["callbacks"] += ["my_callbacks:Loads"]
    experiment["stop"] = {"iterations": 12}
    (folder / "parts.yaml").write_text(yaml.safe_dump(experiment))
    return folder


def test_the_pages_experiments_name_what_its_modules_have(folder, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    experiment = load_experiment(folder / "parts.yaml")
    paths = (
        experiment.self_play.members[-1],
        experiment.evaluation.metrics["centre_rate"],
        experiment.callbacks[0],
    )
    for path in paths:
        module, _, name = path.partition(":")
        source = (folder / f"{module}.py").read_text()
        assert f"def {name}(" in source or f"class {name}(" in source
    # The modules are found beside the file.
    done = call(("train", str(folder / "parts.yaml"), "--plan"), cwd=folder.parent, env={})
    assert done.code == 0, done.errors


@pytest.mark.long
def test_a_run_has_own_parts_keeps_them_and_resumes_when_the_users_files_are_gone(folder, tmp_path):
    words = (folder / "parts.yaml", "--name", "one")
    process = start_command("train", *words, cwd=tmp_path)
    run = tmp_path / "results" / "parts" / "one"
    checkpoints = run / "trials"
    wait_until("a checkpoint", lambda: list(checkpoints.glob("*/*/complete.json")), process=process)
    process.send_signal(signal.SIGINT)
    finish(process)
    rows = len(read_curves(run / "trials" / "00000" / "metrics.csv").rows)
    assert 0 < rows < 12
    assert {path.name for path in (run / "own_code").glob("*.py")} == {
        "my_metrics.py",
        "my_callbacks.py",
    }
    shutil.rmtree(folder)
    # A module of the same name is not taken for the run's.
    (tmp_path / "my_metrics.py").write_text("raise RuntimeError")
    (tmp_path / "my_opponent.py").write_text("raise RuntimeError")
    resumed = run_command("train", "--resume", run, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    curves = read_curves(run / "metrics.csv")
    assert len(curves.rows) == 12
    for name in ("custom/centre_rate", "custom/cost_of_exploring", "custom/loaded"):
        assert all(row[name] for row in curves.rows), name
    assert (curves["custom/centre_rate"] <= 1.0).all()
    expected = curves["exact/nash_conv"] - curves["exact/nash_conv_greedy"]
    assert curves["custom/cost_of_exploring"] == pytest.approx(expected, abs=1e-9)
    # What was learnt before the interrupt was not repeated, and the callback was told.
    assert curves["custom/loaded"][0] == 0.0
    assert curves["custom/loaded"][-1] >= max(1, rows - 1)
    figures = json.loads((run / "summary.json").read_text())["metrics"]
    assert figures["custom/centre_rate"] == pytest.approx(curves.last("custom/centre_rate"))
    standing = read_standing(max(run.glob("trials/00000/checkpoint_*")) / "league.json")
    assert "my_opponent:leftmost" in [player.name for player in standing.players]
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "my_opponent:leftmost" in report
    assert "custom/centre_rate" in report
    events = next((run / "trials" / "00000").glob("events.out.tfevents.*")).read_bytes()
    assert b"custom/centre_rate" in events


@pytest.mark.long
def test_a_search_can_maximise_a_metric_of_ones_own(folder, tmp_path):
    experiment = {
        **SMALL,
        "evaluation": {"metrics": {"centre_rate": "my_metrics:centre_rate"}},
        "search": {
            "training.lr": {"grid": [1.0e-4, 1.0e-2]},
            "num_samples": 1,
            "objective": "custom/centre_rate",
            "mode": "max",
        },
        "stop": {"iterations": 3},
    }
    (folder / "search.yaml").write_text(yaml.safe_dump(experiment))
    done = run_command("train", folder / "search.yaml", "--name", "one", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "results" / "search" / "one"
    rows = read_trials(run / "trials.csv").rows
    assert len(rows) == 2
    best = max(rows, key=lambda row: row.objective)
    curves = read_curves(run / "metrics.csv")
    assert curves.last("custom/centre_rate") == pytest.approx(best.objective)
