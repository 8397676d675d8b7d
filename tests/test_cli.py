"""The program `ttt`: its help, its version, what a shell completes, and how light it starts."""

import errno
import inspect
import os
import pty
import select
import subprocess
import sys
import textwrap
import time
from importlib import import_module
from pathlib import Path

import pytest

from tests import in_process
from tests.commands import ROOT, run_command, run_module, run_program
from ttt_rllib import __version__
from ttt_rllib.cli import COMMANDS, OTHER_WORDS, subcommand
from ttt_rllib.commands import WAITING
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
    assert "list[" not in shown
    assert "Exit codes: 0 done" in " ".join(shown.split())
    assert f"Example: {EXAMPLES[name]}" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_an_argument_is_shown_by_its_name_alone():
    (line,) = (line for line in ttt("train", "-h").splitlines() if "│   KEY=VALUE" in line)
    assert line.split()[1:3] == ["KEY=VALUE", "Settings"]


def test_the_list_of_commands_in_forty_columns_is_wrapped_and_not_cut():
    shown = ttt("-h", COLUMNS="40")
    assert max(map(len, shown.splitlines())) <= 40
    words = " ".join(shown.replace("self-\n", "self-").split())
    for name, command in COMMANDS.items():
        assert f"{name} {command.about}" in words.replace("self- ", "self-")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_paragraphs_of_help_are_wrapped_as_a_whole(name):
    about = inspect.getdoc(getattr(import_module(COMMANDS[name].module), name))
    shown = ttt(name, "-h", COLUMNS="100").splitlines()
    # A line that breaks earlier than it must could hold the next word.
    for paragraph in about.split("\n\n"):
        wrapped = textwrap.wrap(paragraph.replace("\n", " "), 98, break_on_hyphens=False)
        assert wrapped[0] in [line.strip() for line in shown]


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


@pytest.mark.parametrize("module", ["ttt_rllib", "ttt_rllib.train"])
def test_a_terminal_shows_a_sign_of_life_before_the_imports_until_there_is_something_to_read(
    module, tmp_path
):
    words = (*(["train"] if module == "ttt_rllib" else []), "ppo", "seed=banana")
    seen = on_terminal("-X", "importtime", "-m", module, *words, cwd=tmp_path)
    assert WAITING in seen.partition("| pydantic")[0], "importtime names a module after its import"
    erased = f"\r{' ' * len(WAITING)}\r"
    answer = on_terminal("-m", module, *words, cwd=tmp_path).removeprefix(WAITING + erased)
    assert answer.startswith("error: seed=banana: ")
    assert run_module(module, *words, cwd=tmp_path).stderr.startswith("error: seed=banana: ")


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
        # A blank follows an only candidate, so that there is a second one with the same beginning.
        "ttt train ppo --set stop.m": ["stop.moves=", "stop.moves=VALUE"],
        "ttt train ppo training.lr=": [],
        "ttt train --resume res": [str(run)],
        "ttt evaluate res": [str(run)],
        "ttt settings tracking.w": ["tracking.wandb", "tracking.wandb.mode"],
    }.items():
        assert completions(line, tmp_path)[: len(expected) or 1] == expected, line


TYPED = "ttt train ppo training.grad_c"
COMPLETED = "training.grad_clip="


def test_bash_puts_no_blank_after_the_key_of_a_setting(tmp_path):
    """A real bash completes a line; the end of the line is then read back."""
    program = tmp_path / "ttt"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ttt_rllib "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "completion.sh"
    script.write_text(ttt_script())
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    code = os.pathsep.join((str(ROOT / "src"), str(ROOT / "envs")))
    env = {**os.environ, "PATH": path, "PYTHONPATH": code, "TERM": "dumb", "PS1": "$ "}
    terminal, its_end = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=env,
        start_new_session=True,
    )
    try:
        read_until(terminal, b"$ ")
        os.write(terminal, f". {script}; bind 'set enable-bracketed-paste off'\n".encode())
        read_until(terminal, b"$ ", after=b"\n")
        os.write(terminal, TYPED.encode() + b"\t")
        assert WAITING.encode() not in read_until(terminal, b"="), "the line stays as it was typed"
        # What is typed next comes behind it, and the line becomes a word of `echo`.
        os.write(terminal, b'1.5"\x01echo "\n')
        seen = read_until(terminal, b"$ ", after=b"\n")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)
        os.close(its_end)
    assert f"\nttt train ppo {COMPLETED}1.5\r".encode() in seen


def on_terminal(*words, cwd):
    """Return what Python writes to a terminal, from its start to its end."""
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        cwd=cwd,
        start_new_session=True,
    )
    os.close(its_end)
    seen = b""
    try:
        while more := os.read(terminal, 65_536):
            seen += more
    except OSError as error:  # what Linux says at the end
        assert error.errno == errno.EIO  # noqa: PT017
    finally:
        process.wait(60)
        os.close(terminal)
    return seen.decode()


def read_until(terminal, expected, after=b""):
    """Read what a terminal shows until something appears, after something else; return it."""
    seen = b""
    until_s = time.monotonic() + 60.0
    while expected not in seen.partition(after)[2] if after else expected not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, until_s - time.monotonic()))
        assert ready, f"waited for {expected!r} in vain; there was {seen!r}"
        seen += os.read(terminal, 65_536)
    return seen


def test_the_completion_script_calls_this_program():
    done = run_module("ttt_rllib", "--show-completion", "bash")
    shown = done.stdout if done.returncode == 0 else ttt_script()
    assert "_TTT_COMPLETE=complete_bash" in shown


def ttt_script():
    """Return bash's script where no shell can be detected."""
    done = run_module("ttt_rllib", env={"_TTT_COMPLETE": "source_bash"})
    assert done.returncode == 0, done.stderr
    return done.stdout
