"""W&B gets the rows of metrics.csv, read back by other code; no failure stops a run.

Offline files are read by a few lines here that know their format (LevelDB's log), and
uploaded by wandb's own command to a server that remembers what it was sent.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.commands import run_module, wait_until
from tests.tracking.wandb_server import WandbServer
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.metrics_csv import MetricsCsv
from ttt_rllib.runs.summary import write_summary
from ttt_rllib.tracking.wandb import WandbCallback
from ttt_rllib.tracking.wandb_mode import resolve_mode
from ttt_rllib.tracking.wandb_writer import WandbRun, WandbWriter
from ttt_rllib.tuning.metrics_callback import MetricsCsvCallback
from ttt_rllib.tuning.trainable import EXPERIMENT

DEBUG = Path(__file__).parents[2] / "experiments" / "debug.yaml"
KEY = "5ec7e7" * 7
TRIAL = "0a1b2_00000"
RUN_ID = f"debug-one-{TRIAL}"


@pytest.fixture(autouse=True)
def shell(monkeypatch, tmp_path):
    """A shell that knows no key and no server, and has a separate home."""
    for name in [name for name in os.environ if name.startswith("WANDB_")] + ["NETRC"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return monkeypatch


@pytest.fixture
def server():
    """A server that takes everything."""
    with WandbServer() as server:
        yield server
        server.shutdown()


@pytest.fixture
def refusing():
    """A server that knows no key."""
    with WandbServer(refuses=True) as server:
        yield server
        server.shutdown()


def experiment(**wandb):
    return Experiment.model_validate({"name": "debug", "tracking": {"wandb": wandb}})


class Session:
    """A session of one trial: the real callbacks in their order, without Tune."""

    def __init__(self, folder, **wandb):
        self.run = RunDir(folder / "debug" / "one")
        self.trial = self.trial_of(TRIAL)
        self.csv = MetricsCsvCallback()
        self.wandb = WandbCallback(experiment(**wandb), self.run)
        self.wandb.setup()
        self.wandb.log_trial_start(self.trial)

    def trial_of(self, name):
        config = {EXPERIMENT: experiment().model_dump_json(), "training.gamma": 0.875}
        return SimpleNamespace(trial_id=name, path=str(self.run.trials / name), config=config)

    def iterate(self, *iterations, moves_each=100):
        for number in iterations:
            result = {
                "perf": {"iteration": number, "train_s": number / 7},
                "play": {"moves": number * moves_each},
                "time_total_s": number / 3,
                "config": {"secret": KEY},
            }
            self.csv.on_trial_result(trial=self.trial, result=result)
            self.wandb.log_trial_result(number, self.trial, result)
        return self

    def end(self, code=0):
        self.wandb.close(code)
        return self

    @property
    def rows(self):
        """What metrics.csv says."""
        rows = MetricsCsv(self.run.trials / TRIAL / "metrics.csv").rows()
        return [{name: text for name, text in row.items() if text} for row in rows]

    @property
    def offline(self):
        return sorted((self.run.path / "wandb").glob("offline-run-*"))


def records(folder):
    """Read an offline file: blocks of 32 KiB, parts with checksum, length and kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = next(folder.glob("*.wandb")).read_bytes()
    place, parts = 7, b""
    while place + 7 <= len(data):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def written(folders):
    """Return the history of offline files as metrics.csv would write it."""
    names = {metric.name for metric in METRICS}
    rows = []
    for folder in folders:
        for record in records(folder):
            if record.WhichOneof("record_type") == "history":
                items = {
                    ".".join(item.nested_key) or item.key: item for item in record.history.item
                }
                figures = {name: json.loads(items[name].value_json) for name in names & set(items)}
                rows.append({name: f"{figure:.12g}" for name, figure in figures.items()})
    return rows


def sync(server, run):
    """Run the documented command."""
    folders = [str(folder) for folder in (run.path / "wandb").glob("offline-run-*")]
    environment = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
    environment["WANDB_ERROR_REPORTING"] = "false"
    done = run_module("wandb", "sync", *folders, env=environment, cwd=run.path)
    assert done.returncode == 0, done.stderr


