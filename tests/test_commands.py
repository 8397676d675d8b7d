"""TTT_ENV_FILE against the environment that a shell would have after reading it."""

import os

import pytest

from ttt_rllib.commands import load_environment_file
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
