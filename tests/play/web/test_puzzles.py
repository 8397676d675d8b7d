"""The puzzles of the HTTP API, played against plain recursion over strings."""

import pytest
from starlette.testclient import TestClient

from ttt_rllib.play.agents import list_agents
from ttt_rllib.play.web.app import create_app

ROTATED = (6, 3, 0, 7, 4, 1, 8, 5, 2)
MIRRORED = (2, 1, 0, 5, 4, 3, 8, 7, 6)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    agents = list_agents(tmp_path_factory.mktemp("results"))
    return TestClient(create_app(agents, "half_trained"), raise_server_exceptions=False)


def puzzles_of(client, agent):
    reply = client.get(f"/api/agents/{agent}/puzzles")
    assert reply.status_code == 200, reply.text
    return reply.json()


def boards_through(naive, moves):
    boards = ["." * 9]
    for move in moves:
        boards.append(naive.after(boards[-1], move))
    return boards


def images(board):
    turned = [board]
    for _ in range(3):
        turned.append("".join(turned[-1][square] for square in ROTATED))
    mirrored = ["".join(one[square] for square in MIRRORED) for one in turned]
    return {*turned, *mirrored}


def games_against(client, naive, moves, you):
    """Yield every game that a person can play against the agent from a position on."""
    board = boards_through(naive, moves)[-1]
    if not naive.squares(board):
        yield moves, naive.winner(board)
    elif naive.mover(board) == you:
        for square in naive.squares(board):
            yield from games_against(client, naive, [*moves, square], you)
    else:
        reply = client.post("/api/move", json={"agent": "half_trained", "moves": moves}).json()
        yield from games_against(client, naive, [*moves, reply["action"]], you)


def test_every_puzzle_is_a_mistake_that_a_person_can_punish_as_fast_as_it_says(client, naive):
    reply = puzzles_of(client, "half_trained")
    assert reply["reason"] is None
    assert len(reply["agent_sha256"]) == 64
    assert len(reply["puzzles"]) > 5
    for puzzle in reply["puzzles"]:
        moves, you = puzzle["moves"], puzzle["you"]
        *_, before, board = boards_through(naive, moves)
        assert naive.mover(board) == you
        assert (naive.fate(board)[0], puzzle["goal"]) == (you, "win")
        assert naive.fate(before)[0] != you
        games = list(games_against(client, naive, moves, you))
        won = [game for game, winner in games if winner == you]
        assert moves + puzzle["solution"] in won
        assert len(moves + puzzle["solution"]) == min(map(len, won))
        assert puzzle["num_moves"] == (len(puzzle["solution"]) + 1) // 2
        # The agent comes to this position by its own moves.
        for ply in range(len(moves) - 1, -1, -2):
            asked = {"agent": "half_trained", "moves": moves[:ply]}
            assert client.post("/api/move", json=asked).json()["action"] == moves[ply]


def test_no_two_puzzles_are_the_same_position_turned_or_reached_in_another_order(client, naive):
    puzzles = puzzles_of(client, "half_trained")["puzzles"]
    seen = [min(images(boards_through(naive, one["moves"])[-1])) for one in puzzles]
    assert len(set(seen)) == len(seen)
    lengths = [len(one["moves"]) + len(one["solution"]) for one in puzzles]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ("fully_trained", "This agent loses no game, so it has no hole to find."),
        ("random", "This player draws its moves at random"),
        ("random.connect_four", "This player draws its moves at random"),
    ],
)
def test_an_agent_without_a_certain_mistake_has_none_and_a_sentence(client, agent, reason):
    reply = puzzles_of(client, agent)
    assert reply["puzzles"] == []
    assert reply["reason"].startswith(reason)


def test_the_puzzles_of_an_unknown_agent_are_not_found(client):
    reply = client.get("/api/agents/half_trainde/puzzles")
    assert reply.status_code == 404
    assert "half_trained" in reply.json()["detail"]
