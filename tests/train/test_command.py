"""The commands as people run them: exit codes, output, files; real Ray and real Tune."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.commands import RAY_AND_TORCH, own_lines, run_command, run_module
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.metrics_csv import MetricsCsv

ROOT = Path(__file__).parents[2]
DEBUG = ROOT / "experiments" / "debug.yaml"
PPO = ROOT / "experiments" / "ppo.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of the debug experiment through the real command."""
    storage = tmp_path_factory.mktemp("results")
    done = run_command("train", DEBUG, "--storage", storage, "--name", "one", "--set", "seed=3")
    assert done.returncode == 0, done.stderr
    return storage / "debug" / "one", done


def test_train_ends_with_the_results_line_and_shows_plain_rows_in_a_pipe(run):
    path, done = run
    lines = done.stdout.splitlines()
    assert lines[-1] == f"results: {path}"
    assert "\x1b" not in done.stdout
    *before, report, play, curves, wandb, _ = lines
    assert report.split() == ["report", f"{path}/report.html"]
    assert play.split() == ["play", "ttt", "play", str(path)]
    assert curves.split() == ["curves", "tensorboard", "--logdir", f"{path}/trials"]
    assert wandb.split() == ["W&B", "wandb", "sync", f"{path}/wandb/offline-run-*"]
    assert max(map(len, before)) <= 80
    header = next(line for line in lines if "NashConv" in line and "moves/s" in line)
    assert header.split()[:6] == ["iter", "moves", "moves/s", "greedy", "NashConv", "optimal"]
    # Ray may say something there; the command itself has nothing to warn of.
    assert own_lines(done.stderr) == []


def test_the_run_directory_has_everything_the_contract_names(run):
    path, _ = run
    names = {entry.name for entry in path.iterdir()}
    assert names == {
        "experiment.yaml",
        "summary.json",
        "metrics.csv",
        "certificate.json",
        "agent",
        "trials",
        "wandb",
        "report.html",
    }
    assert {entry.name for entry in (path / "agent").iterdir()} == {"agent.json", "weights.npz"}
    assert yaml.safe_load((path / "experiment.yaml").read_text())["seed"] == 3
    rows = MetricsCsv(path / "metrics.csv").rows()
    assert [int(row["perf/iteration"]) for row in rows] == [1, 2, 3]
    assert all(set(row) == {metric.name for metric in METRICS} for row in rows)
    empty = {name for row in rows for name, value in row.items() if value == ""}
    reported = ("", "ppo", "ppo, td", "zero-sum games")
    assert empty == {metric.name for metric in METRICS if metric.only not in reported}


def test_the_summary_names_trial_moves_phases_seeds_versions_commit_and_machine(run):
    path, _ = run
    summary = json.loads((path / "summary.json").read_text())
    rows = MetricsCsv(path / "metrics.csv").rows()
    assert summary["status"] == "done"
    assert summary["moves"] == int(rows[-1]["play/moves"])
    assert summary["seeds"] == [3]
    assert (path / "trials" / summary["best_trial"]).is_dir()
    assert (path / summary["checkpoint"] / "agent" / "agent.json").is_file()
    phases = {"setup_s", "train_s", "total_s", "sample_s", "learn_s", "sync_s", "eval_s"}
    assert set(summary["wall_s"]) == phases
    assert (
        summary["wall_s"]["setup_s"] + summary["wall_s"]["train_s"] < summary["wall_s"]["total_s"]
    )
    assert {"ray", "torch", "numpy", "python", "ttt_rllib"} <= set(summary["versions"])
    assert "git_commit" in summary
    assert summary["machine"]["cpus"] >= 1


def test_evaluate_says_of_run_checkpoint_and_bundle_exactly_what_training_logged(run):
    path, _ = run
    summary = json.loads((path / "summary.json").read_text())
    certificate = json.loads((path / "certificate.json").read_text())
    for agent in (
        path,
        path / "agent",
        path / "agent" / "agent.json",
        path / summary["checkpoint"],
    ):
        done = run_command("evaluate", agent, "--json", without=RAY_AND_TORCH)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["metrics"].items() <= summary["metrics"].items()
        assert len(report["metrics"]) == 10
        assert report["certificate"] == certificate
        assert report["weights_sha256"] == certificate["weights_sha256"]


