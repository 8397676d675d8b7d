"""`ttt runs` as people run it: which runs there are, what is said of them, and how it fits."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from tests.commands import RAY_AND_TORCH, ROOT, loaded_by, run_command, start_program
from tests.in_process import call
from tests.report.conftest import made_rows, write_metrics, write_run
from ttt_rllib.agents.bundle import load_bundle
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.runs.listing import read_row
from ttt_rllib.runs.lock import is_locked
from ttt_rllib.runs.summary import Session, write_summary

AGENT = ROOT / "docs" / "agents" / "ppo"
"""It is unexploitable, as its certificate says."""

HOLD = "from pathlib import Path; from ttt_rllib.runs.lock import run_lock; import sys; \
held = run_lock(Path(sys.argv[1]), 0.0); held.__enter__(); print('held', flush=True); \
sys.stdin.read()"


def write(folder, summary, *, began_s, **changes):
    """Write a run of the unexploitable agent."""
    run = write_run(folder, None, rows=())
    shutil.copytree(AGENT, run.agent)
    (run.agent / "certificate.json").rename(run.certificate)
    agent = load_bundle(run.agent).agent_sha256
    sessions = (Session(1.0, 2.0, began_s + 60), Session(1.0, 2.0, began_s))
    fields = {"agent_sha256": agent, "sessions": sessions, **changes}
    write_summary(run.summary, replace(summary, **fields))
    return run


@pytest.fixture
def results(tmp_path, new_network, new_summary):
    """A folder of results: done, failed, exploitable, unfinished."""
    folder = tmp_path / "results"
    write(folder / "ppo" / "proved", new_summary(), began_s=3e8, moves=1_234_567)
    write(folder / "ppo" / "broken", new_summary(status="failed"), began_s=1e8, seeds=(4,))
    commit = "v1-3-g8f7e6d5c4b3a-dirty"
    fields = {"sessions": (Session(1.0, 2.0, 4e8),), "seeds": (2, 3, 4), "git_commit": commit}
    write_run(folder / "dqn" / "beaten", new_summary(), new_network(), rows=(), **fields)
    killed = write_run(folder / "dqn" / "killed", None, rows=(), experiment=Experiment(seed=7))
    write_metrics(killed.trials / "00000" / "metrics.csv", made_rows(5))
    return folder


def run(folder, *words, columns=None):
    env = {} if columns is None else {"COLUMNS": str(columns)}
    return call(("runs", *map(str, words)), cwd=folder, env=env)


def test_json_has_every_run_the_newest_last_with_what_its_files_say(results):
    done = run(results.parent, "--json")
    assert (done.code, done.errors) == (0, ())
    rows = json.loads(done.stdout)
    # The killed one did not note when it began.
    assert [row["name"] for row in rows] == ["dqn/killed", "ppo/broken", "ppo/proved", "dqn/beaten"]
    assert [row["status"] for row in rows] == ["unfinished", "failed", "done", "done"]
    assert [row["verdict"] for row in rows] == [
        None, "unexploitable", "unexploitable", "exploitable",
    ]  # fmt: skip
    assert [row["seeds"] for row in rows] == [[7], [4], [0], [2, 3, 4]]
    last = made_rows(5)[-1]
    assert rows[0]["moves"] == last["play/moves"]
    assert rows[0]["train_s"] == pytest.approx(last["perf/train_s"])
    assert (rows[2]["moves"], rows[2]["train_s"]) == (1_234_567, 6.2)
    assert [row["started_s"] for row in rows] == [None, 1e8, 3e8, 4e8]
    assert rows[3]["git_commit"] == "v1-3-g8f7e6d5c4b3a-dirty"


def test_the_table_says_the_verdict_of_a_run_that_is_done_and_the_status_of_any_other(results):
    done = run(results.parent)
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["run", "verdict", "moves", "seconds", "seed", "commit", "started"]
    cells = {line.split()[0]: line.split()[1:6] for line in lines}
    assert cells["ppo/proved"] == ["unexploitable", "1,234,567", "6.2", "0", "0123456"]
    assert cells["dqn/beaten"][0::3] == ["exploitable", "2-4"]
    assert cells["dqn/beaten"][4] == "8f7e6d5+", "its source tree had changes"
    assert cells["ppo/broken"][0] == "failed"
    assert cells["dqn/killed"][0] == "unfinished"
    assert cells["dqn/killed"][3:5] == ["7", "-"]


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 120])
def test_the_table_fits_the_terminal_and_has_every_run_and_verdict(results, columns):
    (results / "dqn" / "beaten").rename(results / "dqn" / ("b" * 30))
    done = run(results.parent, columns=columns)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) == 5
    for word in ("unexploitable", "exploitable", "failed", "unfinished"):
        assert sum(f" {word}" in line for line in lines) == 1
    assert ("moves" in lines[0]) == (columns >= 60)


def test_in_a_pipe_nothing_is_cut(results):
    long = "r" * 100
    (results / "ppo" / "proved").rename(results / "ppo" / long)
    done = run_command("runs", results, env={"COLUMNS": None})
    assert done.returncode == 0, done.stderr
    assert f"ppo/{long}  unexploitable" in done.stdout


def test_a_run_is_running_while_a_process_has_its_lock_and_unfinished_once_that_is_killed(results):
    killed = results / "dqn" / "killed"
    with start_program(HOLD, killed, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == "held\n"
        assert read_row(killed).status == "running"
        assert is_locked(killed)
        process.kill()
        process.wait()
    assert (killed / ".lock").exists()
    assert not is_locked(killed)
    assert read_row(killed).status == "unfinished"


def test_a_resumed_run_is_running_and_has_the_figures_of_its_trials(results, new_summary):
    path = results / "ppo" / "broken"
    write_metrics(path / "trials" / "00000" / "metrics.csv", made_rows(9))
    with start_program(HOLD, path, stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == "held\n"
        row = read_row(path)
        assert (row.status, row.moves) == ("running", made_rows(9)[-1]["play/moves"])
        process.kill()
    assert read_row(path).moves == 4100, "of its summary"


def test_the_verdict_is_about_the_agent_that_is_there(results):
    proved = results / "ppo" / "proved"
    shutil.rmtree(proved / "agent")
    shutil.copytree(results / "dqn" / "beaten" / "agent", proved / "agent")
    assert read_row(proved).verdict is None
    # Nor does a certificate help that is about this agent, which the run did not train.
    shutil.rmtree(proved / "agent")
    shutil.copytree(AGENT.with_name("dqn"), proved / "agent")
    shutil.copy(AGENT.with_name("dqn") / "certificate.json", proved)
    assert read_row(proved).verdict is None
    assert read_row(proved).word == "unproved"


def test_what_is_no_run_or_damaged_is_skipped_with_one_line_each(results):
    (results / "ppo" / "proved" / "summary.json").write_text("{")
    (results / "dqn" / "foreign" / "agent").mkdir(parents=True)
    (results / "notes" / "of mine").mkdir(parents=True)
    old = results / "ppo" / "broken" / "summary.json"
    old.write_text(json.dumps({"experiment": "ppo"}))
    done = run(results.parent)
    assert done.code == 0
    foreign, version, damaged = sorted(done.errors)
    assert foreign == "warning: skipped: results/dqn/foreign: not a run directory; it has no " \
        "experiment.yaml"  # fmt: skip
    assert version.startswith("warning: skipped: results/ppo/broken/summary.json: has no format_")
    assert damaged.startswith("warning: skipped: results/ppo/proved/summary.json: not readable")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "dqn/killed", "dqn/beaten",
    ]  # fmt: skip


def test_the_folder_may_be_that_of_an_experiment_or_a_run(results):
    names = [line.split()[0] for line in run(results, "ppo").stdout.splitlines()[1:]]
    assert names == ["ppo/broken", "ppo/proved"]
    names = [line.split()[0] for line in run(results / "ppo" / "proved", ".").stdout.splitlines()]
    assert names == ["run", "ppo/proved"]


def test_no_run_is_one_sentence(tmp_path):
    for words in ((), (tmp_path,)):
        done = run(tmp_path, *words)
        assert (done.code, done.errors) == (0, ())
        assert len(done.stdout.splitlines()) == 1
        assert done.stdout.startswith("no run in ")
    assert json.loads(run(tmp_path, "--json").stdout) == []


def test_a_folder_that_is_missing_or_a_file_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    for word, complaint in (("reslts", "reslts: no such folder"), ("file", "Not a directory")):
        done = run(tmp_path, word)
        assert (done.code, done.stdout) == (2, "")
        (line,) = done.errors
        assert complaint in line


def test_it_needs_neither_ray_nor_torch():
    assert not loaded_by("ttt_rllib.runs.command") & set(RAY_AND_TORCH)
