"""Find the hole, in Debian's chromium: puzzles of the half-trained player on a dark phone."""

import shutil

import httpx2
import pytest

from tests.commands import web_server
from tests.play.web.test_puzzles import games_against, puzzles_of

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e .[browser]")
axe_playwright = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="pip install -e .[browser]"
)
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]
FITS = (
    "document.documentElement.scrollHeight <= innerHeight"
    " && document.documentElement.scrollWidth <= innerWidth"
    " && document.querySelector('.words').scrollHeight"
    " <= document.querySelector('.words').clientHeight"
)


def check(page):
    assert page.evaluate(FITS)
    found = axe_playwright.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def play(page, puzzle, game):
    """Play a person's moves of a game that the puzzle begins."""
    first = len(puzzle["moves"])
    for ply in range(first, len(game), 2):
        expect(page.locator(".board .mark")).to_have_count(ply)
        page.wait_for_selector(".square.open")
        page.locator(".square").nth(game[ply]).tap()
    page.wait_for_selector(".finished")


def test_a_puzzle_gets_away_then_is_solved_and_stays_so(tmp_path, naive):
    with web_server(tmp_path) as (_, address), playwright.sync_playwright() as driver:
        client = httpx2.Client(base_url=address, trust_env=False)
        puzzles = puzzles_of(client, "half_trained")["puzzles"]
        puzzle, you, total = puzzles[0], puzzles[0]["you"], len(puzzles)
        assert puzzle["num_moves"] == 2
        games = games_against(client, naive, puzzle["moves"], you)
        missed = next(game for game, winner in games if winner != you)

        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(
            viewport={"width": 360, "height": 640},
            has_touch=True,
            color_scheme="dark",
            reduced_motion="reduce",
        )
        page.set_default_timeout(10_000)
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

        page.goto(address)
        page.get_by_role("link", name="Find the hole").tap()
        expect(page.locator("#turn")).to_contain_text(f"Puzzle 1, in 2 moves · 0 of {total} solved")
        words = f"{you} to move. This agent has just made a mistake: beat it."
        expect(page.locator("#verdict")).to_have_text(words)
        assert page.locator("#undo").is_disabled()
        check(page)
        # No other game can be played from before the mistake.
        page.keyboard.press("Home")
        expect(page.locator("#verdict")).to_have_text("This is how the game came to the puzzle.")
        assert page.locator(".square.open").count() == 0
        page.keyboard.press("End")

        play(page, puzzle, missed)
        expect(page.locator("#verdict")).to_have_text("It got away: try again.")
        expect(page.locator("#turn")).to_have_text(f"0 of {total} solved.")
        assert page.locator(".controls").bounding_box()["y"] + 38 <= 640
        page.keyboard.press("r")

        game = puzzle["moves"] + puzzle["solution"]
        expect(page.locator(".board .mark")).to_have_count(len(puzzle["moves"]))
        page.locator(".square").nth(puzzle["solution"][0]).tap()
        expect(page.locator(".board .mark")).to_have_count(len(puzzle["moves"]) + 2)
        page.reload()  # the address holds the puzzle and the moves
        page.wait_for_selector(".square.open")
        expect(page.locator("#turn")).to_contain_text("Puzzle 1")
        assert page.evaluate(FITS)
        play(page, {"moves": game[: len(puzzle["moves"]) + 2]}, game)
        expect(page.locator("#verdict")).to_have_text("Solved.")
        expect(page.locator("#turn")).to_have_text(f"1 of {total} solved.")
        found = axe_playwright.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        page.keyboard.press("n")
        expect(page.locator("#turn")).to_contain_text("Puzzle 2")
        page.get_by_role("button", name="Next puzzle").tap()
        expect(page.locator("#turn")).to_contain_text("Puzzle 3")

        page.goto(f"{address}#hole")
        page.reload()  # only the storage remembers
        expect(page.locator("#turn")).to_contain_text(f"1 of {total} solved")
        page.get_by_role("link", name="Play").tap()
        expect(page.locator("#new")).to_have_text("New game")
        page.select_option("#game", "connect_four")
        expect(page.locator("#nav-hole")).to_be_hidden()
        chromium.close()
    assert complaints == []
