"""Runs side by side as one self-contained HTML page: no network, no script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ttt_rllib.metrics import (
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    ITERATION,
    METRICS,
    MOVES,
    NASH_CONV,
    NASH_CONV_GREEDY,
    OPTIMAL_MOVE_RATE,
    RETURN_MEAN,
    TRAIN_S,
    agents_paid,
    custom_metrics,
)
from ttt_rllib.report.charts.axes import short
from ttt_rllib.report.charts.figure import Figure, Gallery, Tone, stylesheet
from ttt_rllib.report.charts.line_chart import Band, Line, line_chart
from ttt_rllib.report.columns import NONE, filled_columns
from ttt_rllib.report.template import render
from ttt_rllib.runs.comparison import ComparedRun, Group, SeedCurve, remarks
from ttt_rllib.runs.seed_statistics import Estimate

__all__ = ["MEASURED", "NONE", "comparison_page", "final_rows", "seeds_text", "shown"]

TEMPLATE = "comparison.html.j2"

TONES: tuple[Tone, ...] = ("win", "loss", "ink", "draw")
MAX_DRAWN = 2 * len(TONES)
"""Groups in a figure: each colour twice, the second time dashed."""

FIRST = (NASH_CONV_GREEDY, NASH_CONV, OPTIMAL_MOVE_RATE)
"""Metrics whose curves come first; the rest of theirs follow."""
MEASURED = ("exact", "eval", "league")
"""Groups of metrics that say how good an agent is."""
NOT_DRAWN = (CONSECUTIVE_UNEXPLOITABLE_EVALS, MOVES, TRAIN_S, ITERATION)

COMMIT_DIGITS = 12
"""Characters of a commit that tell it from all others."""

GROUP_HEADINGS = (
    *("", "group", "runs", "seeds", "unexploitable"),
    *("moves to first proof", "seconds to first proof"),
)
RUN_HEADINGS = ("run", "group", "seed", "verdict", "moves", "seconds", "commit")

LONGEST_KEY = 24
"""Characters of a group's label in a legend; a longer one is given by its number."""


def comparison_page(groups: Sequence[Group]) -> str:
    """Return the page.

    Args:
        groups: At least one.
    """
    measured, others = _figures(groups)
    return render(
        TEMPLATE,
        stylesheet=stylesheet(),
        sentence=_sentence(groups),
        remarks=tuple(remarks(groups)),
        groups=filled_columns(
            GROUP_HEADINGS, [(str(number), *_row(group)) for number, group in enumerate(groups, 1)]
        ),
        learning=Gallery(measured),
        others=Gallery(others),
        labels=[_key(number, group) for number, group in enumerate(groups)],
        finals=final_rows(groups, _metrics(groups)),
        runs=filled_columns(
            RUN_HEADINGS,
            [
                _run_row(run, _key(number, group))
                for number, group in enumerate(groups)
                for run in group.runs
            ],
        ),
    )


