"""The program `ttt`: its help, its version, what a shell completes, and how light it starts."""

import os
from pathlib import Path

import pytest

from tests import in_process
from tests.commands import ROOT, run_command, run_module, run_program
from ttt_rllib import __version__
from ttt_rllib.cli import COMMANDS, OTHER_WORDS, subcommand
from ttt_rllib.program import EXAMPLES

HEAVY = {"ray", "torch", "optuna", "wandb", "fastapi", "pettingzoo"}
HELP_S = 1.0
"""CPU seconds, so that a busy machine does not count; a quiet one takes a third."""

COST = """
import sys, time
from ttt_rllib.cli import main
sys.argv[0] = "ttt"
try:
    main()
finally:
    print(time.process_time(), *{name.split('.')[0] for name in sys.modules}, file=sys.stderr)
"""


def ttt(*words, cwd=ROOT, **env):
    """Run `ttt` in this process; return what it printed."""
    outcome = in_process.call(words, cwd=cwd, env={"COLUMNS": "80", "NO_COLOR": "1", **env})
    assert (outcome.code, outcome.errors) == (0, ()), outcome
    return outcome.stdout


def completions(line, cwd):
    """Return what bash would offer at the end of a line."""
    words = line.split(" ")
    done = run_module(
        "ttt_rllib",
        cwd=cwd,
        env={
            "_TTT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "envs"))),
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_alone_it_shows_its_help_and_every_command():
    shown = ttt()
    assert shown == ttt("--help") == ttt("-h")
    for name, command in COMMANDS.items():
        assert name in shown
        assert command.about.split()[0] in shown
    assert "Begin with: ttt train ppo" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_and_shows_flags_without_a_type(name):
    shown = ttt(name, "-h")
    assert shown == ttt(name, "--help")
    assert f"Usage: ttt {name}" in shown
    assert "<bool>" not in shown
    assert "Exit codes: 0 done" in " ".join(shown.split())
    assert f"Example: {EXAMPLES[name]}" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_help_in_forty_columns_cuts_no_option(name):
    shown = ttt(name, "-h", COLUMNS="40")
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 40
    for param in subcommand(name).params:
        assert all(option in shown for option in param.opts if option.startswith("--"))


def test_a_module_and_its_command_are_one():
    done = run_command("evaluate", "-h", env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert done.stdout == ttt("evaluate", "-h")


def test_the_version():
    assert ttt("--version") == f"ttt_rllib {__version__}\n"


def test_words_of_other_programs_lead_to_commands_that_exist():
    for command in OTHER_WORDS.values():
        program, name, *_ = command.split()
        assert program == "tensorboard" or name in COMMANDS or name.startswith("--")
    assert not set(OTHER_WORDS) & set(COMMANDS)


@pytest.mark.parametrize(
    "words", [(), ("--version",), ("train", "-h"), ("evaluate", "-h"), ("settings", "training.lr")]
)
def test_it_starts_without_heavy_imports_and_within_a_second(words):
    done = run_program(COST, *words)
    cpu_s, *loaded = done.stderr.split()
    assert done.returncode == 0
    assert not HEAVY & set(loaded)
    if not words or words == ("--version",):
        assert not {"numpy", "pydantic"} & set(loaded)
        assert float(cpu_s) < HELP_S


@pytest.mark.parametrize("line", ["ttt tr", "ttt train p", "ttt train ppo st", "ttt evaluate r"])
def test_completion_imports_nothing_heavy(line):
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = run_program(COST, env={"_TTT_COMPLETE": "complete_bash", **words})
    _, *loaded = done.stderr.split()
    assert not HEAVY & set(loaded)


def test_a_shell_completes_commands_experiments_settings_and_runs(tmp_path):
    run = Path("results", "ppo", "one")
    (tmp_path / run).mkdir(parents=True)
    (tmp_path / run / "experiment.yaml").write_text("")
    (tmp_path / "my_own.yaml").write_text("")
    for line, expected in {
        "ttt tr": ["train"],
        "ttt train dq": ["dqn", "dqn_league", "dqn_pettingzoo"],
        "ttt train my": ["my_own.yaml"],
        "ttt train ppo training.l": ["training.lr=", "training.lambda_="],
        "ttt train ppo --set stop.m": ["stop.moves="],
        "ttt train ppo training.lr=": [],
        "ttt train --resume res": [str(run)],
        "ttt evaluate res": [str(run)],
        "ttt settings tracking.w": ["tracking.wandb", "tracking.wandb.mode"],
    }.items():
        assert completions(line, tmp_path)[: len(expected) or 1] == expected, line


def test_the_completion_script_calls_this_program():
    done = run_module("ttt_rllib", "--show-completion", "bash")
    shown = done.stdout if done.returncode == 0 else ttt_script()
    assert "_TTT_COMPLETE=complete_bash" in shown


def ttt_script():
    """Return bash's script where no shell can be detected."""
    done = run_module("ttt_rllib", env={"_TTT_COMPLETE": "source_bash"})
    assert done.returncode == 0, done.stderr
    return done.stdout
