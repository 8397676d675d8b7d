"""The page in Debian's chromium: whole games by mouse, by keyboard and on a phone.

The page is compared with plain recursion over strings, not with the server.
"""

import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.commands import web_server
from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.bundle import load_bundle, save_bundle
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.runs.certificate_json import CERTIFICATE_FILE, certificate_of, write_certificate

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e .[browser]")
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]

HIDDEN = 2500
FITTED = "ppo~fitted"
NAMES = ("top left", "top", "top right", "left", "centre", "right")
NAMES += ("bottom left", "bottom", "bottom right")
GAMES_TO_WIN_ONE = 10
MARKS = ".board .mark"


def fitted_network():
    """Return a network that plays perfectly: its last layer is fitted to the solver."""
    truth = solve_or_raise(TIC_TAC_TOE)
    rows = truth.positions.decisions
    inputs = truth.positions.boards[rows].observe().reshape(len(rows), -1).astype(float)
    wanted = np.where(truth.solution.optimal[rows], 8.0, -8.0) * truth.positions.legal[rows]
    wanted = np.column_stack([wanted, truth.solution.values[rows]])
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(HIDDEN, inputs.shape[1])), rng.normal(size=HIDDEN)
    hidden = np.column_stack([np.maximum(inputs @ weight.T + bias, 0), np.ones(len(rows))])
    ridge = hidden.T @ hidden + 1e-4 * np.eye(HIDDEN + 1)
    heads = np.linalg.solve(ridge, hidden.T @ wanted).T
    weights = {"trunk.0.weight": weight, "trunk.0.bias": bias}
    weights |= {"policy.weight": heads[:9, :-1], "policy.bias": heads[:9, -1]}
    weights |= {"value.weight": heads[9:, :-1], "value.bias": heads[9:, -1]}
    as_float32 = {name: array.astype(np.float32) for name, array in weights.items()}
    return NetworkPolicy(TIC_TAC_TOE, as_float32, "relu")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    run = results / "ppo" / "fitted"
    save_bundle(fitted_network(), run / "agent", {})
    bundle = load_bundle(run / "agent")
    certificate = certificate_of(bundle, evaluate_agent(bundle.policy).certificate)
    assert certificate.unexploitable
    write_certificate(run / CERTIFICATE_FILE, certificate)
    with web_server(results) as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, address):
    """Return a context manager for a page; what its console complains of is an error.

    With `truth`, it shows the truth while a game is played.
    """

    @contextmanager
    def opened(query="", *, truth=False, **context) -> Iterator[playwright.Page]:
        page = browser.new_context(**context).new_page()
        if truth:
            page.add_init_script("localStorage.setItem('truth-while-playing', 'true')")
        page.set_default_timeout(10_000)
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "requestfailed",
            # What the browser itself gave up, since a test left the page, is no fault of the page.
            lambda request: request.failure == "net::ERR_ABORTED" or complaints.append(request.url),
        )
        page.goto(address + query)
        page.wait_for_selector(".square.open")
        yield page
        page.context.close()
        assert complaints == []

    return opened


def board_of(page):
    owners = page.eval_on_selector_all(".square", "all => all.map(one => one.dataset.owner)")
    return "".join(owner or "." for owner in owners)


def wait_for_turn(page):
    page.wait_for_selector(".square.open, .finished")


def press_square(page, square):
    page.get_by_role("button", name=re.compile(rf"^{NAMES[square]}, empty")).click()


def best_square(naive, board, rng):
    """Return a square that nothing is better than, by plain recursion."""
    seat = naive.mover(board)

    def merit(square):
        winner, moves = naive.fate(naive.after(board, square))
        return (0, 0) if winner is None else (1, -moves) if winner == seat else (-1, moves)

    squares = naive.squares(board)
    best = max(merit(square) for square in squares)
    return rng.choice([square for square in squares if merit(square) == best])


def play_best(page, naive, rng):
    """Play a game to its end without a mistake; return the last board."""
    while True:
        wait_for_turn(page)
        board = board_of(page)
        if not naive.squares(board):
            return board
        check_figures(page, naive, board)
        press_square(page, best_square(naive, board, rng))
        expect(page.locator(MARKS)).not_to_have_count(9 - board.count("."))


def check_figures(page, naive, board):
    """Hold the words on every empty square to plain recursion."""
    words = page.eval_on_selector_all(
        ".square", "all => all.map(one => one.querySelector('.truth')?.textContent ?? null)"
    )
    seat = naive.mover(board)
    for square in range(9):
        if board[square] != ".":
            assert words[square] is None
            continue
        winner, moves = naive.fate(naive.after(board, square))
        verb = "draws" if winner is None else "wins" if winner == seat else "loses"
        at_once = "wins" if not moves else f"{verb} in {moves}"
        assert words[square] == ("draws" if winner is None else at_once)


