"""The drawings of a search: all learning curves, parallel coordinates, importance."""

from __future__ import annotations

from itertools import pairwise

from ttt_rllib.metrics import MOVES, NASH_CONV, SCORE_VS_ALPHA_BETA, STRENGTH_GROUPS
from ttt_rllib.report.charts.axes import Scale, in_percent, short, ticks
from ttt_rllib.report.charts.bars import Bar, bar_chart
from ttt_rllib.report.charts.figure import Figure, Key, Tone
from ttt_rllib.report.charts.line_chart import Line, line_chart
from ttt_rllib.report.charts.svg import number, tag
from ttt_rllib.report.importance import importance, numbers, spans_decades
from ttt_rllib.runs.outcome import STOPPED_EARLY
from ttt_rllib.runs.search_record import SearchRecord, SearchTrial

__all__ = ["curves_figure", "importance_figure", "parallel_figure"]

STRENGTHS = (NASH_CONV, SCORE_VS_ALPHA_BETA)
"""They are drawn where the objective does not say how strong an agent is."""

WIDTH, ROW, MARGIN, TOP = 360.0, 92.0, 16.0, 26.0
MARK_DROP = 14.0
MAX_KINDS = 5
LINE, MAX_LINES = 13.0, 3
LETTER = 7.0
"""Width of a letter, on a phone."""

EDGE = 12.0
"""A mark this close to the end of an axis has its label inside the drawing."""


def curves_figure(search: SearchRecord) -> Figure | None:
    """Draw the learning curves of all trials, the best one on top; None if none has any."""
    wanted = [search.objective] if search.objective.startswith(STRENGTH_GROUPS) else []
    known = (metric for metric in (*wanted, *STRENGTHS) if _drawn(search, metric))
    metric = next(known, None)
    if metric is None:
        return None
    trials = _drawn(search, metric)
    # The best trial is on top, even if another seed of its configuration did better.
    trials.sort(key=lambda trial: trial.name == search.best_trial)
    lines = [
        Line(
            trial.name,
            trial.curves[MOVES],
            trial.curves[metric],
            tone=_tone(trial, search),
        )
        for trial in trials
    ]
    keys = (
        Key(f"the best, {search.best_trial}", "win"),
        Key("the others", "faint"),
        Key(STOPPED_EARLY, "loss"),
    )
    tones = {line.tone for line in lines}
    shown = tuple(key for key in keys if key.tone in tones)
    return line_chart(f"All trials: {metric}", lines, legend=shown, crowded=len(lines) > 1)


def parallel_figure(search: SearchRecord) -> Figure | None:
    """Draw every measured trial as a line through its settings down to its objective."""
    trials = search.measured
    if len(trials) < 2:
        return None
    columns = {key: [trial.settings[key] for trial in trials] for key in search.keys}
    columns[search.objective] = [repr(trial.objective) for trial in trials]
    height = TOP + ROW * (len(columns) - 1) + MARK_DROP + LINE
    axes, places = [], []
    for row, (key, column) in enumerate(columns.items()):
        axis, where = _axis(key, column, TOP + ROW * row)
        axes.append(axis)
        places.append(where)
    # The best is drawn last, so that it lies on top.
    ranks = range(len(trials) - 1, -1, -1)
    lines = [
        _thread(trials[rank], [where[rank] for where in places], _rank_tone(rank, len(trials)))
        for rank in ranks
    ]
    svg = tag(
        "svg",
        *lines,
        *axes,
        viewBox=f"0 0 {number(WIDTH)} {number(height)}",
        role="img",
        aria_label="Settings and objective of every measured trial",
        class_="chart parallel",
    )
    keys = (Key("the best trial", "win"), Key("the best quarter", "ink"), Key("others", "faint"))
    return Figure("Settings and objective", svg, keys, is_tall=True)


def importance_figure(search: SearchRecord) -> Figure | None:
    """Draw how much each setting mattered; None where that is unknown."""
    shares = importance(search)
    if shares is None:
        return None
    bars = [Bar(key, share, in_percent(share), "win") for key, share in shares.items()]
    note = f"PED-ANOVA over {len(search.measured)} trials: rough, the more so the fewer there are."
    return bar_chart("What mattered for the objective", bars, note)