def test_evaluate_requires_what_it_is_asked_to_require(run):
    path, _ = run
    done = run_command("evaluate", path, "--require", "unexploitable")
    assert done.returncode == 1, "three iterations do not make an unexploitable agent"
    assert done.stderr == f"{path}: not unexploitable\n"
    assert done.stdout.startswith("exploitable: ")
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_a_certificate_of_another_agent_is_found_out(run, tmp_path):
    path, _ = run
    (tmp_path / "agent").symlink_to(path / "agent")
    certificate = json.loads((path / "certificate.json").read_text())
    (tmp_path / "certificate.json").write_text(json.dumps(certificate))
    assert run_command("evaluate", tmp_path).returncode == 0
    certificate["unexploitable"] = True
    (tmp_path / "certificate.json").write_text(json.dumps(certificate))
    done = run_command("evaluate", tmp_path)
    assert done.returncode == 1
    assert "does not hold for this agent" in done.stderr


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(run):
    path, _ = run

    def state():
        return {file: (file.stat().st_mtime_ns, file.stat().st_size) for file in path.rglob("*")}

    before = state()
    done = run_command("train", "--resume", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"the run is done, there is nothing to resume\nresults: {path}\n"
    assert state() == before


def test_a_folder_that_looks_like_markup_is_printed_as_it_is(run, tmp_path):
    path, _ = run
    marked = tmp_path / "[red]x :smile:"
    marked.symlink_to(path)
    done = run_command("train", "--resume", marked)
    assert done.stdout.splitlines()[-1] == f"results: {marked}"


@pytest.mark.long
def test_a_run_that_was_ended_before_tune_began_starts_again_on_resume(run, tmp_path):
    path, _ = run
    (tmp_path / "experiment.yaml").write_text((path / "experiment.yaml").read_text())
    done = run_command("train", "--resume", tmp_path)
    assert done.returncode == 0, done.stderr
    certificates = [json.loads((p / "certificate.json").read_text()) for p in (path, tmp_path)]
    assert certificates[0] == certificates[1], "the same seed gives the very same agent"


@pytest.mark.long
def test_a_game_too_large_for_exact_evaluation_trains_and_says_so(tmp_path):
    settings = (
        "env=connect_four",
        "stop.iterations=2",
        "training.train_batch_size_per_learner=256",
    )
    options = [word for setting in settings for word in ("--set", setting)]
    done = run_command("train", DEBUG, *options, "--storage", tmp_path, "--name", "a")
    assert done.returncode == 0, done.stderr
    assert "too many positions for exact evaluation" in done.stdout
    rows = MetricsCsv(tmp_path / "debug" / "a" / "metrics.csv").rows()
    assert len(rows) == 2
    assert [float(row["exact/nash_conv_greedy"]) for row in rows] == [2.0, 2.0]
    assert {row["exact/nash_conv"] for row in rows} == {""}
    run = tmp_path / "debug" / "a"
    certificate = json.loads((run / "certificate.json").read_text())
    assert (certificate["guaranteed_as_x"], certificate["guaranteed_as_o"]) == (-1, -1)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["verdict"].startswith("exploitable: as X it can be beaten in ")
    assert "sampled instead" in done.stdout
    evaluated = run_command("evaluate", run, "--json", "--require", "unexploitable")
    assert evaluated.returncode == 1
    assert evaluated.stderr.splitlines()[-1] == f"{run}: not unexploitable"
    report = json.loads(evaluated.stdout)
    assert report["certificate"] == certificate
    assert report["metrics"].items() <= summary["metrics"].items()


def test_a_diverging_trial_exits_with_1_names_the_cause_and_how_to_resume(tmp_path):
    settings = ("training.lr=1e30", "max_failures=0", "env_runners.num_env_runners=0")
    sets = [word for setting in settings for word in ("--set", setting)]
    options = (*sets, "--storage", tmp_path)
    done = run_command("train", DEBUG, *options, "--name", "a")
    assert done.returncode == 1
    lines = own_lines(done.stderr)
    run = tmp_path / "debug" / "a"
    assert lines[0].startswith("error: the trial failed: training diverged")
    assert lines[1].startswith(f"details: {run / 'trials'}")
    assert Path(lines[1].removeprefix("details: ")).is_file()
    assert lines[2] == f"resume with: ttt train --resume {run}"
    assert len(lines) == 3, done.stderr
    assert done.stdout.splitlines()[-1] == f"results: {run}"
    assert json.loads((run / "summary.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train", DEBUG, "--nonsense"), "No such option: --nonsense"),
        (("train", DEBUG, PPO), "one command trains one experiment"),
        (("evaluate",), "Missing argument"),
        (("evaluate", ".", "--require", "perfekt"), "'perfekt' is not one of"),
    ],
)
def test_wrong_usage_is_one_line_too(arguments, expected):
    done = run_command(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "which experiment?"),
        (["nothing.yaml"], "nothing.yaml: no such file"),
        (
            [DEBUG, "--set", "env_runners.num_env_runners=-1"],
            "env_runners.num_env_runners=-1: is -1",
        ),
        ([DEBUG, "--set", "env=chess"], "there is no game 'chess'"),
        ([DEBUG, "--set", "lr=1"], "lr=1: unknown key; did you mean training.lr?"),
        ([DEBUG, "--set", "training.lr=quick"], 'training.lr=quick: is "quick"'),
        ([DEBUG, "--set", "env_runners.num_env_runners=999"], "a trial reserves 1000 CPUs"),
        ([DEBUG, "--address", "127.0.0.1:1"], "--address 127.0.0.1:1: no Ray cluster answers"),
        ([DEBUG, "--name", "../x"], "--name ../x: a run id has up to"),
        (["--resume", "nothing"], "--resume nothing: not a run directory"),
        ([DEBUG, "--name", "x" * 300], "a run id has up to 128 letters"),
        ([DEBUG, "--set", "env_runners.num_cpus_per_env_runner=0"], "greater than 0"),
        (
            [DEBUG, "--set", "learners={num_learners: 99}"],
            "lower learners.num_learners or learners.num_cpus_per_learner",
        ),
        (
            [DEBUG, "--set", "env=connect_four", "--set", "stop.optimal_move_rate=1"],
            "stop.optimal_move_rate can never be met",
        ),
        (
            [DEBUG, "--set", "env={pettingzoo: tictactoe_v3}", "--set", "learners.num_learners=2"],
            "learners.num_learners is 2; with env.pettingzoo",
        ),
        (
            [
                DEBUG,
                "--set",
                "env={rows: 6, cols: 6, connect: 5}",
                "--set",
                "stop.consecutive_unexploitable_evals=1",
            ],
            "never be met",
        ),
        (
            [DEBUG, "--set", "env=connect_four", "--set", "search.training.lr={choice: [1e-3]}"],
            "search.objective exact/nash_conv can never be measured",
        ),
    ],
)
def test_bad_input_exits_with_2_and_one_line_and_writes_nothing(tmp_path, arguments, expected):
    done = run_command("train", *arguments, "--storage", tmp_path / "results")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    planned = run_command("train", *arguments, "--storage", tmp_path / "results", "--plan")
    assert (planned.returncode, planned.stderr) == (2, done.stderr), "the plan checks the same"
    assert list(tmp_path.iterdir()) == []


