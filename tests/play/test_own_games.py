"""Games of one's own in a bundle, in the terminal, over HTTP and as an experiment."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.in_process import call
from ttt_envs import own_game_loading
from ttt_rllib.agents.bundle import BundleError, load_bundle, save_bundle
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.mistakes import find_mistakes
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.play.agents import Agent, fixed_players, list_agents
from ttt_rllib.play.terminal.dialogue import Dialogue
from ttt_rllib.play.web.app import create_app
from ttt_rllib.runs.certificate_json import (
    CERTIFICATE_FILE,
    certificate_of,
    read_certificate,
    same_certificate,
    write_certificate,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
NIM, DOTS = "nim.py:Nim", "dots_and_boxes.py:DotsAndBoxes"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder with copies of the examples, whose references are relative."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_game_loading, "_LOADED", {})
    return tmp_path


def network(game):
    rng = np.random.default_rng(7)
    sizes = {"trunk.0": (8, game.num_inputs), "policy": (game.num_actions, 8), "value": (1, 8)}
    weights = {f"{name}.weight": rng.normal(size=size) for name, size in sizes.items()}
    weights |= {f"{name}.bias": rng.normal(size=size[0]) for name, size in sizes.items()}
    as_float32 = {name: array.astype(np.float32) for name, array in weights.items()}
    return NetworkPolicy(game, as_float32, "tanh")


def test_an_agent_comes_back_from_its_bundle_with_the_same_figures(here):
    policy = network(own_game_loading.load_own_game(NIM))
    save_bundle(policy, here / "agent", {})
    again = load_bundle(here / "agent").policy
    report = evaluate_agent(again)
    assert report.certificate.unexploitable is False
    certificate = certificate_of(load_bundle(here / "agent"), report.certificate)
    write_certificate(here / CERTIFICATE_FILE, certificate)
    assert same_certificate(read_certificate(here / CERTIFICATE_FILE), certificate)
    assert report.metrics() == evaluate_agent(policy).metrics()


def test_an_agent_of_an_edited_game_is_refused(here):
    save_bundle(network(own_game_loading.load_own_game(NIM)), here / "agent", {})
    path = here / "nim.py"
    path.write_text(path.read_text().replace("else ONGOING", "").replace("1, 3, 5", "1, 4, 4"))
    own_game_loading._LOADED.clear()
    with pytest.raises(BundleError, match=r"nim\.py:Nim is another game than the agent"):
        load_bundle(here / "agent")
    path.unlink()
    own_game_loading._LOADED.clear()
    with pytest.raises(BundleError, match=r"there is no file nim\.py in the working directory"):
        load_bundle(here / "agent")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("env=nim.py:Nym", "env.own_game: nim.py:Nym: there is no class Nym in nim.py"),
        ("env={own_game: nonsense}", "env.own_game: nonsense: no reference of a game"),
        ("model.threat_planes=true", "model.threat_planes knows lines on a board"),
        ("model.lookahead=2", "model.lookahead knows lines on a board"),
        ("algorithm=td training={}", "algorithm is td, which plays moves to value"),
        ("self_play.matchmaking=uniform self_play.members=[one_ply]", "one_ply: looks for lines"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_sentence(here, settings, sentence):
    words = settings.split(" ") if "own_game" not in settings else [settings]
    given = [] if words[0].startswith("env") else ["env=nim.py:Nim"]
    outcome = call(["train", "nim.yaml", *given, *words], cwd=here, env={})
    assert outcome.code == 2, outcome
    assert len(outcome.errors) == 1
    assert sentence in outcome.errors[0]


def players_of(reference):
    return fixed_players(own_game_loading.load_own_game(reference))


def test_only_players_that_know_the_rules_are_offered(here):
    slugs = [agent.slug.partition(".")[0] for agent in players_of(NIM)]
    assert slugs == ["perfect", "random"]


def test_a_game_in_the_terminal_names_its_moves_and_passes_without_a_word(here):
    perfect, _ = players_of(DOTS)
    dialogue = Dialogue(perfect, np.random.default_rng(0), 60)
    text = dialogue.introduction() + dialogue.start("X")
    assert "Dots and Boxes 2 x 2" in text
    assert " 8  standing 2" in text
    rng = np.random.default_rng(1)
    while not dialogue.record.is_over:
        assert dialogue.record.turn == "X"
        assert not dialogue.record.must_pass
        text += dialogue.answer(str(rng.choice(dialogue.record.legal)))
        assert "%" in (dialogue.answer("p") or "") or dialogue.record.is_over
    assert 12 in dialogue.record.moves
    assert "pass" not in text
    assert "game over: you lose" in text
    # To take back leads to a position in which the person has a choice.
    dialogue.answer("u")
    assert dialogue.record.turn == "X"
    assert not dialogue.record.must_pass


def test_the_page_gets_a_drawing_the_names_and_whether_to_pass(here):
    game = own_game_loading.load_own_game(DOTS)
    own = Agent("own", "mine", network(game), is_trained=True, verdict=None)
    slug = players_of(DOTS)[0].slug
    client = TestClient(create_app(list_agents(here, own=own), slug))
    names = [one["game"]["moves"] for one in client.get("/api/agents").json()["agents"]]
    assert list(game.move_names) in names
    assert None in names

    def ask(moves):
        reply = client.post("/api/position", json={"agent": slug, "moves": moves, "you": "X"})
        assert reply.status_code == 200, reply.text
        return reply.json()

    start, closed = ask([]), ask([0, 2, 6, 7])
    assert start["drawing"].splitlines()[0] == "+  +  +"
    assert (start["squares"], start["winning_squares"], start["must_pass"]) == ([], [], False)
    assert closed["drawing"].splitlines()[:3] == ["+--+  +", "|  |   ", "+--+  +"]
    assert closed["must_pass"]
    assert [move["action"] for move in closed["actions"]] == [12]
    assert client.get(f"/api/agents/{slug}/atlas").json()["positions"][0]["drawing"]
    puzzles = client.get("/api/agents/own/puzzles").json()
    assert puzzles["puzzles"] == []
    assert puzzles["reason"] == "Puzzles are made for games with a board only."
    refused = client.post("/api/position", json={"agent": slug, "moves": [0, 0]})
    assert (refused.status_code, refused.json()["detail"].partition(";")[0]) == (
        409,
        "move 0 is not legal",
    )
    assert GameRecord(game, (0, 2, 6, 7)).must_pass


def test_each_mistake_of_an_agent_of_nim_leaves_a_nim_sum_where_it_could_have_left_none(here):
    game = own_game_loading.load_own_game(NIM)
    lines = evaluate_agent(network(game)).certificate.losing_lines
    mistakes = find_mistakes(game, lines)
    assert sum(mistake.num_lines for mistake in mistakes) == len(lines) > 0
    for mistake in mistakes:
        heaps = [1, 3, 5]
        for action in mistake.before:
            play_nim(heaps, game.move_names[action])
        left = {
            action: play_nim(heaps.copy(), game.move_names[action])
            for action in legal(mistake, game)
        }
        assert mistake.better == tuple(
            action for action, heaps in left.items() if not nim_sum(heaps)
        )
        assert nim_sum(left[mistake.action])


def legal(mistake, game):
    return GameRecord(game, mistake.before).legal


def play_nim(heaps, name):
    count, heap = name.split(" of heap ")
    heaps[int(heap) - 1] -= int(count)
    return heaps


def nim_sum(heaps):
    return heaps[0] ^ heaps[1] ^ heaps[2]