def test_a_game_is_won_against_random_play(open_page, naive):
    rng = random.Random(1)
    with open_page(truth=True) as page:
        page.select_option("#seat-o", "random")
        for _ in range(GAMES_TO_WIN_ONE):
            board = play_best(page, naive, rng)
            winner = naive.winner(board)
            if winner == "X":
                break
            assert winner is None  # best play does not lose
            page.get_by_role("button", name="New game").click()
            page.wait_for_selector(".board:not(.finished)")
        assert winner == "X"
        assert page.text_content("#verdict") == "You won."
        assert page.locator(".square.won").count() >= 3
        assert "You won." in page.text_content("#said")


def test_a_game_is_drawn_against_the_trained_agent_from_either_seat(open_page, naive):
    rng = random.Random(2)
    with open_page(truth=True) as page:
        assert page.input_value("#seat-o") == FITTED
        assert "proven" in page.text_content("#about")
        assert naive.winner(play_best(page, naive, rng)) is None
        assert page.text_content("#verdict") == "Draw."
        page.get_by_role("button", name="Swap seats").click()
        page.wait_for_selector(".board:not(.finished)")
        board = play_best(page, naive, rng)
        assert (naive.winner(board), "." in board) == (None, False)
        # Value 0 all the way: ten dots at one height, and the agent's own estimate beside.
        heights = page.eval_on_selector_all(".dot", "all => all.map(dot => dot.getAttribute('cy'))")
        assert (len(heights), len(set(heights))) == (10, 1)
        assert page.locator(".course .estimate-line").count() == 1


def test_a_whole_game_needs_no_mouse(open_page, naive):
    with open_page(truth=True) as page:
        page.select_option("#seat-o", "you")  # both seats: every move is a key
        page.keyboard.press("Escape")
        page.evaluate("document.activeElement.blur()")
        for _ in range(30):
            page.keyboard.press("Tab")
            label = page.evaluate("document.activeElement.getAttribute('aria-label')")
            if label and label.startswith("centre"):
                break
        assert label.startswith("centre, empty, draws")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        moves = (["Enter"], ["ArrowUp", "ArrowLeft", " "], ["3"], ["4"], ["7"])
        for played, keys in enumerate(moves, start=1):
            for key in keys:
                page.keyboard.press(key)
            expect(page.locator(MARKS)).to_have_count(played)
        assert board_of(page) == "O.XOX.X.."
        assert page.text_content("#verdict") == (
            "X won: O\u2019s left was the mistake; bottom left draws."
        )
        page.keyboard.press(",")
        expect(page.locator(".finished")).to_have_count(0)
        assert board_of(page) == "O.XOX...."
        page.keyboard.press("Home")
        expect(page.locator(MARKS)).to_have_count(0)
        page.keyboard.press("End")
        page.wait_for_selector(".finished")
        page.keyboard.press("u")
        expect(page.locator("#moves li")).to_have_count(4)
        page.keyboard.press("t")
        expect(page.locator(".truth")).to_have_count(0)
        page.keyboard.press("n")
        expect(page.locator(MARKS)).to_have_count(0)