def as_written(row):
    return {name: f"{figure:.12g}" for name, figure in row.items()}


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        ("auto", {}, "offline"),
        ("auto", {"WANDB_API_KEY": KEY}, "online"),
        ("auto", {"WANDB_API_KEY": " "}, "offline"),
        ("auto", {"WANDB_API_KEY": KEY, "WANDB_MODE": "disabled"}, "disabled"),
        ("auto", {"WANDB_API_KEY": KEY, "WANDB_MODE": "dryrun"}, "offline"),
        ("offline", {"WANDB_API_KEY": KEY}, "offline"),
        ("disabled", {"WANDB_API_KEY": KEY, "WANDB_MODE": "online"}, "disabled"),
        ("online", {"WANDB_API_KEY": KEY}, "online"),
    ],
)
def test_the_mode_follows_from_setting_environment_and_key(shell, asked, environment, expected):
    for name, value in environment.items():
        shell.setenv(name, value)
    assert resolve_mode(experiment(mode=asked).tracking.wandb) == (expected, None)


def test_a_key_in_netrc_counts_for_its_host_only(shell, tmp_path):
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    netrc.chmod(0o600)
    settings = experiment().tracking.wandb
    assert resolve_mode(settings) == ("online", None)
    shell.setenv("WANDB_BASE_URL", "https://wandb.example")
    assert resolve_mode(settings) == ("offline", None)


def test_online_without_a_key_is_offline_and_says_so():
    mode, remark = resolve_mode(experiment(mode="online").tracking.wandb)
    assert mode == "offline"
    assert remark.startswith("W&B: no key is known")


def test_a_run_that_was_killed_and_resumed_is_one_run_with_every_row_of_the_csv_once(
    tmp_path, server, logged
):
    # Killed after 5 with a checkpoint at 3: what is repeated has other figures.
    first = Session(tmp_path).iterate(1, 2, 3, 4, 5).end(code=1)
    assert len(first.offline) == 1
    again = Session(tmp_path).iterate(*range(4, 301), moves_each=101).end()
    assert written(again.offline) == again.rows
    assert len(again.rows) == 300
    assert logged == []
    sync(server, again.run)
    assert [as_written(row) for row in server.rows(RUN_ID)] == again.rows
    assert {opened["name"] for opened in server.opened} == {RUN_ID}
    opened = server.opened[0]
    assert (opened["project"], opened["groupName"]) == ("ttt_rllib", "debug/one")
    config = {name: entry["value"] for name, entry in json.loads(opened["config"]).items()}
    settings = experiment().model_dump(mode="json")["training"]
    assert config["training"] == {**settings, "gamma": 0.875}, "the searched setting included"
    # After an upload a resumed run adds to it.
    third = Session(tmp_path).iterate(*range(299, 305), moves_each=101).end()
    sync(server, third.run)
    assert [row["perf/iteration"] for row in server.rows(RUN_ID)] == list(range(1, 305))


def test_every_chart_is_over_moves(tmp_path):
    session = Session(tmp_path).iterate(1, 2).end()
    (folder,) = session.offline
    metrics = [r.metric for r in records(folder) if r.WhichOneof("record_type") == "metric"]
    by_glob = {metric.glob_name: metric.step_metric for metric in metrics if metric.glob_name}
    assert by_glob == {"*": "play/moves"}
    (axis,) = [metric for metric in metrics if metric.name == "play/moves"]
    assert axis.step_metric == ""


