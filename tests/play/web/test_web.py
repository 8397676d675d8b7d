"""The HTTP API against plain recursion over strings, and its answers to wrong requests."""

import json
import random
import re
import signal
import socket
import subprocess
from importlib.resources import files
from itertools import pairwise
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.commands import RAY_AND_TORCH, run_program, web_server
from ttt_envs import TIC_TAC_TOE, Boards
from ttt_envs.game import Game
from ttt_rllib.agents.bundle import save_bundle
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.analysis.palette import palette
from ttt_rllib.errors import InputError
from ttt_rllib.play.agents import list_agents
from ttt_rllib.play.web.app import create_app, invitation, serve
from ttt_rllib.play.web.middleware import MAX_BODY_BYTES

TRAINED = "ppo~seven"
NUM_GAMES = 40
X_WINS = [0, 3, 1, 4, 2]


def network(game):
    rng = np.random.default_rng(7)
    sizes = {
        "trunk.0": (16, 2 * game.num_squares),
        "policy": (game.num_actions, 16),
        "value": (1, 16),
    }
    weights = {f"{name}.weight": rng.normal(size=size) for name, size in sizes.items()}
    weights |= {f"{name}.bias": rng.normal(size=size[0]) for name, size in sizes.items()}
    as_float32 = {name: array.astype(np.float32) for name, array in weights.items()}
    return NetworkPolicy(game, as_float32, "tanh")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    save_bundle(network(TIC_TAC_TOE), folder / "ppo" / "seven" / "agent", {})
    save_bundle(network(Game(4, 4, 4)), folder / "large" / "seven" / "agent", {})
    return folder


@pytest.fixture(scope="module")
def client(results):
    # Errors of the server must reach the client as they would from a separate process.
    return TestClient(create_app(list_agents(results), TRAINED), raise_server_exceptions=False)


def ask(client, moves, *, agent="perfect", you=None):
    reply = client.post("/api/position", json={"agent": agent, "moves": moves, "you": you})
    assert reply.status_code == 200, reply.text
    return reply.json()


def random_games(truth):
    rng = random.Random(3)
    for _ in range(NUM_GAMES):
        board, moves = "." * 9, []
        yield board, list(moves)
        while truth.squares(board):
            moves.append(rng.choice(truth.squares(board)))
            board = truth.after(board, moves[-1])
            yield board, list(moves)


def value_for(seat, fate):
    winner, _ = fate
    return 0 if winner is None else 1 if winner == seat else -1


def test_positions_values_and_lengths_equal_a_plain_recursion(client, naive):
    for board, moves in random_games(naive):
        position = ask(client, moves)
        assert "".join(owner or "." for owner in position["squares"]) == board
        assert [move["action"] for move in position["actions"]] == naive.squares(board)
        seat = naive.mover(board)
        assert position["turn"] == (seat if naive.squares(board) else None)
        for move in position["actions"]:
            fate = naive.fate(naive.after(board, move["action"]))
            assert move["square"] == move["action"]
            assert move["outlook"]["value"] == value_for(seat, fate)
            if fate[0] is not None:
                assert (move["outlook"]["plies"] + 1) // 2 == fate[1]


def test_the_course_marks_exactly_the_moves_that_change_who_wins(client, naive):
    mistakes = 0
    for board, moves in random_games(naive):
        if naive.squares(board):
            continue
        course = ask(client, moves)["course"]
        boards = ["." * 9]
        for move in moves:
            boards.append(naive.after(boards[-1], move))
        winners = [naive.fate(board)[0] for board in boards]
        changed = [before != after for before, after in pairwise(winners)]
        assert [point["is_mistake"] for point in course] == [False, *changed]
        assert [point["value"] for point in course] == [
            {"X": 1, None: 0, "O": -1}[winner] for winner in winners
        ]
        mistakes += sum(changed)
    assert mistakes > NUM_GAMES / 2


def test_a_game_is_told_to_the_one_who_sits_there(client):
    moves = [0, 1]  # X in a corner, O beside it: every book says that this loses.
    assert ask(client, moves, you="O")["course"][-1]["comment"].startswith("you could still draw")
    assert ask(client, moves)["course"][-1]["comment"].startswith("O could still draw")
    won = ask(client, X_WINS)
    assert (won["result"], won["winning_squares"], won["last_square"]) == ("X", [0, 1, 2], 2)
    assert won["actions"] == []


def test_a_stone_that_falls_lies_on_those_below(client):
    position = ask(client, [3, 3, 3], agent="random.connect_four")
    assert not position["solved"]
    assert position["squares"][38] == position["squares"][24] == "X"
    assert (position["squares"][31], position["last_square"]) == ("O", 24)
    assert [move["square"] for move in position["actions"]] == [35, 36, 37, 17, 39, 40, 41]


