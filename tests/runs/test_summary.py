"""`summary.json`: what is written is read back; other versions and damage are refused."""

import json
import re

import pytest

from ttt_rllib.errors import InputError
from ttt_rllib.runs.summary import (
    EarlierVersionError,
    SearchSummary,
    Session,
    is_done,
    read_summary,
    write_summary,
)

SEARCH = SearchSummary(
    objective="exact/nash_conv",
    mode="min",
    algorithm="optuna",
    scheduler="asha",
    num_trials=3,
    statuses={"done": 2, "stopped early": 1},
    best_trial="00001",
    best_objective=0.0,
    best={"training.lr": [[0, 0.002], [200000, 0.0002]], "model.hidden_sizes": [64, 64]},
)
# The keys that scripts, manifests and pages rely on, in the order people read them.
KEYS = (
    *("format_version", "experiment", "run", "status", "verdict", "agent_sha256", "error"),
    *("best_trial", "checkpoint", "moves", "metrics", "wall_s", "sessions", "seeds", "versions"),
    *("git_commit", "machine"),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "summary.json"


def test_what_is_written_is_read_back(path, new_summary):
    sessions = (Session(1.0, 2.5), Session(0.5, 3.0))
    metrics = {"play/moves": 4100, "exact/nash_conv": 0.1 + 0.2, "learner/entropy": float("inf")}
    for changes in ({}, {"search": SEARCH}, {"sessions": sessions, "metrics": metrics}):
        summary = new_summary(**changes)
        write_summary(path, summary)
        assert read_summary(path) == summary


def test_the_keys_of_the_file_are_those_that_people_rely_on(path, new_summary):
    write_summary(path, new_summary())
    content = json.loads(path.read_text())
    assert tuple(content) == KEYS
    assert (content["format_version"], content["status"]) == (1, "done")
    phases = ["sample_s", "learn_s", "sync_s", "eval_s"]
    assert list(content["wall_s"]) == ["setup_s", "train_s", "total_s", *phases]
    assert content["sessions"] == [{"setup_s": 14.0, "total_s": 21.0, "began_s": 0.0}]
    assert list(content["machine"]) == ["system", "release", "architecture", "cpus", "byte_order"]
    write_summary(path, new_summary(search=SEARCH))
    assert json.loads(path.read_text())["search"]["best_objective"] == 0.0


def test_without_a_file_there_is_no_summary_and_the_run_is_not_done(path):
    assert read_summary(path) is None
    assert not is_done(path.parent)


@pytest.mark.parametrize("content", [{"status": "done"}, {"status": "done", "format_version": 2}])
def test_a_run_of_another_version_is_refused_with_one_sentence_and_the_way_out(path, content):
    path.write_text(json.dumps(content))
    for read in (lambda: read_summary(path), lambda: is_done(path.parent)):
        with pytest.raises(
            EarlierVersionError, match="reads 1; start a new run, give the"
        ) as error:
            read()
        assert len(str(error.value).splitlines()) == 1
        assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"status": "finished"}, "status: Input should be 'done', 'interrupted' or 'failed'"),
        ({"moves": "many"}, "moves: Input should be a valid integer"),
        ({"wall_s": {"setup_s": "1"}}, "wall_s.setup_s: Input should be a valid number"),
        ({"sessions": [{"setup_s": 1.0}]}, "has no 'sessions.0.total_s'"),
    ],
)
def test_a_damaged_summary_is_named_and_does_not_make_a_run_done(
    path, new_summary, damage, sentence
):
    write_summary(path, new_summary())
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    with pytest.raises(InputError, match=re.escape(f"{path}: {sentence}")):
        read_summary(path)
    assert not is_done(path.parent), "so that resuming the run writes it again"


def test_only_a_run_that_came_to_its_end_is_done(path, new_summary):
    for status, done in (("done", True), ("interrupted", False), ("failed", False)):
        write_summary(path, new_summary(status=status))
        assert is_done(path.parent) is done
