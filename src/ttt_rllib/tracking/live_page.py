"""The callback that tells the page what a run's trials report."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from ttt_rllib.errors import InputError
from ttt_rllib.metrics import flatten
from ttt_rllib.runs.files import figure_in
from ttt_rllib.runs.metrics_csv import METRICS_FILE, read_curves
from ttt_rllib.watch.feed import Feed

__all__ = ["LivePageCallback"]


class LivePageCallback(Callback):
    """Adds every result to the page's feed, and first what a trial had reported before.

    Args:
        feed: The page's.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._known: set[str] = set()

    def on_step_begin(self, **info: Any) -> None:
        """Add what trials had reported before this session, also those that are done."""
        self._add_known(info["trials"])

    def on_experiment_end(self, **info: Any) -> None:
        """Add it if there was no step, because an earlier session ended all trials."""
        self._add_known(info["trials"])

    def _add_known(self, trials: Iterable[Trial]) -> None:
        for trial in trials:
            if trial.path is not None and trial.trial_id not in self._known:
                self._known.add(trial.trial_id)
                self._add_earlier(Path(trial.path))

    def _add_earlier(self, folder: Path) -> None:
        with suppress(InputError):  # a damaged table, of which others tell
            for row in read_curves(folder / METRICS_FILE).rows:
                cells = {name: figure_in(cell) for name, cell in row.items()}
                self._feed.add(folder.name, cells)

    def on_trial_result(self, **info: Any) -> None:
        """Add the iteration."""
        self._known.add(info["trial"].trial_id)
        self._feed.add(Path(info["trial"].path).name, flatten(info["result"]))
