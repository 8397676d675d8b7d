"""The tournament as people run it: the table, JSON, Markdown, the page, and wrong input."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.commands import RAY_AND_TORCH, ROOT, loaded_by, run_command
from tests.in_process import call
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.agents.bundle import load_bundle, save_bundle
from ttt_rllib.agents.fixed_players import fixed_player
from ttt_rllib.agents.policies import GreedyPolicy
from ttt_rllib.league.payoffs import payoffs


@pytest.fixture
def folder(tmp_path, new_network):
    save_bundle(new_network(), tmp_path / "first", {})
    save_bundle(new_network(seed=1, q_head=True), tmp_path / "second", {})
    save_bundle(new_network(CONNECT_FOUR), tmp_path / "large", {})
    return tmp_path


def run(folder, *words, columns=80):
    return call(("tournament", *words), cwd=folder, env={"COLUMNS": str(columns)})


def test_json_has_the_exact_results_of_greedy_agents(folder):
    done = run(folder, "first", "second", "one_ply", "--json")
    assert done.code == 0, done.errors
    data = json.loads(done.stdout)
    names = [player["name"] for player in data["players"]]
    assert names == ["first", "second", "one_ply", "perfect", "random"]
    policies = [GreedyPolicy(load_bundle(folder / name).policy) for name in names[:2]]
    policies += [fixed_player(name, TIC_TAC_TOE) for name in names[2:]]
    wanted = payoffs(policies)
    assert data["exact"] is True
    assert np.allclose(data["x_wins"], wanted.x_wins, atol=1e-12)
    assert np.allclose(data["scores"], wanted.scores, atol=1e-12)
    sums = np.add(np.add(data["x_wins"], data["draws"]), data["o_wins"])
    assert np.allclose(sums, 1.0, atol=1e-9)
    ratings = {player["name"]: player["rating"] for player in data["players"]}
    assert ratings["random"] == 0.0
    assert ratings["perfect"] == max(ratings.values())
    hashes = {player["name"]: player["sha256"] for player in data["players"]}
    assert hashes["first"] == load_bundle(folder / "first").agent_sha256


@pytest.mark.parametrize("columns", [40, 80])
def test_the_table_fits_the_terminal_and_has_everybody(folder, columns):
    done = run(folder, "first", "second", "one_ply", "alpha_beta", columns=columns)
    assert done.code == 0, done.errors
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0] == "Tic-tac-toe, exact, 6 players"
    assert re.match(r"  1 perfect +\d+ +\+0\.\d\d +\d+%", lines[3])
    for name in ("first", "second", "one_ply", "alpha_beta", "random"):
        assert sum(f" {name} " in line for line in lines) == 1


def test_markdown_and_the_page_have_every_player(folder):
    done = run(folder, "first", "--markdown", "--html", "page.html")
    assert done.code == 0, done.errors
    found = {line.split(" | ")[0] for line in done.stdout.splitlines()[2:]}
    assert found == {"| perfect", "| first", "| random"}
    html = (folder / "page.html").read_text(encoding="utf-8")
    cells = _Cells()
    cells.feed(html)
    assert {"perfect", "first", "random", "0.00"} <= set(cells.words)
    assert "http" not in html.replace("http-equiv", ""), "it opens offline"


def test_a_large_game_is_sampled_and_says_so(folder):
    done = run(folder, "large", "--games", "20")
    assert done.code == 0, done.errors
    assert done.stdout.startswith("Connect Four, 20 sampled games of each pair, 2 players")
    assert "standard errors up to 0." in done.stdout
    data = json.loads(run(folder, "large", "--games", "20", "--json").stdout)
    assert (data["exact"], data["games_of_a_pair"], data["seed"]) == (False, 20, 0)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("frist",), "frist: neither a fixed player"),
        (("first", "large"), "large: plays Connect Four, not Tic-tac-toe"),
        (("large", "perfect"), "perfect: no perfect player is known"),
        (("first", "--games", "3"), "--games is 3"),
        (("first", "--json", "--markdown"), "choose one"),
        (("first", "--html", "none/page.html"), "none/page.html: cannot be written"),
    ],
)
def test_wrong_input_is_one_sentence_and_writes_nothing(folder, words, complaint):
    before = sorted(folder.rglob("*"))
    done = run(folder, *words)
    assert done.code == 2
    assert done.stdout == ""
    (sentence,) = done.errors
    assert complaint in sentence
    assert sorted(folder.rglob("*")) == before


def test_it_needs_neither_ray_nor_torch(folder):
    assert not loaded_by("ttt_rllib.tournament") & set(RAY_AND_TORCH)
    done = run_command("tournament", folder / "first")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Tic-tac-toe, exact, 3 players")


def test_the_leaderboard_is_what_its_command_prints():
    page = (ROOT / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    agents = sorted(str(path.relative_to(ROOT)) for path in Path(ROOT, "docs/agents").iterdir())
    done = run(ROOT, *agents, "one_ply", "alpha_beta", "--markdown")
    assert done.code == 0, done.errors
    assert done.stdout in page
    assert len(agents) >= 5


class _Cells(HTMLParser):
    """Collects the words of a page."""

    def __init__(self):
        super().__init__()
        self.words = []

    def handle_data(self, data):
        self.words.append(data.strip())