def _drawn(search: SearchRecord, metric: str) -> list[SearchTrial]:
    """Return the trials that have a metric, the best last."""
    return [trial for trial in reversed(search.trials) if trial.curves.has(metric)]


def _tone(trial: SearchTrial, search: SearchRecord) -> Tone:
    if trial.name == search.best_trial:
        return "win"
    return "loss" if trial.status == STOPPED_EARLY else "faint"


def _rank_tone(rank: int, count: int) -> Tone:
    if rank == 0:
        return "win"
    return "ink" if rank < count / 4 else "faint"


def _thread(trial: SearchTrial, points: list[tuple[float, float]], tone: Tone) -> str:
    path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
    words = ", ".join(f"{key} {value}" for key, value in trial.settings.items())
    title = tag("title", text=f"{trial.name}: {words}")
    return tag("path", title, d=path, class_=f"stroke {tone}", data_name=trial.name)


def _axis(key: str, column: list[str], y: float) -> tuple[str, list[tuple[float, float]]]:
    """Draw an axis; return it and where every trial crosses it."""
    left, right = MARGIN, WIDTH - MARGIN
    figures = numbers(column)
    if figures is None:
        kinds = sorted(set(column))
        steps = Scale.over(range(len(kinds)), left, right)
        marks = [(steps(place), kind) for place, kind in enumerate(kinds)]
        across = [steps(kinds.index(cell)) for cell in column]
    else:
        scale = Scale.over(figures, left, right, is_log=spans_decades(figures))
        marks = [(scale(mark), words) for mark, words in _marks(figures, scale)]
        across = [scale(figure) for figure in figures]
    parts = [
        tag("path", d=f"M{number(left)} {number(y)}H{number(right)}"),
        tag("text", text=key, x=left - 8, y=y - 8, class_="name"),
    ]
    lines = _lines([words for _, words in marks])
    for (x, _), (line, words) in zip(marks, lines, strict=True):
        below = y + MARK_DROP + line * LINE
        parts.append(tag("path", d=f"M{number(x)} {number(y - 3)}v6"))
        parts.append(tag("text", text=words, x=x, y=below, text_anchor=_anchor(x)))
    return tag("g", *parts, class_="axes"), [(x, y) for x in across]


def _marks(figures: list[float], scale: Scale) -> list[tuple[float, str]]:
    """Return the marks: the figures themselves if they are a few integers, else round ones."""
    kinds = sorted(set(figures))
    if len(kinds) <= MAX_KINDS and all(kind == int(kind) for kind in kinds):
        return [(kind, f"{kind:.0f}") for kind in kinds]
    return [(mark, short(mark)) for mark in ticks(scale)]


def _lines(words: list[str]) -> list[tuple[int, str]]:
    """Stack words that are too long to stand side by side, shortened if necessary."""
    across = (WIDTH - 2 * MARGIN) / LETTER
    if _fit_side_by_side([len(word) for word in words], across):
        return [(0, word) for word in words]
    most = int(min(1.0, MAX_LINES / len(words)) * across)
    return [
        (
            place % MAX_LINES,
            word if len(word) <= most else f"{word[: most - 1]}\N{HORIZONTAL ELLIPSIS}",
        )
        for place, word in enumerate(words)
    ]


def _fit_side_by_side(lengths: list[int], across: float) -> bool:
    """Tell whether words at equal distances leave room between them; the outer ones face inward."""
    if len(lengths) < 2:
        return True
    halves = [length / 2 for length in lengths]
    reach = [2 * halves[0], *halves[1:-1], 2 * halves[-1]]
    step = across / (len(lengths) - 1)
    return all(one + other + 1 <= step for one, other in pairwise(reach))


def _anchor(x: float) -> str:
    """Keep the words of an outer mark inside the drawing."""
    if x < MARGIN + EDGE:
        return "start"
    return "end" if x > WIDTH - MARGIN - EDGE else "middle"
