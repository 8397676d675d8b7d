"""Requests generated from the schema: none may break the server or contradict what it documents."""

import re

import pytest

from tests.commands import run_module, web_server

pytest.importorskip("schemathesis", reason="pip install -e .[browser]")
pytestmark = pytest.mark.long


@pytest.fixture
def address(tmp_path):
    with web_server(tmp_path) as (_, address):
        yield address


def test_schemathesis_finds_nothing(address, tmp_path):
    # Its own command: its pytest plugin does not know this pytest.
    options = ["--max-examples", "60", "--seed", "1", "--no-color"]
    done = run_module("schemathesis.cli", "run", f"{address}openapi.json", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    cases, found = re.search(r"(\d+) generated, (.*)", done.stdout).groups()
    assert int(cases) > 200
    assert "failure" not in found