def test_a_trained_agent_shows_its_network_and_plays_its_most_probable_move(client):
    policy = network(TIC_TAC_TOE)
    board = Boards(TIC_TAC_TOE, np.array([1], np.uint64), np.array([16], np.uint64))
    probabilities = policy(board)[0]
    position = ask(client, [0, 4], agent=TRAINED)
    shown = {move["action"]: move["probability"] for move in position["actions"]}
    assert shown == pytest.approx({action: probabilities[action] for action in shown})
    # Both estimates are X's: the network speaks for the mover, at ply 1 for O.
    after_x = Boards(TIC_TAC_TOE, np.array([0], np.uint64), np.array([1], np.uint64))
    estimates = [float(policy.values(board)[0]), -float(policy.values(after_x)[0])]
    shown = [position["course"][ply]["estimate"] for ply in (2, 1)]
    assert shown == pytest.approx(estimates, abs=1e-5)
    for seed in range(5):
        reply = client.post("/api/move", json={"agent": TRAINED, "moves": [0, 4], "seed": seed})
        assert reply.json()["action"] == probabilities.argmax()


def test_a_seed_repeats_a_drawn_move_and_without_it_all_moves_come(client):
    def action(**seed):
        reply = client.post("/api/move", json={"agent": "random", "moves": [4], **seed})
        return reply.json()["action"]

    assert len({action(seed=11) for _ in range(5)}) == 1
    assert len({action(seed=seed) for seed in range(30)}) > 4
    # Eight squares, 200 draws: the chance to miss one is below 10^-10.
    assert {action() for _ in range(200)} == {0, 1, 2, 3, 5, 6, 7, 8}


def test_the_openings_have_one_position_of_each_kind_as_turning_a_printed_board_shows(client):
    def kinds(board):
        square = np.array(list(board)).reshape(3, 3)
        turned = [np.rot90(side, turns) for side in (square, square.T) for turns in range(4)]
        return {"".join(view.ravel()) for view in turned}

    positions = client.get(f"/api/agents/{TRAINED}/atlas").json()["positions"]
    boards = ["".join(owner or "." for owner in position["squares"]) for position in positions]
    assert [sum(len(p["moves"]) == ply for p in positions) for ply in range(3)] == [1, 3, 12]
    covered = [kinds(board) for board in boards]
    assert len(set().union(*covered)) == sum(len(kind) for kind in covered) == 1 + 9 + 72
    for position in positions:
        best = max(position["actions"], key=lambda move: move["probability"])
        assert position["choice"] == best
        is_kept = best["outlook"]["value"] == position["outlook"]["value"]
        assert position["keeps_value"] is is_kept


WRONG = {
    "taken": ("/api/position", {"moves": [4, 4]}, 409, "square 4 is taken"),
    "off the board": ("/api/position", {"moves": [9]}, 409, "squares 0 to 8"),
    "after the end": ("/api/position", {"moves": [*X_WINS, 8]}, 409, "the game is over"),
    "no move left": ("/api/move", {"moves": X_WINS}, 409, "the game is over"),
    "full column": ("/api/move", {"agent": "random.connect_four", "moves": [0] * 7}, 409, "full"),
    "unknown agent": ("/api/position", {"agent": "prefect"}, 404, "did you mean perfect"),
    "unknown mover": ("/api/move", {"agent": "nobody"}, 404, "no agent is called 'nobody'"),
    "a path": ("/api/position", {"agent": "../../etc/passwd"}, 422, "body.agent"),
    "dots": ("/api/move", {"agent": ".."}, 404, "no agent"),
    "number in quotes": ("/api/position", {"moves": ["4"]}, 422, "body.moves.0"),
    "fraction": ("/api/position", {"moves": [0.5]}, 422, "body.moves.0"),
    "truth value": ("/api/move", {"moves": [True]}, 422, "body.moves.0"),
    "negative": ("/api/position", {"moves": [-1]}, 422, "body.moves.0"),
    "too large": ("/api/position", {"moves": [64]}, 422, "body.moves.0"),
    "too many": ("/api/position", {"moves": [0] * 65}, 422, "body.moves"),
    "no list": ("/api/position", {"moves": None}, 422, "body.moves"),
    "no seat": ("/api/position", {"you": "Y"}, 422, "body.you"),
    "negative seed": ("/api/move", {"seed": -1}, 422, "body.seed"),
    "unknown key": ("/api/position", {"move": 4}, 422, "body.move"),
}