def final_rows(groups: Sequence[Group], metrics: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return those of the metrics that any group has, with a cell per group.

    Args:
        groups: The groups.
        metrics: Names of metrics, in the order wanted.
    """
    return [
        (name, [shown(group.metrics.get(name), len(group.runs)) for group in groups])
        for name in metrics
        if any(name in group.metrics for group in groups)
    ]


def shown(figure: Estimate | None, num_runs: int) -> str:
    """Return a figure with its interval, and of how many runs it is where that is not of all."""
    if figure is None:
        return NONE
    text = short(figure.iqm)
    if figure.low is not None and figure.high is not None:
        text += f" [{short(figure.low)}, {short(figure.high)}]"
    return text if figure.n == num_runs else f"{text} ({figure.n} of {num_runs})"


def seeds_text(seeds: Sequence[int]) -> str:
    """Return seeds in a few characters, such as 0-4 or 0, 2, 7."""
    if len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}-{seeds[-1]}"
    return ", ".join(map(str, seeds))


def _sentence(groups: Sequence[Group]) -> str:
    runs = sum(len(group.runs) for group in groups)
    proved = sum(group.num_proved for group in groups)
    of_all = f"{proved} of {runs} run{'s' * (runs != 1)} proved unexploitable"
    if len(groups) > 1:
        return f"{len(groups)} groups: {of_all}."
    moves, _ = groups[0].median_proof
    after = "" if moves is None else f", after {short(moves)} moves in the median"
    return f"{groups[0].experiment}: {of_all}{after}."


def _row(group: Group) -> tuple[str, ...]:
    moves, train_s = group.median_proof
    return (
        group.label,
        str(len(group.runs)),
        seeds_text(group.seeds),
        f"{group.num_proved} of {len(group.runs)}",
        NONE if moves is None else f"{moves:,.0f}",
        NONE if train_s is None else f"{train_s:,.1f}",
    )


def _key(number: int, group: Group) -> str:
    """Return a short name of a group, which has its number in the first table."""
    return group.label if len(group.label) <= LONGEST_KEY else f"group {number + 1}"


def _run_row(run: ComparedRun, key: str) -> tuple[str, ...]:
    metrics, summary = run.record.metrics, run.record.summary
    return (
        run.name,
        key,
        str(run.seed),
        run.status if run.status != "done" else run.verdict or "unproved",
        f"{metrics.get(MOVES, 0):,.0f}",
        f"{metrics.get(TRAIN_S, 0):,.1f}",
        ((summary.git_commit if summary else None) or NONE)[:COMMIT_DIGITS],
    )


def _figures(groups: Sequence[Group]) -> tuple[tuple[Figure, ...], tuple[Figure, ...]]:
    """Return the figures of what says how good agents are, and of everything else."""
    names = dict.fromkeys((*FIRST, *_metrics(groups)))
    measured: list[Figure] = []
    others: list[Figure] = []
    for name in names:
        figure = None if name in NOT_DRAWN else _figure(groups, name)
        if figure is not None:
            (measured if name.split("/")[0] in MEASURED else others).append(figure)
    return tuple(measured), tuple(others)


def _metrics(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the metrics in their order, those of the agents of PettingZoo environments last."""
    names = dict.fromkeys(name for group in groups for name in group.metrics)
    of_agents = (f"{RETURN_MEAN}{agent}" for agent in agents_paid(names))
    return (*(metric.name for metric in METRICS), *of_agents, *custom_metrics(names))


def _figure(groups: Sequence[Group], metric: str) -> Figure | None:
    """Draw a metric of all groups; None if none has it."""
    curves = [(group, group.curve(metric)) for group in groups[:MAX_DRAWN]]
    drawn = [
        (number, group, curve) for number, (group, curve) in enumerate(curves) if curve is not None
    ]
    if not drawn:
        return None
    lines = [_line(number, group, curve) for number, group, curve in drawn]
    bands = [_band(number, curve) for number, _, curve in drawn if curve.band is not None]
    missing = [_key(number, one) for number, (one, curve) in enumerate(curves) if curve is None]
    note = f"Missing in a run of {', '.join(missing)}." if missing else ""
    if len(groups) > MAX_DRAWN:
        note = f"The first {MAX_DRAWN} groups are drawn. {note}".rstrip()
    return line_chart(metric, lines, bands=[band for band in bands if band], note=note)


def _line(number: int, group: Group, curve: SeedCurve) -> Line:
    label = f"{_key(number, group)}, n = {curve.n}"
    tone, is_dashed = TONES[number % len(TONES)], number >= len(TONES)
    return Line(label, curve.moves, curve.iqm, tone, is_limit=is_dashed)


def _band(number: int, curve: SeedCurve) -> Band | None:
    if curve.band is None or not np.all(np.isfinite(curve.band)):
        return None
    low, high = curve.band
    return Band(curve.moves, low, high, TONES[number % len(TONES)])
