"""What the report says about a league: ratings, and the scores of all pairs."""

from __future__ import annotations

from dataclasses import dataclass

from ttt_rllib.league.standing import LEAGUE_FILE, read_standing
from ttt_rllib.metrics import (
    LEAGUE_MEAN_SCORE,
    LEAGUE_MIN_SCORE,
    LEAGUE_RATING,
    LEAGUE_WIN_RATE,
    MOVES,
)
from ttt_rllib.report.charts.figure import Figure, Gallery, Tone
from ttt_rllib.report.charts.heat_map import heat_map
from ttt_rllib.report.charts.line_chart import Line, line_chart
from ttt_rllib.runs.metrics_csv import Curves
from ttt_rllib.runs.record import RunRecord

__all__ = ["DRAWN_HERE", "LeagueSection", "league_section"]

DRAWN_HERE = (LEAGUE_RATING, LEAGUE_MEAN_SCORE, LEAGUE_MIN_SCORE, LEAGUE_WIN_RATE)
"""Metrics that need no figure elsewhere."""

SCORES: tuple[tuple[str, str, Tone], ...] = (
    (LEAGUE_MEAN_SCORE, "mean", "win"),
    (LEAGUE_MIN_SCORE, "against the best opponent", "loss"),
    (LEAGUE_WIN_RATE, "share of games won", "draw"),
)


@dataclass(frozen=True)
class LeagueSection:
    """Everything shown of a league.

    Attributes:
        gallery: The curves.
        matrix: The scores of all pairs.
        rows: Of the table of ratings; see `Standing.rows`.
    """

    gallery: Gallery
    matrix: Figure
    rows: list[tuple[str, ...]]


def league_section(record: RunRecord) -> LeagueSection | None:
    """Return what there is to show; None of a run without a league.

    Raises:
        InputError: If `league.json` is damaged.
    """
    if record.checkpoint is None:
        return None
    standing = read_standing(record.checkpoint / LEAGUE_FILE)
    if standing is None:
        return None
    order = standing.order
    matrix = heat_map(
        "Mean score of the row against the column, both seats alike",
        [standing.players[number].name for number in order],
        standing.payoffs.scores[order][:, order],
        "Exact, of the move probabilities." if standing.payoffs.is_exact else "Sampled.",
    )
    return LeagueSection(Gallery(_curves(record.curves)), matrix, standing.rows)


def _curves(curves: Curves) -> tuple[Figure, ...]:
    figures = []
    if curves.has(LEAGUE_RATING):
        line = Line("Elo points", curves[MOVES], curves[LEAGUE_RATING], "win")
        figures.append(line_chart("Rating of the newest snapshot", [line]))
    scores = [
        Line(name, curves[MOVES], curves[metric], tone)
        for metric, name, tone in SCORES
        if curves.has(metric)
    ]
    if scores:
        figures.append(line_chart("Score against the league", scores, y_range=(-1.0, 1.0)))
    return tuple(figures)
