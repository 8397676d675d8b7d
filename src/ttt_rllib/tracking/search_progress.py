"""The progress of a search: a live table of its trials in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.exact.solved_game import solved_game
from ttt_rllib.metrics import MOVES, flatten
from ttt_rllib.runs.outcome import TrialResult, best_trial
from ttt_rllib.tracking.limits import format_duration, stop_sentence
from ttt_rllib.tracking.progress import Progress, tell_recovery
from ttt_rllib.tracking.text_table import TextColumn, broken_heading, fitting, table_lines
from ttt_rllib.tracking.trial_settings import TrialSettings
from ttt_rllib.tuning.search_algorithm import status_of

__all__ = ["SearchProgress", "progress_of"]

ROWS_ON_SCREEN = 12
OTHER_LINES = 8
"""Lines of a terminal that the trials do not get: headings, the sentences below, the shell."""
REFRESH_INTERVAL_S = 0.5
PLAIN_INTERVAL_S = 30.0
WIDE = 60
"""Columns from which on there are two characters between the columns of the table."""


class SearchProgress(Callback):
    """Shows how many trials are done, which is best, and about how long the rest will take.

    Args:
        console: The console to print to.
        experiment: The experiment, which has a search.
    """

    def __init__(self, console: Console, experiment: Experiment) -> None:
        assert experiment.search is not None  # noqa: S101 - the caller checks
        self._console = console
        self._stop = experiment.stop
        self._search = experiment.search
        self._settings = TrialSettings(experiment.search)
        self._objective, self._mode = experiment.objective
        self._started_s = time.monotonic()
        self._done_before: int | None = None
        self._shown_s = float("-inf")
        self._told: set[str] = set()
        self._trials: list[Trial] = []
        self._done: list[Trial] = []
        self._best: Trial | None = None
        self._live: Live | None = None
        self._is_over = False

    def on_trial_recover(self, **info: Any) -> None:
        """Report that a trial failed and is restarted."""
        tell_recovery(self._console, info["trial"])

    def on_step_end(self, **info: Any) -> None:
        """Show what has changed."""
        self._trials = info["trials"]
        # Read here, because all trials become TERMINATED when Tune is interrupted.
        done = [trial for trial in self._trials if trial.is_finished()]
        if len(done) != len(self._done):
            self._done, self._best = done, self._best_of(done)
        if self._done_before is None:
            self._done_before = len(done)
            self._told = {trial.trial_id for trial in done}
            if not self._console.is_terminal:
                self._console.print(f"each trial {stop_sentence(self._stop)}", soft_wrap=True)
        if self._console.is_terminal:
            if time.monotonic() - self._shown_s >= REFRESH_INTERVAL_S:
                self._refresh()
            return
        for trial in done:
            if trial.trial_id not in self._told:
                self._told.add(trial.trial_id)
                self._console.print(self._line(trial), soft_wrap=True)
        if time.monotonic() - self._shown_s >= PLAIN_INTERVAL_S:
            self._shown_s = time.monotonic()
            self._console.print(", ".join(self._state()), soft_wrap=True)

    def on_experiment_end(self, **info: Any) -> None:
        """Show the trials if there was no step, because an earlier session ended them all."""
        if self._done_before is None:
            self.on_step_end(**info)

    def close(self) -> None:
        """Leave the last state on the screen, and restore the terminal."""
        self._is_over = True
        if self._console.is_terminal:
            self._refresh()
        if self._live is not None:
            self._live.stop()
            self._live = None
        if not self._console.is_terminal:
            self._console.print(", ".join(self._state()), soft_wrap=True)

    def _refresh(self) -> None:
        self._shown_s = time.monotonic()
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Group:
        """Return the best trial, and below it the newest of the others."""
        best = self._best
        running = [trial for trial in self._trials if trial not in self._done]
        ended = [trial for trial in self._done if trial is not best]
        most = max(1, min(ROWS_ON_SCREEN, self._console.height - OTHER_LINES))
        shown = [*([best] if best else []), *[*ended, *running][-most:]]
        gap = 2 if self._console.width >= WIDE else 1
        columns = self._columns(shown)
        fits = fitting(columns, self._console.width, gap)
        heads, lines = table_lines(fits, gap)
        styles = [*["bold"] * len(heads), *["green" if trial is best else "" for trial in shown]]
        text = [
            Text(line, style=style, no_wrap=True, overflow="crop")
            for line, style in zip((*heads, *lines), styles, strict=True)
        ]
        if hidden := len(columns) - len(fits):
            words = f"{hidden} more column{'s' * (hidden > 1)} in a wider terminal"
            text.append(Text(words, "dim"))
        text += [Text(line, "italic") for line in self._state()]
        return Group(*text)

    def _columns(self, shown: list[Trial]) -> list[TextColumn]:
        names = self._settings.names([trial.config for trial in self._trials])
        return [
            TextColumn("trial", [trial.trial_id for trial in shown]),
            TextColumn("state", [self._status(trial) for trial in shown], width=7),
            TextColumn("moves", [_moves(trial) for trial in shown], width=7),
            TextColumn(
                broken_heading(self._objective.split("/")[-1]),
                [self._objective_text(trial) for trial in shown],
                rank=1,
            ),
            *(
                TextColumn(
                    broken_heading(name),
                    [self._settings.value(key, trial.config) for trial in shown],
                    rank=rank,
                )
                for rank, (key, name) in enumerate(names.items(), 2)
            ),
        ]

    def _line(self, trial: Trial) -> str:
        parts = (
            trial.trial_id,
            self._status(trial),
            f"{_moves(trial)} moves",
            f"{self._objective} {self._objective_text(trial)}",
            self._settings.words(trial.config),
        )
        return "  ".join(parts)

    def _status(self, trial: Trial) -> str:
        if trial in self._done:
            return status_of(trial, trial.status)
        # Tune ends those that run when it is interrupted.
        return "interrupted" if trial.status == Trial.TERMINATED else trial.status.lower()

    def _objective_text(self, trial: Trial) -> str:
        figure = self._figure(trial)
        return "-" if figure is None else f"{figure:,.6g}"

    def _figure(self, trial: Trial) -> float | None:
        return flatten(trial.last_result or {}).get(self._objective)

    def _state(self) -> list[str]:
        """Return sentences: how far the search is, and which trial is best."""
        total = self._search.num_trials
        done = len(self._done)
        progress = f"{done} of {total} trials done"
        new = done - (self._done_before or 0)
        if new and done < total and not self._is_over:
            # Half of each running trial is done, on average.
            half = sum(trial.status == Trial.RUNNING for trial in self._trials) / 2
            left_s = (time.monotonic() - self._started_s) / (new + half) * (total - done - half)
            progress += f", about {format_duration(left_s)} left"
        best = self._best
        if best is None:
            return [progress]
        return [progress, f"best {best.trial_id}: {self._objective} {self._objective_text(best)}"]

    def _best_of(self, done: list[Trial]) -> Trial | None:
        """Return the trial that would be the best of the search if no other ended."""
        results = [
            TrialResult(
                name=trial.trial_id,
                status=status_of(trial, trial.status),
                settings={},
                seed=0,
                objective=self._figure(trial),
                folder=Path(trial.trial_id),
                checkpoint=None,
                result={},
                error=None,
            )
            for trial in done
        ]
        best = best_trial(results, mode=self._mode, num_seeds=self._search.num_seeds)
        if best is None or best.objective is None:
            return None
        return done[results.index(best)]


def progress_of(experiment: Experiment, console: Console) -> Progress | SearchProgress:
    """Return the Tune callback that shows an experiment's trials while they run."""
    if experiment.search:
        return SearchProgress(console, experiment)
    solved = solved_game(experiment.env.game)
    return Progress(console, solved.ceilings if solved else None, experiment.stop)


def _moves(trial: Trial) -> str:
    return f"{flatten(trial.last_result or {}).get(MOVES, 0):,.0f}"
