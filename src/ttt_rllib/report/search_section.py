"""What the report says about a search: a sentence, figures, and the table of trials."""

from __future__ import annotations

from dataclasses import dataclass

from ttt_rllib.metrics import MOVES
from ttt_rllib.report.charts.figure import Figure
from ttt_rllib.report.importance import not_shown_reason
from ttt_rllib.report.search_figures import (
    curves_figure,
    importance_figure,
    parallel_figure,
)
from ttt_rllib.runs.outcome import FAILED, STOPPED_EARLY
from ttt_rllib.runs.search_record import SearchRecord, SearchTrial

__all__ = ["SearchSection", "TableRow", "search_section"]

NAMES = {"random": "random search", "optuna": "Optuna", "asha": "ASHA", "pbt": "PBT"}


@dataclass(frozen=True)
class TableRow:
    """A line of the table.

    Attributes:
        cells: One for each heading of the section.
        tone: "best", "stopped", "failed" or "".
    """

    cells: tuple[str, ...]
    tone: str


@dataclass(frozen=True)
class SearchSection:
    """Everything shown of a search.

    Attributes:
        sentence: What was searched, how, and with what result.
        figures: Curves, parallel coordinates, importance.
        note: What could not be shown, or "".
        headings: Headings of the table.
        rows: The best trial first.
    """

    sentence: str
    figures: tuple[Figure, ...]
    note: str
    headings: tuple[str, ...]
    rows: tuple[TableRow, ...]


def search_section(search: SearchRecord) -> SearchSection:
    """Put a search into words, figures and a table."""
    drawn = (curves_figure(search), parallel_figure(search), importance_figure(search))
    has_exploits = any(trial.exploits for trial in search.trials)
    headings = ("trial", search.objective, "status", "moves", *search.keys, "seed")
    return SearchSection(
        sentence=_sentence(search),
        figures=tuple(figure for figure in drawn if figure is not None),
        note="" if drawn[-1] else not_shown_reason(search),
        headings=(*headings, "exploits") if has_exploits else headings,
        rows=tuple(_row(search, trial, has_exploits=has_exploits) for trial in search.trials),
    )


def _sentence(search: SearchRecord) -> str:
    count = len(search.trials)
    stopped = sum(trial.status == STOPPED_EARLY for trial in search.trials)
    failed = sum(trial.status == FAILED for trial in search.trials)
    goal = "least" if search.mode == "min" else "greatest"
    algorithm = NAMES.get(search.algorithm, search.algorithm)
    scheduler = NAMES.get(search.scheduler, search.scheduler)
    methods = algorithm if scheduler in {"none", algorithm} else f"{algorithm} with {scheduler}"
    words = [f"{count} trial{'s' * (count != 1)} by {methods}, for the {goal} {search.objective}"]
    words += [f"{stopped} stopped early"] * bool(stopped) + [f"{failed} failed"] * bool(failed)
    exploits = sum(trial.exploits for trial in search.trials)
    words += [f"{exploits} times a trial took over a better one"] * bool(exploits)
    best = [trial for trial in search.measured if trial.name == search.best_trial]
    result = f" The best has {best[0].objective:,.6g}." if best else ""
    return f"{'; '.join(words)}.{result}"


def _row(search: SearchRecord, trial: SearchTrial, *, has_exploits: bool) -> TableRow:
    objective = "" if trial.objective is None else f"{trial.objective:,.6g}"
    moves = trial.metrics.get(MOVES)
    settings = (_shortened(trial.settings[key]) for key in search.keys)
    cells = (
        trial.name,
        objective,
        trial.status,
        "" if moves is None else f"{moves:,.0f}",
        *settings,
        trial.seed,
        *([str(trial.exploits)] if has_exploits else []),
    )
    if trial.name == search.best_trial:
        return TableRow(cells, "best")
    return TableRow(cells, {STOPPED_EARLY: "stopped", FAILED: "failed"}.get(trial.status, ""))


def _shortened(cell: str) -> str:
    if cell.isdigit():
        return cell
    try:
        return f"{float(cell):.4g}"
    except ValueError:
        return cell
