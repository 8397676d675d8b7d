"""The server of the page, asked over HTTP as a browser asks it."""

import json
import socket
import time
from http.client import HTTPConnection
from threading import Thread

import pytest

from tests.commands import ROOT, run_command
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import MOVES, NASH_CONV, NASH_CONV_GREEDY, OPTIMAL_MOVE_RATE
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.watch.feed import MAX_POINTS, Feed
from ttt_rllib.watch.server import WatchServer, listen
from ttt_rllib.watch.words import Ending

PPO = ROOT / "experiments" / "ppo.yaml"
DONE = Ending(True, "unexploitable: no opponent can beat it")


def row(moves, nash_conv):
    return {MOVES: moves, NASH_CONV_GREEDY: nash_conv, NASH_CONV: nash_conv + 0.5}


@pytest.fixture
def server(tmp_path):
    page = WatchServer(Feed(load_experiment(PPO)), listen(0))
    page.feed.follow(RunDir(tmp_path))
    yield page
    page.close()


def ask(server, path, method="GET"):
    port = int(server.address.rstrip("/").rpartition(":")[2])
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def state(server, query="after=-1"):
    status, _, content = ask(server, f"/api/live?{query}")
    assert status == 200, content
    return json.loads(content)


def test_the_page_and_its_files_load_nothing_from_elsewhere(server):
    for path in ("/", "/static/watch.js", "/static/watch.css", "/static/palette.css"):
        status, headers, content = ask(server, path)
        assert status == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert b"https://" not in content
    for path in ("/static/draw.js", "/static/icon.svg"):
        assert ask(server, path)[0] == 200


@pytest.mark.parametrize(
    ("path", "method", "status", "sentence"),
    [
        ("/nothing", "GET", 404, "/nothing: there is no such thing here"),
        ("/static/../words.py", "GET", 404, "/static/../words.py: there is no such thing here"),
        ("/report", "GET", 404, "there is no report yet"),
        ("/api/live?after=x", "GET", 422, "after: is x, not a whole number"),
        ("/api/live?trial=7", "GET", 404, "trial 7: there is no such trial here"),
        ("/api/live", "POST", 405, "POST: this page can only be read"),
    ],
)
def test_everything_else_is_refused_with_a_sentence(server, path, method, status, sentence):
    got, _, content = ask(server, path, method)
    assert (got, json.loads(content)["detail"]) == (status, sentence)


def test_the_state_follows_the_training_to_its_end(server, tmp_path):
    assert state(server)["verdict"]["headline"] == "Starting"
    server.feed.add("00000", row(4000, 1.0))
    training = state(server)
    assert training["verdict"]["tone"] == "loss"
    assert training["curves"][0]["points"] == [[4000, 1.0]]
    assert training["curves"][1]["points"] == [[4000, 1.5]]
    server.feed.add("00000", row(8000, 0.0))
    assert state(server)["verdict"]["headline"] == "No hole left"
    server.feed.prove()
    assert state(server)["verdict"]["headline"] == "Proving"
    (tmp_path / "report.html").write_text("<p>The report")
    assert ask(server, "/report")[0] == 404, "it may be an earlier session's"
    server.feed.end(DONE)
    ended = state(server)
    assert (ended["phase"], ended["report"]) == ("ended", True)
    assert ended["verdict"]["headline"] == "No hole left"
    status, headers, content = ask(server, "/report")
    assert (status, content) == (200, b"<p>The report")
    assert "script-src" not in headers["Content-Security-Policy"]


def test_of_several_trials_the_leading_one_is_shown_unless_another_is_asked_for(server):
    for name, nash_conv in (("00000", 2.0), ("00001", 0.5), ("00002", 1.0)):
        server.feed.add(name, row(1000, nash_conv))
    assert state(server)["shown"] == "00001"
    assert [line["is_best"] for line in state(server)["trials"]] == [False, True, False]
    assert state(server, "after=-1&trial=00002")["shown"] == "00002"


