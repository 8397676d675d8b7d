"""The page of a run in Debian's chromium: on a phone and a desk, dark and light, offline."""

import re
import shutil

import pytest

from ttt_rllib.report.command import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e .[browser]")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the browser extra").Axe()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]

PHONE, DESK = {"width": 320, "height": 640}, {"width": 1200, "height": 900}
LEAST_LETTERS_PX = 8.0
COLOURS = """() => [...document.querySelectorAll(
    'h1, figcaption, .axes text, .value, .odds, td, dd, .lead')].map(one => {
  const style = getComputedStyle(one);
  return [one instanceof SVGElement ? style.fill : style.color, one.getAttribute('class')];
})"""
BOXES = """() => [...document.querySelectorAll('.chart text, .board text')].map(
  one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right, one.textContent,
    one.getCTM().a * parseFloat(getComputedStyle(one).fontSize)])"""


def luminance(colour):
    """Return the relative luminance of WCAG 2, but for its straight piece near black."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


HINTLESS = """() => [...document.querySelectorAll('.scroll')].filter(one =>
    one.scrollWidth > one.clientWidth &&
    !getComputedStyle(one, '::before').content.includes('Scrolls sideways')
  ).map(one => one.getAttribute('aria-label'))"""


def check(page, width):
    """Nothing sticks out, nothing is too small, and everything stands out from the paper."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == PHONE["width"]:
        assert page.evaluate(HINTLESS) == []
    for copied in page.locator("pre.copy code").all():
        copied.click()
        selected = page.evaluate("getSelection().toString()")
        assert selected.strip() == copied.text_content().strip(), "one click selects all of it"
    letters = page.evaluate(BOXES)
    assert len(letters) > 300
    for left, right, words, size_px in letters:
        assert left >= 0, words
        assert right <= width, words
        assert size_px >= LEAST_LETTERS_PX, words
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    colours = page.evaluate(COLOURS)
    assert len(colours) > 300
    for colour, name in colours:
        assert contrast(colour, paper) > 4.0, (colour, name)
    return paper


def test_the_page_fits_a_phone_and_a_desk_in_dark_and_light_and_loads_nothing(new_search):
    run, _ = new_search(exploits=("t01",))
    address = write_report(run).as_uri()
    papers = {}
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for size in (PHONE, DESK):
                page = chromium.new_context(viewport=size, color_scheme=scheme).new_page()
                asked, complaints = [], []
                page.on("request", lambda request, asked=asked: asked.append(request.url))
                page.on("console", lambda said, complaints=complaints: complaints.append(said.text))
                page.on("pageerror", lambda error, complaints=complaints: complaints.append(error))
                page.goto(address)
                papers[scheme] = check(page, size["width"])
                assert [url for url in asked if not url.startswith("data:")] == [address]
                assert complaints == []
                found = axe.run(page).response["violations"]
                assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        page.emulate_media(media="print")
        assert page.locator("h1").is_visible()
        chromium.close()
    assert luminance(papers["dark"]) < 0.05 < 0.8 < luminance(papers["light"])
