"""What the page says of Connect Four, which has no table: proved, published or not known."""

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from ttt_envs import CONNECT_FOUR, Boards
from ttt_envs.boards import unpack_bits
from ttt_envs.threats import tactical_actions
from ttt_rllib.play.agents import list_agents
from ttt_rllib.play.web.app import create_app

AGENT = "random.connect_four"
POSITIONS = 2_000
UNKNOWN = "not known yet: too many positions are left"

LONG_GAME = [3, 3, 3, 2, 6, 2, 4, 5, 2, 3, 6, 1, 4, 2, 4, 4, 5, 5, 5, 2, 4]
LONG_GAME += [5, 3, 0, 4, 0, 1, 1, 1, 6, 6, 6, 0, 6, 5, 2, 3, 1, 1, 0, 0, 0]
"""It fills the board; bitbully says that it is drawn from ply 25 on."""


@pytest.fixture(scope="module")
def client():
    return TestClient(create_app(list_agents(Path("no results")), AGENT))


def ask(client, moves):
    reply = client.post("/api/position", json={"agent": AGENT, "moves": moves})
    assert reply.status_code == 200, reply.text
    return reply.json()


def known(position):
    """Return the outlooks that the page draws, by action."""
    outlooks = {move["action"]: move["outlook"] for move in position["actions"]}
    return {a: (o["value"], o["plies"]) for a, o in outlooks.items() if o is not None}


def test_the_end_of_a_game_is_known_to_the_page(client):
    position = ask(client, LONG_GAME[:39])
    assert position["verdict"] == "it is a draw with best play"
    # Column 0 is the only one left.
    assert known(position) == {0: (0, 2)}
    assert [point["value"] for point in position["course"]][26:] == [0] * 14
    assert position["course"][-1]["comment"] == "still a draw"
    assert not position["solved"]
    lost = ask(client, LONG_GAME[:24])
    assert lost["verdict"] == "X wins in 2"
    assert lost["course"][-1]["value"] == 1


def test_threats_are_known_and_the_first_position_has_its_published_value(client):
    assert ask(client, [])["verdict"] == "X wins with best play"
    assert known(ask(client, [])) == {}
    threat = ask(client, [3, 0, 2, 0, 4])
    assert threat["verdict"] == "X wins in 1"
    assert threat["course"][-1]["comment"] == "X wins in 1"
    assert set(known(threat).values()) == {(-1, 1)}


def test_what_is_not_known_is_said_not_to_be(client):
    position = ask(client, [3, 3])
    assert position["verdict"] == UNKNOWN
    assert known(position) == {}
    assert {move["is_best"] for move in position["actions"]} == {None}
    assert [point["value"] for point in position["course"]] == [1, None, None]
    assert [point["comment"] for point in position["course"]] == [None] * 3
    openings = client.get(f"/api/agents/{AGENT}/atlas").json()["positions"]
    assert [one["outlook"] for one in openings[:2]] == [{"value": 1, "plies": None}, None]
    assert {one["keeps_value"] for one in openings} == {None}


def positions():
    """Return different positions of whole random games, and the moves that lead to each.

    In every second game, moves that lose at once are avoided, so that it lasts longer.
    """
    rng = np.random.default_rng(8)
    found, is_careful = {}, False
    while len(found) < POSITIONS:
        moves, board, is_over = (), Boards.empty(CONNECT_FOUR, 1), False
        while not is_over:
            found.setdefault((int(board.mover[0]), int(board.opponent[0])), moves)
            choices = tactical_actions(board) if is_careful else board.legal_bits()
            action = rng.choice(np.flatnonzero(unpack_bits(choices, 7)[0]), 1)
            moves = (*moves, int(action[0]))
            board, _, done = board.step(action)
            is_over = bool(done[0])
        is_careful = not is_careful
    sides = np.array(list(found)[:POSITIONS], np.uint64).T.copy()
    return Boards(CONNECT_FOUR, *sides), list(found.values())[:POSITIONS]


@pytest.mark.long
def test_the_page_agrees_with_another_perfect_player(client):
    pytest.importorskip("bitbully")
    from benchmarks.label_positions import exact_scores

    boards, lines = positions()
    scores = exact_scores(boards)
    asked = zip(lines, scores, strict=True)
    known = np.array([check(client, list(moves), row) for moves, row in asked])
    shares = [known[boards.ply // 4 == band].mean() for band in range(10)]
    assert shares[3] > 0.3
    assert min(shares[6:]) > 0.7


def check(client, moves, scores):
    """Hold a position to exact scores; return whether its value is known."""
    position = ask(client, moves)
    for action, (value, plies) in known(position).items():
        assert value == np.sign(scores[action])
        # A score of k: the game is won with the winner's k-th last stone.
        if value:
            last_stone = len(moves) + 1 + plies
            assert (42 - last_stone) // 2 + 1 == abs(scores[action])
    best = int(scores.max())
    mover, other = "XO" if len(moves) % 2 == 0 else "OX"
    value = position["course"][-1]["value"]
    if value is None:
        assert position["verdict"] == UNKNOWN
        return False
    assert value == np.sign(best) * (1 if mover == "X" else -1)
    if best == 0:
        assert position["verdict"] == "it is a draw with best play"
    else:
        winner = mover if best > 0 else other
        stones_left = 21 - (len(moves) + (winner == "X")) // 2
        in_moves = f"in {stones_left - abs(best) + 1}" if moves else "with best play"
        assert position["verdict"] == f"{winner} wins {in_moves}"
    return True
