"""Raising the limits of a run that has begun: what is refused, kills, and the same training."""

import json
import shutil
from dataclasses import replace

import pytest

from tests.commands import ROOT, run_command
from tests.in_process import call, listing
from tests.report.conftest import made_rows, write_run
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import load_saved_experiment, with_overrides
from ttt_rllib.errors import InputError
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.extensions_json import Extension, read_extensions
from ttt_rllib.runs.metrics_csv import MetricsCsv
from ttt_rllib.runs.summary import read_summary
from ttt_rllib.train import longer_limits
from ttt_rllib.train.longer_limits import extend_run

DEBUG = ROOT / "experiments" / "debug.yaml"
LIMITS = {"moves": 200_000, "iterations": 31, "train_s": None}


def killed(*_):
    raise SystemExit


@pytest.fixture
def done(tmp_path, new_summary):
    """A run that ended at its 31st iteration."""
    experiment = Experiment.model_validate({"name": "ppo", "stop": LIMITS})
    return write_run(tmp_path / "ppo" / "done", new_summary(), experiment=experiment)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["stop.iterations=31"], "--set stop.iterations=31: the run has this already"),
        (["stop.iterations=30"], "--set stop.iterations=30: the run has 31; a limit may only be"),
        (["stop.iterations=40", "stop.moves=1000"], "--set stop.moves=1000: the run has 200000;"),
        (["stop.train_s=60"], "--set stop.train_s=60.0: the run has no such limit"),
        (["stop.moves=null"], "has reached stop.iterations=31; raise or remove that, too"),
        (["training.lr=0.1"], "--set training.lr: --resume keeps the settings of the run"),
        (["stop.iterations=40", "seed=1"], "--set seed: --resume keeps the settings"),
        (["stop.iteration=40"], "stop.iteration=40: unknown key; did you mean stop.iterations"),
        (["stop.iterations=many"], 'stop.iterations=many: is "many"; '),
        (["stop.iterations=null", "stop.moves=null"], "stop has no limit at all"),
    ],
)
def test_what_is_not_a_limit_that_grows_is_refused_in_one_line(done, words, complaint):
    before = listing(done.path)
    sets = [part for word in words for part in ("--set", word)]
    ended = call(("train", "--resume", str(done.path), *sets), cwd=done.path.parent, env={})
    assert ended.code == 2
    (line,) = ended.errors
    assert complaint in line
    assert listing(done.path) == before


def test_a_run_is_resumed_where_it_lies_and_nowhere_else(done):
    storage = done.path.parent.parent
    words = ("train", "--resume", str(done.path), "--plan", "--storage")
    ended = call((*words, str(storage / "elsewhere")), cwd=storage, env={})
    assert ended.code == 2
    assert f"the run lies in {storage} and is resumed there; leave --storage" in ended.errors[0]
    assert call((*words, "."), cwd=storage, env={}).code == 0


def test_a_search_is_refused(tmp_path, new_summary):
    experiment = Experiment.model_validate({"search": {"training.lr": {"uniform": [0.1, 0.2]}}})
    run = write_run(tmp_path / "ppo" / "search", new_summary(), experiment=experiment)
    words = ("train", "--resume", str(run.path), "--set", "stop.moves=9_000_000")
    ended = call(words, cwd=tmp_path, env={})
    assert ended.code == 2
    assert "is a search, whose trials were compared at its limits" in ended.errors[0]


def test_the_limits_of_a_killed_run_are_raised_and_noted_once(tmp_path, monkeypatch):
    saved = Experiment.model_validate({"name": "ppo", "stop": LIMITS})
    run = write_run(tmp_path / "ppo" / "killed", None, experiment=saved, rows=made_rows(3))
    for number in (40, None):
        saved = load_saved_experiment(run.experiment)
        given = with_overrides(saved, (f"stop.iterations={number or 'null'}",))
        with monkeypatch.context() as patch:
            patch.setattr(longer_limits, "write_atomic", killed)
            with pytest.raises(SystemExit):
                extend_run(run, saved, given)
        assert load_saved_experiment(run.experiment) == saved
        extend_run(run, saved, given)
        assert load_saved_experiment(run.experiment) == given
    first = Extension("stop.iterations", 31, 40)
    assert read_extensions(run.path) == (first, replace(first, before=40, after=None))
    with pytest.raises(InputError, match="was changed meanwhile"):
        extend_run(run, saved, given)


def train(*words):
    done = run_command("train", *words, env={"WANDB_MODE": "disabled"})
    assert done.returncode == 0, done.stderr
    return done


def figures(run):
    """Return everything in metrics.csv that no clock and no process decides."""
    rows = MetricsCsv(run / "metrics.csv").rows()
    iteration = "perf/iteration"
    return [
        {key: row[key] for key in row if key == iteration or not key.startswith("perf/")}
        for row in rows
    ]


def reread(run):
    return read_summary(run / "summary.json")


@pytest.mark.long
def test_a_run_whose_limit_was_raised_is_the_run_that_had_the_limit_from_the_start(
    tmp_path, monkeypatch
):
    storage = ("--storage", tmp_path)
    train(DEBUG, *storage, "--name", "whole", "--set", "stop.iterations=5")
    train(DEBUG, *storage, "--name", "short")
    whole, short = (tmp_path / "debug" / name for name in ("whole", "short"))
    assert len(figures(short)) == 3
    plan = train("--resume", short, "--set", "stop.iterations=5", "--plan")
    assert plan.stdout.startswith("plan: ")
    assert reread(short).status == "done", "a plan writes nothing"

    # Killed before the last write of the change: it ends again, at the limit that it had.
    cut = tmp_path / "debug" / "cut"
    shutil.copytree(short, cut)
    saved = load_saved_experiment(cut / "experiment.yaml")
    given = with_overrides(saved, ("stop.iterations=5",))
    with monkeypatch.context() as patch:
        patch.setattr(longer_limits, "write_atomic", killed)
        with pytest.raises(SystemExit):
            extend_run(RunDir(cut), saved, given)
    assert reread(cut).status == "interrupted"
    train("--resume", cut)
    assert reread(cut).status == "done"
    assert figures(cut) == figures(short)

    # Killed just after the change: what resumes it need not know of it.
    extend_run(RunDir(cut), saved, given)
    train("--resume", cut)
    assert figures(cut) == figures(whole)

    train("--resume", short, "--set", "stop.iterations=5")
    assert figures(short) == figures(whole)
    assert reread(short).agent_sha256 == reread(whole).agent_sha256
    for run in (cut, short):
        assert json.loads((run / "summary.json").read_text())["extensions"] == [
            {"key": "stop.iterations", "before": 3, "after": 5}
        ]
        assert "stop.iterations 3 to 5" in (run / "report.html").read_text(encoding="utf-8")
        assert not (run / ".state").exists()
    assert reread(short).status == "done"
    assert len(reread(short).sessions) == 2


@pytest.mark.long
def test_a_run_that_lost_its_checkpoints_is_not_trained_again_from_the_beginning(tmp_path):
    train(DEBUG, "--storage", tmp_path, "--name", "one")
    run = tmp_path / "debug" / "one"
    for checkpoint in (run / "trials" / "00000").glob("checkpoint_*"):
        shutil.rmtree(checkpoint)
    done = run_command("train", "--resume", run, "--set", "stop.iterations=5")
    assert done.returncode == 2, done.stdout
    assert "missing or damaged, and there is no other checkpoint" in done.stderr
    assert reread(run).status == "done", "nothing was written"
    assert load_saved_experiment(run / "experiment.yaml").stop.iterations == 3