def test_a_phone_shows_the_board_at_once_and_takes_taps(open_page, naive):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with open_page(**phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        box = page.locator("#board").bounding_box()
        assert (box["width"] > 300, box["y"] + box["height"] < 740) == (True, True)
        targets = [
            "#new",
            "#undo",
            "#back",
            "#seat-o",
            "#truth-while-playing + span",
            ".square >> nth=0",
        ]
        for target in targets:
            assert page.locator(target).bounding_box()["height"] >= 32, target
        page.locator(".square").nth(0).tap()
        expect(page.locator(MARKS)).to_have_count(2)
        wait_for_turn(page)
        board = board_of(page)
        assert naive.fate(board)[0] is None  # the centre, as every book says
        assert board[4] == "O"


def test_a_double_click_is_one_move(open_page):
    with open_page() as page:
        page.locator(".square").nth(4).dblclick()
        expect(page.locator(MARKS)).to_have_count(2)
        assert board_of(page).count("X") == 1
        assert page.locator("#trouble").is_hidden()


def test_two_agents_play_by_themselves_and_wait_when_one_steps_back(open_page, naive):
    with open_page() as page:
        page.select_option("#seat-o", "random")
        page.select_option("#seat-x", "one_ply")
        page.wait_for_selector(".finished", timeout=30_000)
        board = board_of(page)
        assert not naive.squares(board)
        count = 9 - board.count(".")
        assert page.locator(".course .dot").count() == count + 1
        page.get_by_role("button", name="A move back").click()
        page.wait_for_selector(".board:not(.finished)")
        page.wait_for_timeout(1500)
        assert board_of(page).count(".") == board.count(".") + 1


def test_the_openings_lead_back_to_the_board(open_page):
    with open_page() as page:
        page.get_by_role("link", name="Openings").click()
        page.wait_for_selector(".card")
        page.reload()  # the view is in the address
        page.wait_for_selector(".card")
        assert page.locator(".card").count() == 1 + 3 + 12
        assert page.text_content("#openings-verdict") == "No mistake in 16 openings."
        page.locator(".card").nth(1).click()
        # The board that was played on before is there until the position has been set up.
        page.wait_for_selector('#play-view .square[data-owner="X"]')
        assert board_of(page) == "X........"
        assert page.input_value("#seat-o") == "you"


def test_stones_fall_in_a_game_with_gravity(open_page):
    with open_page(truth=True) as page:
        page.select_option("#game", "connect_four")
        expect(page.locator(".square")).to_have_count(42)
        page.keyboard.press("4")
        expect(page.locator(MARKS)).to_have_count(2)
        wait_for_turn(page)
        assert board_of(page)[38] == "X"
        assert page.locator(".truth").count() == 0
        assert page.locator(".odds").count() == 7


def test_the_truth_of_a_large_game_is_drawn_where_it_is_known(open_page):
    with open_page(truth=True) as page:
        page.select_option("#game", "connect_four")
        page.select_option("#seat-o", "you")
        expect(page.locator("#verdict")).to_have_text("X wins with best play.")
        page.evaluate("document.activeElement.blur()")
        for played, column in enumerate("41414", start=1):
            page.keyboard.press(column)
            expect(page.locator(MARKS)).to_have_count(played)
        # O must play in column 4, and nobody knows what comes of that.
        expect(page.locator(".truth")).to_have_text(["\u22121"] * 6)
        words = "Not known yet: too many positions are left."
        expect(page.locator("#verdict")).to_have_text(words)
        assert page.locator(".course .dot").count() == 1
        page.keyboard.press("2")
        expect(page.locator("#verdict")).to_have_text("O loses in 1.")
        assert page.locator(".course .dot").count() == 2
        # There is no line from the first dot to the last one, between which nothing is known.
        assert "L" not in page.locator(".course .truth-line").get_attribute("d")
        described = page.locator(".course svg").get_attribute("aria-label")
        assert described.endswith(": X wins" + ", not known" * 5 + ", X wins.")
        page.keyboard.press("t")
        expect(page.locator(".truth")).to_have_count(0)


def test_dark_and_still_are_what_the_system_asks_for(open_page):
    paper = "getComputedStyle(document.body).backgroundColor"
    with open_page(color_scheme="dark", reduced_motion="reduce") as page:
        dark = page.evaluate(paper)
        page.locator(".square").nth(4).click()
        page.wait_for_selector(".fresh path")
        name = "getComputedStyle(document.querySelector('.fresh path')).animationName"
        assert page.evaluate(name) == "none"
    with open_page(color_scheme="light") as page:
        light = page.evaluate(paper)
    red = [int(re.search(r"\d+", colour)[0]) for colour in (dark, light)]
    assert red[0] < 60
    assert red[1] > 200


DESK, SMALL_PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 640}


def lose(page, naive):
    """Play the worst moves as X until the game is over; return the boards in which X moved."""
    boards = []
    while True:
        wait_for_turn(page)
        board = board_of(page)
        if not naive.squares(board):
            return boards
        assert page.locator(".truth, .odds").count() == 0
        assert page.locator("#evaluation").is_hidden()
        boards.append(board)
        # Of all moves the one that loses soonest, but none that wins.
        fates = {one: naive.fate(naive.after(board, one)) for one in naive.squares(board)}
        worst = min(
            fates, key=lambda one: ({"O": 0, None: 1, "X": 2}[fates[one][0]], fates[one][1])
        )
        press_square(page, worst)
        expect(page.locator(MARKS)).not_to_have_count(9 - board.count("."))


