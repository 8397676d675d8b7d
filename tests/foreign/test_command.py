"""The command `ttt prove`: text, JSON, requirements, and the same as a module."""

import json
import re
import sys

import numpy as np
import pytest
from markupsafe import escape

from tests.commands import run_module
from tests.in_process import call
from ttt_rllib.agents.bundle import Bundle, save_bundle
from ttt_rllib.agents.onnx import build_model

MODULE = """
import numpy as np
from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.policies import PerfectPolicy


class Held:
    perfect = PerfectPolicy(TIC_TAC_TOE)


def agent():
    return Held.perfect


def first(observation, action_mask):
    return int(np.argmax(action_mask))
"""


@pytest.fixture
def folder(tmp_path, new_network):
    (tmp_path / "my_module.py").write_text(MODULE)
    network = new_network(seed=1)
    save_bundle(network, tmp_path / "agent", {})
    (tmp_path / "agent.onnx").write_bytes(build_model(Bundle(network, {})))
    yield tmp_path
    sys.modules.pop("my_module", None)


def run(folder, *words):
    return call(("prove", *words), cwd=folder, env={"COLUMNS": "80", "NO_COLOR": "1"})


@pytest.mark.parametrize("words", ["my_module:agent", "my_module:Held.perfect"])
def test_an_object_of_a_module_is_proved(folder, words):
    done = run(folder, words, "--require", "perfect")
    assert (done.code, done.errors) == (0, ())
    lines = done.stdout.splitlines()
    assert lines[0] == "perfect: every move in every position of the game keeps its value"
    assert f"agent                 {words}, a policy with rules of its own" in lines
    assert "NashConv              0.0000 greedy, 0.0000 stochastic" in lines


def test_a_requirement_that_is_not_met_exits_with_1(folder):
    done = run(folder, "my_module:first", "--require", "unexploitable")
    assert (done.code, done.errors) == (1, ("my_module:first: not unexploitable",))
    assert done.stdout.startswith("exploitable: ")


def test_json_of_our_onnx_has_the_certificate_of_the_bundle(folder):
    done = run(folder, "agent.onnx", "--json")
    told = json.loads(done.stdout)
    ours = json.loads(call(("evaluate", "agent", "--json"), cwd=folder, env={}).stdout)
    shared = told["certificate"].keys()
    assert shared >= {"moves_sha256_as_x", "moves_sha256_as_o", "losing_lines", "mistakes"}
    assert told["certificate"] == {name: ours["certificate"][name] for name in shared}
    assert told["metrics"].keys() == ours["metrics"].keys()
    assert np.allclose(
        list(told["metrics"].values()), [ours["metrics"][name] for name in told["metrics"]]
    )
    assert (told["kind"], told["seat"], told["game"]["rows"]) == ("an ONNX model", None, 3)


def test_a_bundle_of_ours_is_sent_to_evaluate(folder):
    done = run(folder, "agent")
    assert done.code == 2
    assert done.errors == (
        "error: agent: holds an agent of ttt_rllib; prove it with: ttt evaluate agent",
    )


def test_the_module_is_the_command_and_the_name_in_the_package_stays_a_function(folder):
    done = run_module("ttt_rllib.prove", "my_module:first", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(folder, "my_module:first", "--json").stdout
    import ttt_rllib.prove

    assert ttt_rllib.prove(lambda boards: boards.legal_mask().argmax(axis=1)).nash_conv == 2.0


def test_a_board_of_any_size_is_named_by_its_settings(folder):
    done = run(folder, "my_module:first", "--game", "rows=4,cols=3,connect=3,gravity=true")
    assert (done.code, done.errors) == (0, ())
    assert "game                  4 x 3, connect 3, gravity" in done.stdout.splitlines()


def test_the_page_says_what_the_text_says_and_loads_nothing(folder):
    done = run(folder, "my_module:first", "--html", "first.html")
    assert (done.code, done.errors) == (0, ())
    verdict, page = done.stdout.splitlines()[0], (folder / "first.html").read_text()
    assert done.stdout.endswith("\npage: first.html\n")
    assert f"<h1>{escape(verdict[0].upper() + verdict[1:])}.</h1>" in page
    assert "How it loses" in page
    assert "Openings" in page
    assert "487 games in which it gets less than its seat could have; the shortest:" in page
    assert not re.search(r"<script|(src|href)=\"(?!data:)", page)
    told = json.loads(run(folder, "my_module:first", "--json").stdout)
    assert told["certificate"]["moves_sha256_as_x"] in page


def test_the_page_of_a_seat_names_no_other(folder):
    words = ("my_module:agent", "--seat", "o", "--html", "perfect.html")
    assert run(folder, *words).code == 0
    page = (folder / "perfect.html").read_text()
    assert "Perfect as O: every move in every position with O to move keeps its value." in page
    assert "As X" not in page
    assert "as X" not in page
    assert "Openings" not in page
    assert "How it loses" not in page


def test_a_page_that_cannot_be_written_gets_a_sentence(folder):
    done = run(folder, "my_module:agent", "--html", "absent/page.html")
    assert (done.code, done.stdout) == (2, "")
    assert done.errors == ("error: absent/page.html: cannot be written: No such file or directory",)