def test_what_ray_needs_of_the_machine_is_checked_before_it_starts(tmp_path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    wrong = {"TMPDIR": str(long), "TTT_METRICS_PORT": "65536"}
    for name, value in wrong.items():
        for plan in ((), ("--plan",)):
            done = run_command(
                "train", DEBUG, *plan, "--storage", tmp_path / "r", env={name: value}
            )
            assert done.returncode == 2
            assert re.fullmatch(rf"error: {name}.*\n", done.stderr), done.stderr
    assert not (tmp_path / "r").exists()


def test_the_setting_that_differs_from_an_earlier_run_is_named(run):
    path, _ = run
    where = ("--storage", path.parent.parent, "--name", "one", "--resume-if-exists")
    done = run_command("train", DEBUG, *where, "--set", "seed=3", "--set", "training.lr=1e-4")
    assert done.returncode == 2
    assert "differs from the experiment given: training.lr is" in done.stderr
    assert "and 0.0001 here; choose another --name" in done.stderr


def test_the_environments_ray_address_counts_as_address(tmp_path):
    done = run_command(
        "train", DEBUG, "--storage", tmp_path / "r", env={"RAY_ADDRESS": "127.0.0.1:1"}
    )
    assert done.returncode == 2
    assert "--address 127.0.0.1:1: no Ray cluster answers" in done.stderr


def test_resuming_with_other_settings_or_a_damaged_state_exits_with_2(run, tmp_path):
    path, _ = run
    done = run_command("train", PPO, "--resume", path)
    assert (done.returncode, "differs from" in done.stderr) == (2, True), done.stderr
    done = run_command("train", "--resume", path, "--set", "seed=1")
    assert (done.returncode, "--resume keeps the settings" in done.stderr) == (2, True)
    done = run_command("train", "--resume", path, "--name", "other")
    assert (done.returncode, "--resume keeps the name" in done.stderr) == (2, True)
    damaged = tmp_path / "damaged"
    checkpoint = damaged / "trials" / "00000" / "checkpoint_000000"
    checkpoint.mkdir(parents=True)
    (damaged / "experiment.yaml").write_text((path / "experiment.yaml").read_text())
    done = run_command("train", "--resume", damaged)
    assert (done.returncode, "no state to resume from" in done.stderr) == (2, True), done.stderr
    assert "starting Ray" not in done.stdout
    assert checkpoint.is_dir()
    checkpoint.rmdir()
    state = damaged / ".state" / "000001"
    state.mkdir(parents=True)
    (state / "scheduler.pkl").write_bytes(b"\x80\x05junk")
    for words in ([], ["--plan"]):
        done = run_command("train", "--resume", damaged, *words)
        assert (done.returncode, "its state is damaged" in done.stderr) == (2, True), done.stderr
        assert done.stderr.count("\n") == 1
        assert "starting Ray" not in done.stdout


@pytest.mark.parametrize("what", ["missing", "foreign", "truncated"])
def test_evaluate_exits_with_2_on_what_is_no_agent(run, tmp_path, what):
    path, _ = run
    if what == "foreign":
        (tmp_path / "agent").mkdir()
        (tmp_path / "agent" / "agent.json").write_text('{"format": "other"}')
    if what == "truncated":
        (tmp_path / "agent").mkdir()
        for name in ("agent.json", "weights.npz"):
            content = (path / "agent" / name).read_bytes()
            (tmp_path / "agent" / name).write_bytes(content[: len(content) // 2])
    done = run_command("evaluate", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}")
    assert done.stderr.count("\n") == 1


def test_plan_shows_what_would_run_and_starts_and_writes_nothing(tmp_path):
    done = run_command("train", PPO, "--plan", "--storage", tmp_path / "results")
    assert done.returncode == 0
    assert "plan: 1 trial of 2 CPUs and 0 GPUs" in done.stdout
    assert "2 env runners" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_command_has_help_and_the_ttt_program_has_every_command():
    for name in ("train", "evaluate"):
        done = run_command(name, "--help", env={"COLUMNS": "80", "NO_COLOR": "1"})
        assert done.returncode == 0
        assert "Exit codes: 0 done" in " ".join(done.stdout.split())
        done = run_module("ttt_rllib", name, "--help")
        assert done.returncode == 0
