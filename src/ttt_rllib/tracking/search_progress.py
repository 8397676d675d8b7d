"""The progress of a search: a live table of its trials in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.exact.evaluation import solved_game
from ttt_rllib.metrics import MOVES, flatten
from ttt_rllib.tracking.progress import Progress, format_duration
from ttt_rllib.tuning.search_algorithm import status_of

__all__ = ["SearchProgress", "progress_of"]

ROWS_ON_SCREEN = 12
REFRESH_INTERVAL_S = 0.5
PLAIN_INTERVAL_S = 30.0
DIGITS = 4


class _Row(NamedTuple):
    """A trial as a line of text."""

    trial: str
    state: str
    moves: str
    objective: str
    settings: str


class SearchProgress(Callback):
    """Shows how many trials are done, which is best, and about how long the rest will take.

    Args:
        console: The console to print to.
        experiment: The experiment, which has a search.
    """

    def __init__(self, console: Console, experiment: Experiment) -> None:
        assert experiment.search is not None  # noqa: S101 - the caller checks
        self._console = console
        self._search = experiment.search
        self._objective, self._mode = experiment.objective
        self._started_s = time.monotonic()
        self._done_before: int | None = None
        self._shown_s = float("-inf")
        self._ended: set[str] = set()
        self._trials: list[Trial] = []
        self._done: list[Trial] = []
        self._live: Live | None = None

    def on_trial_recover(self, **info: Any) -> None:
        """Report that a trial failed and is restarted."""
        self._console.print(
            f"trial {info['trial'].trial_id} failed; restarting from its last checkpoint"
        )

    def on_step_end(self, **info: Any) -> None:
        """Show what has changed."""
        self._trials = info["trials"]
        # Read here, because all trials become TERMINATED when Tune is interrupted.
        self._done = done = [trial for trial in self._trials if trial.is_finished()]
        if self._done_before is None:
            self._done_before = len(done)
            self._ended = {trial.trial_id for trial in done}
        if self._console.is_terminal:
            if time.monotonic() - self._shown_s >= REFRESH_INTERVAL_S:
                self._refresh()
            return
        for trial in done:
            if trial.trial_id not in self._ended:
                self._ended.add(trial.trial_id)
                self._console.print("  ".join(self._row(trial)), soft_wrap=True)
        if time.monotonic() - self._shown_s >= PLAIN_INTERVAL_S:
            self._shown_s = time.monotonic()
            self._console.print(self._state(), soft_wrap=True)

    def on_experiment_end(self, **info: Any) -> None:
        """Show the trials if there was no step, because an earlier session ended them all."""
        if self._done_before is None:
            self.on_step_end(**info)

    def close(self) -> None:
        """Leave the last state on the screen, and restore the terminal."""
        if self._console.is_terminal:
            self._refresh()
        if self._live is not None:
            self._live.stop()
            self._live = None
        if not self._console.is_terminal:
            self._console.print(self._state(), soft_wrap=True)

    def _refresh(self) -> None:
        self._shown_s = time.monotonic()
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        table = Table(
            box=None,
            pad_edge=False,
            header_style="bold",
            caption=self._state(),
            caption_justify="left",
        )
        for heading in ("trial", "state", "moves", self._objective):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("settings", overflow="ellipsis", no_wrap=True)
        best = self._best()
        running = [trial for trial in self._trials if trial not in self._done]
        ended = [trial for trial in self._done if trial is not best]
        shown = [*ended, *running][-ROWS_ON_SCREEN:]
        for trial in [best, *shown] if best else shown:
            table.add_row(*self._row(trial), style="green" if trial is best else "")
        return table

    def _row(self, trial: Trial) -> _Row:
        figures = flatten(trial.last_result or {})
        objective = figures.get(self._objective)
        settings = (
            f"{key.split('.')[-1]}={_short(trial.config[key])}" for key in self._search.space
        )
        return _Row(
            trial.trial_id,
            status_of(trial, trial.status) if trial in self._done else trial.status.lower(),
            f"{figures.get(MOVES, 0):,.0f}",
            "-" if objective is None else f"{objective:,.6g}",
            " ".join(settings),
        )

    def _state(self) -> str:
        total = self._search.num_trials
        done = len(self._done)
        parts = [f"{done} of {total} trials done"]
        best = self._best()
        if best is not None:
            parts.append(f"best {best.trial_id} with {self._objective} {self._value(best):,.6g}")
        new = done - (self._done_before or 0)
        if new and done < total:
            left_s = (time.monotonic() - self._started_s) / new * (total - done)
            parts.append(f"about {format_duration(left_s)} left")
        return ", ".join(parts)

    def _value(self, trial: Trial) -> float:
        return flatten(trial.last_result or {}).get(self._objective, float("nan"))

    def _best(self) -> Trial | None:
        ended = [
            trial for trial in self._done if self._objective in flatten(trial.last_result or {})
        ]
        choose = max if self._mode == "max" else min
        return choose(ended, key=self._value, default=None)


def progress_of(experiment: Experiment, console: Console) -> Progress | SearchProgress:
    """Return the Tune callback that shows an experiment's trials while they run."""
    if experiment.search:
        return SearchProgress(console, experiment)
    solved = solved_game(experiment.env.game)
    return Progress(console, solved.ceilings if solved else None, experiment.stop)


def _short(value: Any) -> str:
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value).replace(" ", "")
