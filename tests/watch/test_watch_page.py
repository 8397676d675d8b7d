"""`ttt train --web` in Debian's chromium: watched from the first evaluation to "no hole left"."""

import re
import shutil
from pathlib import Path

import pytest

from tests.commands import finish, run_command, start_command, wait_until
from ttt_rllib.metrics import METRICS, MOVES
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.metrics_csv import MetricsCsv

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e .[browser]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]

PHONE, DESK = {"width": 360, "height": 640}, {"width": 1280, "height": 800}
MEASURED = [metric.name for metric in METRICS if not metric.name.startswith("perf/")]


def figures(run: Path) -> list[dict[str, str]]:
    return [
        {name: row[name] for name in MEASURED} for row in MetricsCsv(run / "metrics.csv").rows()
    ]


def files(run: Path) -> set[str]:
    found = {str(path.relative_to(run)) for path in run.rglob("*")}
    # Names of W&B's, TensorBoard's and Tune's files say when the session began.
    kept = {name for name in found if "tfevents" not in name and "wandb" not in name}
    return {re.sub(r"-\d{4}(-\d\d){2}_\d\d(-\d\d){2}", "", name) for name in kept}


def test_a_training_is_watched_to_no_hole_left_and_is_the_same_as_unwatched(tmp_path):
    words = ("ppo", "seed=3", "--storage", tmp_path)
    log = tmp_path / "said"
    with log.open("w") as said, playwright.sync_playwright() as driver:
        process = start_command("train", *words, "--name", "a", "--web", "--port", 0, stdout=said)
        address = wait_until(
            "the address",
            lambda: re.search(r"http://localhost:\d+/", log.read_text()),
            process=process,
        )
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        complaints = []
        desk, closed = (chromium.new_context(viewport=size).new_page() for size in (DESK, PHONE))
        desk.on("console", lambda message: complaints.append(message.text))
        desk.on("pageerror", lambda error: complaints.append(str(error)))
        for page in (desk, closed):
            page.set_default_timeout(180_000)
            page.goto(address[0])
        closed.get_by_text(re.compile(r"\d losing games left")).first.wait_for()
        closed.locator("#opening-boards svg").nth(15).wait_for()
        assert closed.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert closed.locator("#losing-boards li").count() >= 1
        assert closed.locator("#opening-boards .chosen").count() == 16, "a stone for each choice"
        closed.close()  # in the middle of an answer
        seen = [desk.locator("#curve svg").get_attribute("aria-label")]
        desk.wait_for_selector('#headline[data-tone="win"]')
        # It may have no hole for one evaluation; the report comes at the end.
        report = desk.frame_locator("#report iframe")
        report.get_by_text("Unexploitable").first.wait_for()
        seen.append(desk.locator("#curve svg").get_attribute("aria-label"))
        assert desk.locator("#headline").inner_text() == "No hole left"
        assert desk.locator("#losing").is_hidden()
        assert finish(process).returncode == 0
        assert report.get_by_text("Unexploitable").first.is_visible(), "it outlives the server"
        chromium.close()
    first, last = (float(re.search(r"best moves ([\d.]+)", words)[1]) for words in seen)
    assert first > last == 0.0
    assert complaints == []
    run = tmp_path / "ppo" / "a"
    assert log.read_text().splitlines()[-1] == f"results: {run}"
    done = run_command("train", *words, "--name", "b")
    assert done.returncode == 0, done.stderr
    other = tmp_path / "ppo" / "b"
    assert figures(run) == figures(other)
    assert int(figures(run)[-1][MOVES]) > 0
    assert files(run) == files(other)
    assert not RunDir(run).state.exists()