@pytest.fixture
def search(tmp_path):
    experiment = tmp_path / "search.yaml"
    experiment.write_text(
        "search: {training.lr: {grid: [1e-5, 1e-3]}, num_samples: 1, "
        "objective: exact/optimal_move_rate}\n"
    )
    page = WatchServer(Feed(load_experiment(experiment)), listen(0))
    page.feed.follow(RunDir(tmp_path))
    yield page
    page.close()


def test_a_search_says_which_trial_is_shown_and_at_its_end_which_one_it_chose(search):
    assert state(search)["which"] is None
    search.feed.add("00000", row(1000, 1.0) | {OPTIMAL_MOVE_RATE: 0.8})
    assert state(search)["which"] == "This is trial 00000, the first of the search."
    search.feed.add("00001", row(1000, 2.0) | {OPTIMAL_MOVE_RATE: 0.9})
    leads = "This is trial 00001, which leads the 2 that have begun."
    assert state(search)["which"] == leads, "by the objective of the search"
    chosen = "This is trial 00000, which you have chosen; trial 00001 leads."
    assert state(search, "after=-1&trial=00000")["which"] == chosen
    search.feed.end(Ending(False, "exploitable", best_trial="00000"))
    assert state(search)["which"] == "This is trial 00000, the best of 2."
    assert state(search, "after=-1&trial=00001")["which"] == (
        "The verdict is that of trial 00000, the best of 2; the figures below are those of trial "
        "00001."
    )


def test_a_training_that_is_no_search_names_no_trial(server):
    server.feed.add("00000", row(1000, 1.0))
    assert state(server)["which"] is None


def test_an_open_page_hears_that_no_run_began_before_the_server_is_closed(server):
    state(server)
    server.feed.end(Ending(None, "", is_begun=False))
    began_s = time.monotonic()
    server.wait_for_reader(timeout_s=0.3)
    assert time.monotonic() - began_s > 0.3, "the page does not know yet"
    assert state(server)["verdict"]["detail"] == (
        "It ended before a run began; the terminal says why."
    )
    began_s = time.monotonic()
    server.wait_for_reader()
    assert time.monotonic() - began_s < 0.2
    server.feed.end(DONE)
    assert state(server)["verdict"]["headline"] == "No training", "what was said first stands"


def test_a_long_curve_keeps_its_first_and_newest_points(server):
    for moves in range(3 * MAX_POINTS):
        server.feed.add("00000", row(moves, 1.0))
    points = state(server)["curves"][0]["points"]
    assert len(points) <= MAX_POINTS
    assert (points[0][0], points[-1][0]) == (0, 3 * MAX_POINTS - 1)


def test_a_page_that_is_up_to_date_waits_for_news_and_a_hidden_one_for_the_end(server):
    version = state(server)["version"]
    answers = {}

    def wait(name, query):
        answers[name] = state(server, query)["phase"]

    shown = Thread(target=wait, args=("shown", f"after={version}"))
    hidden = Thread(target=wait, args=("hidden", f"after={version}&wait=end"))
    for thread in (shown, hidden):
        thread.start()
    server.feed.add("00000", row(1000, 1.0))
    shown.join(5)
    assert answers == {"shown": "training"}
    server.feed.end(DONE)
    hidden.join(5)
    assert answers["hidden"] == "ended"


def test_the_end_waits_for_an_open_page_to_fetch_the_report_and_for_nobody_else(server, tmp_path):
    (tmp_path / "report.html").write_text("<p>The report")
    server.feed.end(DONE)
    began_s = time.monotonic()
    server.wait_for_reader()
    assert time.monotonic() - began_s < 0.5, "no page ever asked"
    state(server)
    server.wait_for_reader(timeout_s=0.3)
    assert time.monotonic() - began_s > 0.3, "a page has asked, but not for the report"
    ask(server, "/report")
    began_s = time.monotonic()
    server.wait_for_reader()
    assert time.monotonic() - began_s < 0.2


def test_a_port_that_is_taken_is_refused_before_ray_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="Address already in use; --port 0 takes a free port"):
            listen(port)
        done = run_command("train", PPO, "--storage", tmp_path / "r", "--web", "--port", port)
    assert done.returncode == 2
    assert (
        done.stderr == f"error: --port {port}: Address already in use; --port 0 takes a free port\n"
    )
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
