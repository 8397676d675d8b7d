"""The README's pictures: `python -m benchmarks.pictures RUN`, of a run of tic-tac-toe.

`docs/page.png` shows the page in a game that the agent itself played: it opens as X, the
opponent makes a mistake, and it is the agent's move. `docs/report.png` shows the first screen
of the run's report. Needs chromium and the `browser` extra.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.policies import Policy
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.position import Analysis, MoveAnalysis, analyse
from ttt_rllib.commands import run_command
from ttt_rllib.errors import InputError
from ttt_rllib.report.command import write_report
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.directory import RunDir

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["shown_game"]

DOCS = Path(__file__).parent.parent / "docs"
PAGE_PX = {"width": 1200, "height": 830}
REPORT_PX = {"width": 1060, "height": 877}


def shown_game(policy: Policy) -> tuple[int, int]:
    """Return the agent's opening move as X and a losing reply, after which the agent wins.

    The agent plays its most probable moves, so it reaches the position in a real game. Of
    all losing replies the one is taken that leaves the most different outcomes to choose from.

    Raises:
        InputError: If the agent punishes no mistake of the second ply.
    """
    opening = _most_probable(analyse(GameRecord(TIC_TAC_TOE, ()), policy)).action
    best: tuple[int, int] | None = None
    for reply in analyse(GameRecord(TIC_TAC_TOE, (opening,))).moves:
        if _value(reply) < 0:
            analysis = analyse(GameRecord(TIC_TAC_TOE, (opening, reply.action)), policy)
            variety = len({_value(move) for move in analysis.moves})
            if _value(_most_probable(analysis)) > 0 and (best is None or variety > best[0]):
                best = (variety, reply.action)
    if best is None:
        raise InputError("the agent wins after no mistake of the second ply; take another run")
    return opening, best[1]


def _most_probable(analysis: Analysis) -> MoveAnalysis:
    return max(analysis.moves, key=lambda move: move.probability or 0.0)


def _value(move: MoveAnalysis) -> int:
    return 0 if move.outlook is None else move.outlook.value


@contextmanager
def _served(run: Path) -> Iterator[str]:
    """Serve the page on a free port, and give its address."""
    command = [sys.executable, "-m", "ttt_rllib.play", str(run), "--web", "--port", "0"]
    command += ["--results", str(run.parent.parent)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        assert server.stderr is not None  # noqa: S101 - for the type checker; it is a pipe
        try:
            said = server.stderr.readline()
            match = re.search(r"http://\S+/", said)
            if match is None:
                raise InputError(f"{run}: the page is not served: {said.strip()}")
            yield match[0]
        finally:
            server.terminate()


def _draw_page(browser: Browser, address: str, agent: str, moves: Sequence[int]) -> None:
    page = browser.new_context(viewport=PAGE_PX, reduced_motion="reduce").new_page()
    page.add_init_script("localStorage.setItem('truth-while-playing', 'true')")
    page.goto(address)
    page.wait_for_selector(".square")
    page.select_option("#seat-o", "you")
    page.select_option("#seat-x", agent)
    marks = page.locator(".board .mark")
    marks.nth(0).wait_for()
    page.locator(".square").nth(moves[1]).click()
    # The agent has answered; back to the position in which it moved.
    marks.nth(2).wait_for()
    page.get_by_role("button", name="A move back").click()
    marks.nth(2).wait_for(state="detached")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.screenshot(path=DOCS / "page.png")


def _draw_report(browser: Browser, report: Path) -> None:
    page = browser.new_context(viewport=REPORT_PX).new_page()
    page.goto(report.as_uri())
    page.screenshot(path=DOCS / "report.png")


def pictures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of tic-tac-toe.")],
) -> None:
    """Write docs/page.png and docs/report.png."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise InputError("chromium is missing: apt-get install chromium")
    run = run.resolve()
    moves = shown_game(find_bundle(run).policy)
    with sync_playwright() as driver, _served(run) as address:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        _draw_page(browser, address, f"{run.parent.name}~{run.name}", moves)
        _draw_report(browser, write_report(RunDir(run)))
        browser.close()


if __name__ == "__main__":
    run_command(pictures)
