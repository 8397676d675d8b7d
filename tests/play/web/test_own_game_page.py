"""A game of one's own on the page, in Debian's chromium: whole games of the examples by mouse."""

import shutil
from pathlib import Path

import pytest

from tests.commands import web_server
from tests.play.test_own_games import network
from ttt_envs import load_own_game
from ttt_rllib.agents.bundle import save_bundle
from ttt_rllib.analysis.game_record import GameRecord, position_text

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e .[browser]")
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]
EXAMPLES = Path(__file__).parents[3] / "examples"
GAMES = ("nim.py:Nim", "chomp.py:Chomp", "dots_and_boxes.py:DotsAndBoxes")
OPEN = ".choices button[aria-disabled=false]"
SETTLED = (
    f"(document.querySelector('{OPEN}')"
    " || /game is over/.test(document.getElementById('turn').textContent))"
)


def test_the_examples_play_in_the_browser(tmp_path):
    games = [load_own_game(f"{EXAMPLES}/{reference}") for reference in GAMES]
    for game in games:
        save_bundle(network(game), tmp_path / "own" / game.name / "agent", {})
    with web_server(tmp_path) as (_, address), playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(10_000)
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        for game in games:
            page.select_option("#game", game.name)
            expect(page.locator(".position")).to_have_text(game.draw(0))
            # The rules by another way than the page's: the moves that it lists, played again.
            played = play_to_the_end(page, game)
            assert played.is_over
            assert page.locator(".position").text_content() == position_text(played)
        assert "pass" in page.locator("#moves").inner_text()
        page.click("#undo")
        # Not to a pass, which would be made again at once.
        expect(page.locator(OPEN).first).to_be_visible()
        page.click("#nav-openings")
        expect(page.locator(".card pre").first).to_be_visible()
        chromium.close()
    assert complaints == []


def play_to_the_end(page, game):
    """Press the last move that is offered, again and again, and return the game."""
    while page.locator(OPEN).count():
        record = shown(page, game)
        offered = page.locator(".choices b").all_inner_texts()
        assert offered == [game.move_names[action] for action in record.legal]
        page.locator(OPEN).last.click()
        page.wait_for_function(
            f"count => document.querySelectorAll('#moves li').length > count && {SETTLED}",
            arg=len(record.moves),
        )
    return shown(page, game)


def shown(page, game):
    names = page.locator("#moves li").all_inner_texts()
    return GameRecord(game, tuple(game.move_names.index(name.strip()) for name in names))