@pytest.mark.parametrize(("path", "request_", "status", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_gets_a_documented_status_and_a_sentence(
    client, path, request_, status, words
):
    reply = client.post(path, json={"agent": "perfect", "moves": [], **request_})
    assert (reply.status_code, list(reply.json())) == (status, ["detail"])
    assert words in reply.json()["detail"]
    documented = client.get("/openapi.json").json()["paths"][path]["post"]["responses"]
    schema = documented[str(status)]["content"]["application/json"]["schema"]
    assert schema["$ref"].endswith("/ErrorReply")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"moves": NaN}'])
def test_a_body_that_is_no_request_is_refused(client, body):
    reply = client.post("/api/move", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422)
    assert reply.json()["detail"]


def test_a_body_that_is_too_long_is_refused_with_and_without_its_length(client):
    def pieces():
        yield from [b" " * 1000] * (MAX_BODY_BYTES // 1000 + 1)

    for body in (b" " * (MAX_BODY_BYTES + 1), pieces()):
        reply = client.post("/api/move", content=body)
        assert reply.status_code == 413
        assert str(MAX_BODY_BYTES) in reply.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/agents/nobody/atlas", 404),
        ("GET", "/api/agents/..%2F..%2Fetc%2Fpasswd/atlas", 404),
        ("GET", "/static/../web.py", 404),
        ("GET", "/static/%2e%2e/web.py", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/position", 405),
        ("DELETE", "/api/agents", 405),
    ],
)
def test_other_paths_and_methods_lead_nowhere(client, method, path, status):
    reply = client.request(method, path)
    assert reply.status_code == status
    assert reply.json()["detail"]


def test_only_listed_agents_are_offered_and_each_answers(client, results):
    listed = client.get("/api/agents").json()
    slugs = {"perfect", "random", "one_ply", "alpha_beta"}
    assert slugs | {TRAINED} <= {agent["id"] for agent in listed["agents"]}
    assert listed["preferred"] == TRAINED
    assert {agent["game"]["name"] for agent in listed["agents"]} >= {"tic_tac_toe", "4x4x4"}
    for agent in listed["agents"]:
        assert ask(client, [0], agent=agent["id"])["solved"] is (agent["game"]["cols"] == 3)
        reply = client.post("/api/move", json={"agent": agent["id"], "moves": [0]})
        assert reply.status_code == 200
    assert str(results) not in json.dumps(listed)


def test_the_page_is_made_of_its_own_files_only(client):
    index = client.get("/")
    assert index.headers["content-type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="(/[^"]+)"', index.text)
    assert len(named) == 5
    for file in files("ttt_rllib.play.web").joinpath("static").iterdir():
        text = file.read_text()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), file.name
        assert not re.search(r"<style|style=|\son\w+=|<script(?! type=\"module\" src)", text)
        path = "/" if file.name == "index.html" else f"/static/{file.name}"
        assert client.get(path).text == text
    assert client.get("/static/palette.css").text == palette()


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/agents", "/nothing", "/healthz"])
def test_every_answer_carries_a_strict_content_security_policy(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


SERVED = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from ttt_rllib.play.web.app import listed_app
client = TestClient(listed_app(None, Path(sys.argv[1])))
slug = client.get("/api/agents").json()["preferred"]
assert client.post("/api/move", json={"agent": slug, "moves": []}).status_code == 200
print(slug)
"""


def test_it_serves_the_newest_run_where_importing_ray_and_torch_raises(results):
    done = run_program(SERVED, results, without=RAY_AND_TORCH)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("~seven")


@pytest.fixture
def server(results):
    with web_server(results) as (process, address):
        yield process, urlsplit(address).port


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_signal_ends_the_server_after_the_request_under_way(server, number):
    process, port = server
    body = b'{"agent":"perfect","moves":[]}'
    head = b"POST /api/move HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested


def test_the_address_that_is_printed_leads_to_the_page_that_every_interface_serves(results):
    with web_server(results, EVERYWHERE) as (_, address):
        # Nobody can go to 0.0.0.0, and a terminal makes what is printed a link.
        assert address.startswith("http://localhost:")
        assert httpx2.get(f"{address}healthz", trust_env=False).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/ "),
        ("my-machine", "http://my-machine:80/ "),
        ("::1", "http://[::1]:80/ "),
        ("::", "http://localhost:80/ "),
    ],
)
def test_the_address_that_is_printed_can_be_clicked(host, address):
    assert f"playing on {address}(Ctrl-C ends)" in invitation(host, 80)


def test_a_port_that_is_taken_is_wrong_input(results):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"--port {port}: .*in use; --port 0 takes a free"):
            serve(None, results, "127.0.0.1", port)
