"""The README's recording: `python -m benchmarks.watch_recording`, of `ttt train ppo --web`.

`docs/watch.gif` shows the page from the first evaluation to "no hole left": a frame per
change that the page drew. Needs chromium, the `browser` extra and Pillow.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ttt_rllib.commands import run_command
from ttt_rllib.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["watch_recording"]

RECORDING = Path(__file__).parent.parent / "docs" / "watch.gif"
PAGE_PX = {"width": 1040, "height": 505}
COLOURS = 48
FRAME_MS, LAST_FRAME_MS = 300, 4000
MAX_BYTES = 1_000_000


def watch_recording() -> None:
    """Train, watch, and write docs/watch.gif."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise InputError("chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as storage, sync_playwright() as driver:
        command = [sys.executable, "-m", "ttt_rllib.train", "ppo", "--storage", storage]
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport=PAGE_PX, reduced_motion="reduce").new_page()
        with subprocess.Popen(  # noqa: S603 - ours
            [*command, "--web", "--port", "0"], stdout=subprocess.PIPE, text=True
        ) as training:
            assert training.stdout is not None  # noqa: S101 - for the type checker; it is a pipe
            address = re.search(r"http://\S+/", training.stdout.readline())
            if address is None:
                raise InputError("the training serves no page")
            page.goto(address[0])
            frames = _frames(page)
            training.communicate()
        browser.close()
    _write(frames)


def _frames(page: Page) -> list[bytes]:
    """Take a picture of every state from the first evaluation to the end."""
    page.wait_for_selector("#opening-boards svg", timeout=120_000)
    frames: list[bytes] = []
    before, ended = "", False
    while not ended:
        text = page.inner_text("main")
        ended = page.locator("#report").is_visible()
        if text != before or ended:
            frames.append(page.screenshot())
            before = text
        time.sleep(0.05)
    return frames


def _write(frames: list[bytes]) -> None:
    from PIL import Image

    images = [
        Image.open(io.BytesIO(frame)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        for frame in frames
    ]
    durations = [FRAME_MS] * (len(images) - 1) + [LAST_FRAME_MS]
    images[0].save(
        RECORDING,
        save_all=True,
        append_images=images[1:],
        duration=durations,
        loop=0,
        optimize=True,
    )
    size = RECORDING.stat().st_size
    print(f"{RECORDING}: {len(images)} frames, {size:,} bytes")
    if size > MAX_BYTES:
        raise InputError(f"{RECORDING}: {size:,} bytes; at most {MAX_BYTES:,} are wanted")


if __name__ == "__main__":
    run_command(watch_recording)
