"""The callback that tells the page what a run's trials report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune import Callback

from ttt_rllib.errors import InputError
from ttt_rllib.metrics import flatten
from ttt_rllib.runs.files import figure_in
from ttt_rllib.runs.metrics_csv import METRICS_FILE, read_curves
from ttt_rllib.watch.feed import Feed

__all__ = ["LivePageCallback"]


class LivePageCallback(Callback):
    """Adds every result to the page's feed, those of earlier sessions at the start of a trial.

    Args:
        feed: The page's.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._known: set[str] = set()

    def on_trial_start(self, **info: Any) -> None:
        """Add what the trial had reported before this session."""
        folder = Path(info["trial"].path)
        if folder.name in self._known:
            return
        self._known.add(folder.name)
        with suppress(InputError):  # a damaged table, of which others tell
            for row in read_curves(folder / METRICS_FILE).rows:
                cells = {name: figure_in(cell) for name, cell in row.items()}
                self._feed.add(folder.name, cells)

    def on_trial_result(self, **info: Any) -> None:
        """Add the iteration."""
        self._feed.add(Path(info["trial"].path).name, flatten(info["result"]))
