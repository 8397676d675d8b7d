"""What all commands share: TTT_ENV_FILE as a shell reads it, and one line for a wrong path."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests import in_process
from tests.commands import ROOT
from ttt_rllib.commands import load_environment_file, warn, warn_of_skipped
from ttt_rllib.errors import InputError


@pytest.fixture
def environment(monkeypatch, tmp_path):
    file = tmp_path / "env"
    values = {"TTT_ENV_FILE": str(file), "KEPT": "mine"}
    monkeypatch.setattr(os, "environ", values)
    return file, values


def test_keys_are_set_and_what_is_set_already_wins(environment):
    file, values = environment
    file.write_text("# keys\n\nWANDB_API_KEY=a=b\nKEPT=theirs\n")
    load_environment_file()
    assert (values["WANDB_API_KEY"], values["KEPT"]) == ("a=b", "mine")


def test_a_file_of_an_editor_of_windows_is_read_alike(environment):
    file, values = environment
    file.write_bytes(b"\xef\xbb\xbfWANDB_API_KEY=a\r\nOTHER=b\r\n")
    load_environment_file()
    assert (values["WANDB_API_KEY"], values["OTHER"]) == ("a", "b")


def test_a_missing_file_is_an_empty_one(environment):
    _, values = environment
    load_environment_file()
    assert "WANDB_API_KEY" not in values
    assert values["KEPT"] == "mine"


def test_a_wrong_line_is_named_by_its_number_and_never_shown(environment):
    file, _ = environment
    file.write_text("A=1\nsecret\n")
    with pytest.raises(InputError, match="line 2: is not KEY=VALUE") as caught:
        load_environment_file()
    assert "secret" not in str(caught.value).replace(str(file), "")


@pytest.fixture
def closed():
    """A folder that its user may not look into, and a file in it."""
    # Not below pytest's own folder, which no other user may enter.
    top = Path(tempfile.mkdtemp())
    folder = top / "results"
    folder.mkdir()
    top.chmod(0o755)
    (folder / "closed" / "run").mkdir(parents=True)
    shutil.copy(ROOT / "experiments" / "debug.yaml", folder / "closed")
    (folder / "closed").chmod(0)
    yield folder / "closed"
    (folder / "closed").chmod(0o755)
    shutil.rmtree(top)


DEBUG = str(ROOT / "experiments" / "debug.yaml")


@pytest.mark.parametrize("place", ["{closed}", "{closed}/run", "{long}", "{long}/run", "{deep}"])
@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "PATH"), ("export", "PATH", "--to", "out"), ("report", "PATH"),
        ("play", "PATH"), ("runs", "PATH"), ("compare", "PATH"),
        ("train", "PATH/debug.yaml", "--plan"),
        ("train", "--plan", "--resume", "PATH"), ("train", DEBUG, "--plan", "--storage", "PATH"),
    ],
    ids=lambda words: " ".join(word for word in words if word != DEBUG),
)  # fmt: skip
def test_a_path_that_may_not_be_read_or_is_too_long_is_one_line(closed, words, place):
    path = place.format(closed=closed, long=closed.parent / ("n" * 256), deep="/d" * 3000)
    told = [word.replace("PATH", path) for word in words]
    settings = {"cwd": closed.parent, "env": {"PYTHONDONTWRITEBYTECODE": "1"}}
    if os.getuid() == 0:
        # What the command imports late is imported while every file of it can be read.
        in_process.call(told, **settings)
    outcome = in_process.call(told, as_nobody=os.getuid() == 0, **settings)
    assert outcome.code == 2, outcome
    (line,) = outcome.errors
    assert line.startswith("error: ")
    assert os.listdir(closed.parent) == ["closed"]  # noqa: PTH208 - names alone


def test_a_path_after_an_equals_sign_is_in_the_home_folder_although_no_shell_says_so(tmp_path):
    (tmp_path / "home").mkdir()
    settings = {"cwd": tmp_path, "env": {"HOME": str(tmp_path / "home")}}
    bundle = str(ROOT / "docs" / "agents" / "ppo")
    outcome = in_process.call(("export", bundle, "--to=~/new"), **settings)
    assert (outcome.code, outcome.errors) == (0, ())
    assert (tmp_path / "home" / "new" / "agent.json").is_file()
    assert os.listdir(tmp_path) == ["home"]  # noqa: PTH208 - names alone


@pytest.mark.parametrize(
    ("words", "which"),
    [
        (("train", "debug", "--plan", "--storage", ""), "--storage"),
        (("train", "debug", "--plan", "--storage="), "--storage"),
        (("train", "debug", "--plan", "--name", ""), "--name"),
        (("runs", ""), "an argument"),
        (("runs", "--json", ""), "an argument"),
        (("compare", "a", ""), "an argument"),
        (("tournament", "random", ""), "an argument"),
    ],
)
def test_an_empty_word_is_not_the_working_directory(tmp_path, words, which):
    outcome = in_process.call(words, cwd=tmp_path, env={})
    assert outcome.code == 2
    error = f"error: {which}: is empty; is a variable of the shell not set?"
    assert outcome.errors == (error,)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("runs",), 0, "warning: skipped: "),
        (("play", "--list", "--results"), 0, "warning: skipped: "),
        (("compare",), 2, "error: none of the runs can be compared; the first: "),
    ],
)
def test_a_run_that_may_not_be_read_is_not_left_out_in_silence(closed, words, code, told, depth):
    results = closed.parents[depth - 1]
    settings = {"cwd": closed.parent, "env": {"PYTHONDONTWRITEBYTECODE": "1"}}
    if os.getuid() == 0:
        in_process.call((*words, str(results)), **settings)
    outcome = in_process.call((*words, str(results)), as_nobody=os.getuid() == 0, **settings)
    assert outcome.code == code, outcome
    (line,) = outcome.errors
    assert line.startswith(told)
    assert "/closed/" in line
    assert line.endswith("Permission denied") or "Permission denied: " in line


def test_a_warning_is_one_line_whatever_a_name_holds(capsys):
    warn("error: a\nb\r\x1b[31m\u202e\u2028c: \xe9")
    assert capsys.readouterr().err == "error: a\\nb\\r\\x1b[31m\\u202e\\u2028c: \xe9\n"


@pytest.mark.parametrize(("number", "told"), [(0, 0), (1, 1), (5, 5), (6, 6), (900, 6)])
def test_of_many_things_that_were_left_out_most_are_counted(number, told, capsys):
    warn_of_skipped([f"run {one}" for one in range(number)])
    lines = capsys.readouterr().err.splitlines()
    assert lines[:5] == [f"warning: skipped: run {one}" for one in range(min(number, 5))]
    assert len(lines) == told
    assert lines[5:] == [f"warning: {number - 5} more were skipped, too"][: told - 5]