def test_online_the_server_gets_every_row_also_when_resumed(
    shell, tmp_path, server, logged, new_summary
):
    shell.setenv("WANDB_API_KEY", f"{KEY}\n")  # as from a file with a line break
    shell.setenv("WANDB_BASE_URL", server.url)
    Session(tmp_path).iterate(1, 2, 3).end(code=1)
    assert [row["perf/iteration"] for row in server.rows(RUN_ID)] == [1, 2, 3]
    session = Session(tmp_path, tags=["a"], group="g").iterate(3, 4, 5)
    write_summary(session.run.summary, new_summary())
    session.wandb.log_final_artifacts(Path(session.trial.path))
    session.end()
    assert server.artifacts == [("debug-one", RUN_ID)]
    assert [as_written(row) for row in server.rows(RUN_ID)] == session.rows
    assert logged == []
    assert session.offline == []
    assert server.opened[-1]["groupName"] == "g"
    assert server.opened[-1]["tags"] == ["a"]


def test_a_server_that_takes_no_rows_ends_in_a_warning_with_the_command_for_the_rest(
    shell, tmp_path, server, logged
):
    shell.setenv("WANDB_API_KEY", KEY)
    shell.setenv("WANDB_BASE_URL", server.url)
    server.stalls = True
    session = Session(tmp_path, finish_timeout=0.5).iterate(1, 2).end()
    (warning,) = logged
    assert (
        "was not uploaded within 0.5 s; upload the rest with: wandb sync --include-online"
        in warning
    )
    (folder,) = (session.run.path / "wandb").glob("run-*")
    assert written([folder]) == session.rows


@pytest.mark.parametrize("what", ["refused", "absent", "malformed"])
def test_a_key_or_server_that_fails_is_a_warning_and_the_run_continues_offline(
    shell, tmp_path, refusing, what, logged
):
    shell.setenv("WANDB_API_KEY", "short" if what == "malformed" else KEY)
    shell.setenv("WANDB_BASE_URL", "http://127.0.0.1:1" if what == "absent" else refusing.url)
    # A server that refuses answers, even if a busy machine makes it slow; an absent one does not.
    timeout_s = 0.5 if what == "absent" else 30.0
    session = Session(tmp_path, init_timeout=timeout_s).iterate(1, 2, 3).end()
    (warning,) = logged
    assert warning.startswith("W&B: ")
    assert warning.endswith(f"upload later with: wandb sync {session.run.path}/wandb/offline-run-*")
    assert ("401" in warning) == (what == "refused")
    assert KEY not in warning
    assert written(session.offline) == session.rows
    assert (refusing.requests > 0) == (what == "refused")


