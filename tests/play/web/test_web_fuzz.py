"""Requests made up from the schema: none may break the server or contradict what it documents."""

import re
import subprocess
import sys

import pytest

pytest.importorskip("schemathesis", reason="pip install -e .[browser]")
pytestmark = pytest.mark.long


@pytest.fixture
def address(tmp_path):
    command = [sys.executable, "-m", "ttt_rllib.play", "--web", "--port", "0"]
    with subprocess.Popen(
        [*command, "--results", tmp_path], stderr=subprocess.PIPE, text=True
    ) as server:
        yield re.search(r"http://[\d.:]+/", server.stderr.readline())[0]
        server.terminate()


def test_schemathesis_finds_nothing(address, tmp_path):
    # Its own command: its pytest plugin does not know this pytest.
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}openapi.json"]
    options = ["--max-examples", "60", "--seed", "1", "--no-color"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout
    cases, found = re.search(r"(\d+) generated, (.*)", done.stdout).groups()
    assert int(cases) > 200
    assert "failure" not in found