@pytest.mark.parametrize("by_key", [True, False], ids=["key", "click"])
@pytest.mark.parametrize("size", [DESK, SMALL_PHONE], ids=["desk", "phone"])
def test_who_loses_sees_the_mistake_and_plays_again_from_there(open_page, naive, size, by_key):
    fits = "document.documentElement.scrollHeight <= innerHeight"
    with open_page("?game=tic_tac_toe&x=you&o=fully_trained", viewport=size) as page:
        assert page.text_content("#badge-o") == "unbeatable: proven"
        assert page.evaluate(fits)
        boards = lose(page, naive)
        assert page.locator(".controls").bounding_box()["y"] + 38 <= size["height"]
        # The mistake is the last move before which X was not lost.
        before = next(one for one in reversed(boards) if naive.fate(one)[0] != "O")
        words = re.fullmatch(
            "You lost: ([a-z ]+) was the mistake; ([a-z ]+?)(?: or ([a-z ]+))? draws.",
            page.text_content("#verdict"),
        )
        mistake, *better = (NAMES.index(name) for name in words.groups() if name)
        assert naive.fate(naive.after(before, mistake))[0] == "O"
        assert {naive.fate(naive.after(before, one))[0] for one in better} == {None}
        assert "Press R to try again" in page.text_content("#said")
        if by_key:
            page.keyboard.press("r")
        else:
            page.get_by_role("button", name="Try again from there").click()
        page.wait_for_selector(".board:not(.finished)")
        assert board_of(page) == before
        assert page.evaluate(fits)
        press_square(page, better[0])
        expect(page.locator(MARKS)).to_have_count(11 - before.count("."))
        page.reload()
        wait_for_turn(page)
        assert 9 - board_of(page).count(".") == 11 - before.count(".")
        assert page.input_value("#seat-o") == "fully_trained"


def test_an_address_that_names_no_known_game_begins_a_new_one(open_page):
    with open_page("?game=chess&x=you&o=you") as page:
        expect(page.locator("#trouble")).to_contain_text("names no game that can be shown here")
        assert board_of(page) == "." * 9


def shares(page):
    """Return where fill and tick of the evaluation bar end and begin, as shares of its width."""
    return page.evaluate(
        """() => {
          const bar = document.querySelector("#evaluation").getBoundingClientRect();
          const share = (x) => Math.round(100 * (x - bar.left) / bar.width) / 100;
          const box = (name) => document.querySelector(name)?.getBoundingClientRect();
          const [fill, tick] = [box("#evaluation .fill"), box("#evaluation .tick")];
          return [fill && share(fill.left), fill && share(fill.right), tick && share(tick.left)];
        }"""
    )


@pytest.mark.parametrize("seat", "XO")
def test_the_evaluation_bar_grows_to_the_right_the_better_the_reader_stands(
    open_page, address, naive, lines_to, seat
):
    def example(winner):
        """Return a line to a position in which the reader is to move, by plain recursion."""
        return next(
            line
            for board, line in lines_to.items()
            if len(line) > 2
            and naive.squares(board)
            and naive.mover(board) == seat
            and naive.fate(board)[0] == winner
        )

    seats = {"X": "x=you&o=fully_trained", "O": "x=fully_trained&o=you"}[seat]
    rival = {"X": "O", "O": "X"}[seat]
    with open_page(truth=True, reduced_motion="reduce") as page:
        for winner, words in ((rival, "you lose"), (None, "draw"), (seat, "you win")):
            moves = ".".join(map(str, example(winner)))
            page.goto(f"{address}?game=tic_tac_toe&{seats}&moves={moves}")
            bar = page.locator("#evaluation")
            expect(bar).to_have_attribute("aria-label", re.compile(f"^With best play: {words};"))
            left, right, tick = shares(page)
            assert left == 0.0
            if winner is None:
                assert right == 0.5
            else:
                assert right == 1.0 if winner == seat else 0.0 < right < 0.1
            guess = float(re.search(r"gives you (-?\d\.\d\d)", bar.get_attribute("aria-label"))[1])
            assert tick == pytest.approx((1 + max(-1.0, min(1.0, guess))) / 2, abs=0.02)


def test_the_switch_for_the_truth_is_remembered_after_a_reload(open_page):
    with open_page("?game=tic_tac_toe&x=you&o=you") as page:
        switch, truth = page.locator("#truth-while-playing"), page.locator(".truth")
        expect(switch).not_to_be_checked()
        expect(truth).to_have_count(0)
        expect(page.locator("#evaluation")).to_be_hidden()
        for is_on in (True, False):
            page.keyboard.press("t")
            for _ in ("at once", "after a reload"):
                expect(switch).to_be_checked(checked=is_on)
                expect(truth).to_have_count(9 if is_on else 0)
                expect(page.locator("#evaluation")).to_be_visible(visible=is_on)
                page.reload()
                page.wait_for_selector(".square.open")


def test_a_question_mark_shows_the_keys_and_escape_hides_them(open_page):
    with open_page() as page:
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("4")
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        assert board_of(page) == "." * 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_before_during_and_after_a_game(open_page, naive, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def check(page):
        found = axe.run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []

    query = "?game=tic_tac_toe&x=you&o=fully_trained"
    with open_page(query, color_scheme=scheme, reduced_motion="reduce") as page:
        check(page)
        lose(page, naive)
        check(page)
        page.keyboard.press("r")
        page.wait_for_selector(".board:not(.finished)")
        check(page)
        page.keyboard.press("t")
        expect(page.locator(".truth")).not_to_have_count(0)
        check(page)
        page.get_by_role("link", name="Openings").click()
        page.wait_for_selector(".card")
        check(page)
