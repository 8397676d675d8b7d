"""The page docs/prove.md: its blocks are executed, and the error that it shows is a real one."""

import re

import pytest

import ttt_rllib
from tests.commands import ROOT
from ttt_rllib.errors import InputError
from ttt_rllib.foreign.functions import FORMS

PAGE = (ROOT / "docs" / "prove.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_page_work(capsys):
    names = {}
    blocks = [text for language, text in BLOCK.findall(PAGE) if language == "python"]
    for text in blocks:
        exec(compile(text, "docs/prove.md", "exec"), names)  # noqa: S102 - our own page
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[12]\.0 \(\d(, \d)+\)", first)
    assert float(second) == 1.0
    assert len(blocks) == 3


def test_the_error_on_the_page_is_the_one_that_is_raised():
    (shown,) = (text for language, text in BLOCK.findall(PAGE) if language == "text")

    def uniform(boards):
        return boards.legal_mask() * 0.0 + 1 / 9

    with pytest.raises(InputError) as raised:
        ttt_rllib.prove(uniform)
    assert " ".join(shown.split()) == f"error: {raised.value}".replace("uniform", "my_module:agent")


def test_the_page_names_every_form_of_a_function():
    rows = re.findall(r"^\| `([\w, ]+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert {takes: tuple(names.split(", ")) for names, takes in rows} == FORMS
