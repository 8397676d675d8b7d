"""`ttt train --web` of a search in Debian's chromium: which trial is shown, Ctrl-C, and resumed."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.commands import finish, start_command, wait_until
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.live_json import live_folder
from ttt_rllib.runs.summary import read_summary

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e .[browser]")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the browser extra").Axe()
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]

SIZES = {"phone": {"width": 360, "height": 640}, "desk": {"width": 1280, "height": 800}}
WAIT_MS = 180_000

SEARCH = """
# Does it help to learn? The first trial does not, so the second one takes the lead.
env_runners: {num_env_runners: 0, num_envs_per_env_runner: 64}
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 4}
stop: {moves: null, train_s: 6}
search:
  training.lr: {grid: [1e-9, 3e-3]}
  num_samples: 1
  max_concurrent: 1
  objective: exact/optimal_move_rate
tracking: {wandb: {mode: disabled}}
"""


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def training(*words, log) -> Iterator[tuple]:
    """Start `ttt train --web` and give the process and the page's address."""
    with log.open("w") as said:
        process = start_command("train", *words, "--web", "--port", 0, stdout=said)
    found = wait_until(
        "the address",
        lambda: re.search(r"http://localhost:\d+/", log.read_text()),
        process=process,
    )
    yield process, found[0]


def check(page, size):
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    found = axe.run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def open_page(chromium, address, size, **context):
    page = chromium.new_context(viewport=size, **context).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    return page


def answers(address):
    connection = HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=10)
    try:
        connection.request("GET", "/")
    except ConnectionRefusedError:
        return False
    return connection.getresponse().status == 200


def test_a_search_says_which_trial_it_shows_ends_at_ctrl_c_and_is_watched_again(tmp_path, chromium):
    experiment = tmp_path / "rates.yaml"
    experiment.write_text(SEARCH)
    words = (experiment, "--storage", tmp_path, "--name", "a")
    run = RunDir(tmp_path / "rates" / "a")
    expect.set_options(WAIT_MS)

    with training(*words, log=tmp_path / "first") as (process, address):
        pages = [
            open_page(chromium, address, size, color_scheme=scheme, reduced_motion="reduce")
            for size in SIZES.values()
            for scheme in ("light", "dark")
        ]
        which = pages[0].locator("#which")
        expect(which).to_have_text("This is trial 00000, the first of the search.")
        expect(which).to_have_text("This is trial 00001, which leads the 2 that have begun.")
        pages[0].get_by_role("button", name=re.compile("trial 00000")).click()
        expect(which).to_have_text("This is trial 00000, which you have chosen; trial 00001 leads.")
        process.send_signal(signal.SIGINT)
        for page in pages:
            expect(page.locator("#headline")).to_have_text("Interrupted")
            expect(page.locator("#detail")).to_contain_text("can be resumed.")
            check(page, page.viewport_size)
        assert finish(process).returncode == 130
        assert not answers(address)
        assert not live_folder(run).exists()

    with training("--resume", run.path, log=tmp_path / "second") as (process, address):
        page = open_page(chromium, address, SIZES["desk"])
        first = page.get_by_role("button", name=re.compile("trial 00000"))
        expect(first, "a trial that was done before").to_be_visible()
        expect(page.locator("#which")).to_have_text("This is trial 00001, the best of 2.")
        assert finish(process).returncode == 0
    summary = read_summary(run.summary)
    assert summary is not None
    assert (summary.status, summary.best_trial) == ("done", "00001")
    assert summary.verdict is not None
    assert page.locator("#detail").inner_text().lower().startswith(summary.verdict[:20].lower())
