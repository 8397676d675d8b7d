"""What the page is told: written by the run's thread, read by those of the server.

It needs neither ray nor torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any, Literal

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import (
    MOVES,
    NASH_CONV,
    NASH_CONV_GREEDY,
    SCORE_VS_ALPHA_BETA,
    SCORE_VS_RANDOM,
)
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.live_json import Picture, live_folder, read_picture
from ttt_rllib.watch.drawing import drawn_game, drawn_picture
from ttt_rllib.watch.words import Ending, Verdict, trial_sentence, verdict_of

__all__ = ["Feed", "Phase"]

Phase = Literal["starting", "training", "proving", "ended"]

EXACT_CURVES = ((NASH_CONV_GREEDY, "of its best moves"), (NASH_CONV, "as it explores"))
SAMPLED_CURVES = ((SCORE_VS_RANDOM, "against random"), (SCORE_VS_ALPHA_BETA, "against alpha-beta"))
CURVES = EXACT_CURVES + SAMPLED_CURVES
MAX_POINTS = 400
"""Of a curve; where there are more, every other one is dropped."""


@dataclass
class _Trial:
    """A trial so far: its newest figures, and a row of `(moves, figures)` per evaluation."""

    figures: dict[str, float] = field(default_factory=dict)
    rows: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def add(self, row: Mapping[str, float]) -> None:
        known = {name: figure for name, figure in row.items() if math.isfinite(figure)}
        self.figures |= known
        measured = {name: known[name] for name, _ in CURVES if name in known}
        if measured:
            if len(self.rows) >= MAX_POINTS:
                del self.rows[1:-1:2]
            self.rows.append((int(known.get(MOVES, 0)), measured))


class Feed:
    """The state of a run as the page shows it.

    Args:
        experiment: What is trained.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._run: RunDir | None = None
        self._phase: Phase = "starting"
        self._ending: Ending | None = None
        self._trials: dict[str, _Trial] = {}
        self._pictures: dict[str, Picture] = {}
        self._version = 0
        self._changed = Condition()

    @property
    def report(self) -> Path | None:
        """The run's report, once the run has ended with one."""
        with self._changed:
            run = self._run if self._phase == "ended" else None
        return run.report if run is not None and run.report.is_file() else None

    def follow(self, run: RunDir) -> None:
        """Show this run from now on."""
        with self._change():
            self._run = run

    def add(self, trial: str, row: Mapping[str, float]) -> None:
        """Add the metrics of an iteration of a trial."""
        with self._change():
            self._phase = "training"
            self._trials.setdefault(trial, _Trial()).add(row)

    def prove(self) -> None:
        """Say that the training is over, and the agent is being checked."""
        with self._change():
            self._phase = "proving"

    def end(self, ending: Ending) -> None:
        """Say how the run has ended; what was said first stands."""
        with self._change():
            self._phase, self._ending = "ended", self._ending or ending

    def wait(self, version: int, timeout_s: float, *, for_the_end: bool) -> None:
        """Wait until there is something newer than a version, or the run has ended.

        Args:
            version: What the page has.
            timeout_s: The longest wait.
            for_the_end: Whether only the end of the run is of interest.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._phase == "ended" or (not for_the_end and self._version > version),
                timeout_s,
            )

    def state(self, trial: str | None) -> dict[str, Any]:
        """Return everything the page shows, as JSON's types.

        Args:
            trial: Which trial to draw; None = the one that leads.

        Raises:
            InputError: If there is no such trial.
        """
        with self._changed:
            if trial is not None and trial not in self._trials:
                raise InputError(f"trial {trial[:80]}: there is no such trial here")
            leads = self._leading()
            shown = trial or leads
            figures = {name: dict(one.figures) for name, one in self._trials.items()}
            rows = list(self._trials[shown].rows) if shown is not None else []
            version, phase, run, ending = self._version, self._phase, self._run, self._ending
        game = self._experiment.env.game
        # Files are read outside the lock, since storage may be slow.
        picture = None
        if run is not None and shown is not None:
            # The last one outlives its file, which goes with the run's other notes.
            picture = read_picture(live_folder(run), shown) or self._pictures.get(shown)
            if picture is not None:
                self._pictures[shown] = picture
        verdict = verdict_of(phase, figures.get(shown or "", {}), picture, ending)
        which = None
        if self._experiment.search is not None and shown is not None and leads is not None:
            which = trial_sentence(shown, leads, len(figures), ending)
        return {
            "version": version,
            "phase": phase,
            "experiment": self._experiment.name,
            "run": run.path.name if run else None,
            "folder": str(run.path) if run else None,
            "game": None if game is None else drawn_game(game),
            "verdict": _verdict(verdict),
            "trials": [_line(name, one, is_best=name == leads) for name, one in figures.items()],
            "shown": shown,
            "which": which,
            "curves": _curves(rows),
            "is_exact": NASH_CONV_GREEDY in figures.get(shown or "", {}),
            "picture": None if picture is None or game is None else drawn_picture(game, picture),
            "report": self.report is not None,
        }

    def _leading(self) -> str | None:
        """Return the run's best trial once it names one; else the first with the best objective.

        The search itself may find another one than the last objectives do: it compares means
        over seeds, and only trials that have an agent.
        """
        if self._ending is not None and self._ending.best_trial in self._trials:
            return self._ending.best_trial
        metric, mode = self._experiment.objective
        if not any(metric in one.figures for one in self._trials.values()):
            metric, mode = NASH_CONV, "min"
        sign = 1.0 if mode == "min" else -1.0
        return min(
            self._trials,
            key=lambda name: sign * self._trials[name].figures.get(metric, sign * math.inf),
            default=None,
        )

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Hold the lock for a change, and wake those that wait for one."""
        with self._changed:
            yield
            self._version += 1
            self._changed.notify_all()


def _verdict(verdict: Verdict) -> dict[str, str]:
    return {"headline": verdict.headline, "detail": verdict.detail, "tone": verdict.tone}


def _line(name: str, figures: Mapping[str, float], *, is_best: bool) -> dict[str, Any]:
    return {
        "name": name,
        "moves": int(figures.get(MOVES, 0)),
        "nash_conv": figures.get(NASH_CONV_GREEDY),
        "is_best": is_best,
    }


def _curves(rows: list[tuple[int, dict[str, float]]]) -> list[dict[str, Any]]:
    """Return the exact figures over moves, or the sampled ones where there are none."""
    for curves in (EXACT_CURVES, SAMPLED_CURVES):
        found = [
            {
                "label": label,
                "points": [(moves, row[metric]) for moves, row in rows if metric in row],
            }
            for metric, label in curves
        ]
        found = [curve for curve in found if curve["points"]]
        if found:
            return found
    return []