def test_the_best_of_several_trials_gets_the_artifact_though_its_run_was_finished(
    tmp_path, server, logged, new_summary
):
    session = Session(tmp_path).iterate(1, 2)
    other = session.trial_of("0a1b2_00001")
    session.wandb.log_trial_start(other)
    session.wandb.log_trial_end(session.trial)
    session.run.experiment.write_text("name: debug")
    write_summary(session.run.summary, new_summary(verdict="perfect"))
    session.run.agent.mkdir()
    (session.run.agent / "agent.json").write_text("{}")
    (session.run.path / "report.html").write_text("<p>")
    second = int(time.time())  # by which wandb names its folders
    wait_until("the next second", lambda: int(time.time()) > second)
    session.wandb.log_final_artifacts(Path(session.trial.path))
    session.end()
    assert logged == []
    folders = [folder for folder in session.offline if folder.name.endswith(RUN_ID)]
    assert written(folders) == session.rows
    (artifact,) = [
        record.artifact
        for folder in folders
        for record in records(folder)
        if record.WhichOneof("record_type") == "artifact"
    ]
    paths = {entry.path for entry in artifact.manifest.contents}
    assert paths == {"experiment.yaml", "summary.json", "report.html", "agent/agent.json"}
    sync(server, session.run)
    assert [row["perf/iteration"] for row in server.rows(RUN_ID)] == [1, 2]
    assert server.artifacts == [("debug-one", RUN_ID)]
    assert server.rows("debug-one-0a1b2_00001") == []


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("tracking.wandb.mode=no_idea", ": is \"no_idea\"; input should be 'auto'"),
        ("tracking.wandb.mode=yes", 'tracking.wandb.mode=yes: is "yes"; '),
        (
            "tracking.wandb.project=a/b",
            "tracking.wandb.project=a/b: is 'a/b'; W&B takes none of",
        ),
        ("tracking.wandb.tags=['']", 'tracking.wandb.tags.0: is ""; '),
        ("tracking.wandb.key=abc", "tracking.wandb.key=abc: unknown key; known are mode, "),
        (
            "tracking.mode=offline",
            "tracking.mode=offline: unknown key; did you mean tracking.wandb",
        ),
        ("ray.dashboard_port=70000", "ray.dashboard_port=70000: is 70000; "),
        ("ray.dashboard=true", "ray.dashboard=true: unknown key; did you mean ray.dashboard_"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(setting, complaint):
    with pytest.raises(InputError) as refusal:
        load_experiment(DEBUG, (setting,))
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_when_the_server_is_lost_between_two_trials_both_continue_offline(
    shell, tmp_path, server, logged
):
    shell.setenv("WANDB_API_KEY", KEY)
    shell.setenv("WANDB_BASE_URL", server.url)
    tracebacks = []
    shell.setattr(threading, "excepthook", tracebacks.append)
    writer = WandbWriter(tmp_path, experiment().tracking.wandb, "online")
    server.refused = "second"
    for name in ("first", "second"):
        writer.open(WandbRun(name, "group", {}))
        writer.log(name, [{"perf/iteration": 1.0}])
    writer.log("first", [{"perf/iteration": 1.0}, {"perf/iteration": 2.0}])
    writer.close(0)
    assert len(logged) == 1
    assert [row["perf/iteration"] for row in server.rows("first")] == [1]
    offline = {
        name: written((tmp_path / "wandb").glob(f"offline-run-*-{name}"))
        for name in ("first", "second")
    }
    assert offline == {"first": [{"perf/iteration": "2"}], "second": [{"perf/iteration": "1"}]}
    # W&B's threads ask their service every five seconds; none is left to find it gone, as its
    # traceback would be seen in the terminal.
    for thread in threading.enumerate():
        if thread.name == "NetStatThr":
            thread.join(timeout=30)
    assert tracebacks == []


def test_when_a_lost_server_takes_no_rows_either_the_command_for_the_rest_is_said(
    shell, tmp_path, server, logged
):
    shell.setenv("WANDB_API_KEY", KEY)
    shell.setenv("WANDB_BASE_URL", server.url)
    tracebacks = []
    shell.setattr(threading, "excepthook", tracebacks.append)
    writer = WandbWriter(tmp_path, experiment(finish_timeout=0.5).tracking.wandb, "online")
    server.refused, server.stalls = "second", True
    writer.open(WandbRun("first", "group", {}))
    writer.log("first", [{"perf/iteration": 1.0}])
    writer.open(WandbRun("second", "group", {}))
    writer.log("first", [{"perf/iteration": 2.0}])
    writer.close(0)
    assert "first was not uploaded within 0.5 s; upload the rest with: wandb sync" in logged[1]
    assert len(logged) == 2
    (online,) = (tmp_path / "wandb").glob("run-*-first")
    (offline,) = (tmp_path / "wandb").glob("offline-run-*-first")
    assert [written([folder]) for folder in (online, offline)] == [
        [{"perf/iteration": "1"}],
        [{"perf/iteration": "2"}],
    ]
    assert tracebacks == []


def test_no_secret_is_in_any_file_and_nothing_outside_the_run_directory(shell, tmp_path, refusing):
    shell.setenv("WANDB_API_KEY", KEY)
    shell.setenv("WANDB_BASE_URL", refusing.url)
    Session(tmp_path).iterate(1, 2).end()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert list((tmp_path / "home").iterdir()) == []


def test_disabled_imports_and_writes_nothing(tmp_path):
    session = Session(tmp_path, mode="disabled").iterate(1).end()
    assert not (session.run.path / "wandb").exists()
    assert Path(session.trial.path, "metrics.csv").is_file()
