"""Draws the metrics of a run, with related ones in the same figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ttt_rllib.exact.scores import Ceilings
from ttt_rllib.metrics import (
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    CPU_S,
    CUSTOM_MEANING,
    DRAW_RATE,
    EVAL_S,
    ITERATION,
    LEAGUE_S,
    LEARN_S,
    LEARNER_CPU_S,
    LEARNER_MEMORY_MB,
    MEMORY_MB,
    METRICS,
    MOVES,
    MOVES_PER_S,
    NASH_CONV,
    NASH_CONV_GREEDY,
    O_WIN_RATE,
    OPTIMAL_MOVE_RATE,
    RETURN_MEAN,
    RUNNER_CPU_S,
    RUNNER_MEMORY_MB,
    SAMPLE_S,
    SCORE_VS_ALPHA_BETA,
    SCORE_VS_ONE_PLY,
    SCORE_VS_RANDOM,
    SCORE_VS_RANDOM_O,
    SCORE_VS_RANDOM_X,
    SYNC_S,
    TRAIN_S,
    X_WIN_RATE,
    agents_paid,
    custom_metrics,
)
from ttt_rllib.report.charts.axes import in_percent
from ttt_rllib.report.charts.bars import Bar, parts_chart
from ttt_rllib.report.charts.figure import Figure, Tone
from ttt_rllib.report.charts.line_chart import Line, line_chart
from ttt_rllib.report.league_section import DRAWN_HERE as LEAGUE_DRAWN
from ttt_rllib.runs.metrics_csv import Curves
from ttt_rllib.runs.summary import WallSeconds

__all__ = ["learning_figures", "other_figures", "throughput_figures"]

SHARES: tuple[tuple[str, str, Tone], ...] = (
    (X_WIN_RATE, "X wins", "ink"),
    (DRAW_RATE, "draws", "win"),
    (O_WIN_RATE, "O wins", "loss"),
)
SHARES_ELSEWHERE: tuple[tuple[str, str, Tone], ...] = (
    (X_WIN_RATE, "the first to move wins", "ink"),
    (DRAW_RATE, "both get the same", "win"),
    (O_WIN_RATE, "the second wins", "loss"),
)
"""In a game that is not ours nobody is X, and which agent moves first may change."""
OPENINGS_NOTE = "Games of the iteration, with their random openings and exploration."
EXPLORATION_NOTE = "Games of the iteration, with their exploration."
RETURN_NOTE = "Of the games of each iteration, as the environment paid its agents."
AGENT_TONES: tuple[Tone, ...] = ("ink", "win", "loss", "draw")
SAMPLED: tuple[tuple[str, str, Tone], ...] = (
    (SCORE_VS_RANDOM, "random play", "ink"),
    (SCORE_VS_ONE_PLY, "one-ply player", "win"),
    (SCORE_VS_ALPHA_BETA, "alpha-beta player", "loss"),
)
CPU: tuple[tuple[str, str, Tone], ...] = (
    (CPU_S, "the trial's process", "ink"),
    (RUNNER_CPU_S, "all env runners", "win"),
    (LEARNER_CPU_S, "all learners", "loss"),
)
MEMORY: tuple[tuple[str, str, Tone], ...] = (
    (MEMORY_MB, "the trial's process", "ink"),
    (RUNNER_MEMORY_MB, "the greatest env runner", "win"),
    (LEARNER_MEMORY_MB, "the greatest learner", "loss"),
)
PHASES: tuple[tuple[str, str, Tone], ...] = (
    (SAMPLE_S, "sampling", "win"),
    (LEARN_S, "learning", "ink"),
    (SYNC_S, "sending weights", "loss"),
    (LEAGUE_S, "league", "faint"),
    (EVAL_S, "exact evaluation", "draw"),
)


def learning_figures(
    curves: Curves, ceilings: Ceilings | None, *, is_ours: bool = True
) -> tuple[Figure, ...]:
    """Draw how strong the agent became: exact figures, scores with ceilings, games.

    Args:
        curves: The trial.
        ceilings: The best scores against random play; None where they are not known.
        is_ours: Whether the rules are known here; if not, agents have their environment's names.
    """
    figures = []
    if not is_ours and (agents := agents_paid(_columns(curves))):
        figures.append(_returns(curves, agents))
    if curves.has(NASH_CONV_GREEDY):
        figures.append(_nash_conv(curves))
    if curves.has(OPTIMAL_MOVE_RATE):
        figures.append(_optimal(curves))
    if curves.has(SCORE_VS_RANDOM_X) or curves.has(SCORE_VS_RANDOM_O):
        figures.append(_scores(curves, ceilings))
    sampled = [_line(curves, *metric) for metric in SAMPLED if curves.has(metric[0])]
    if sampled:
        figures.append(line_chart("Sampled mean score against", sampled, y_range=(-1.0, 1.0)))
    shares = [
        replace(_line(curves, *metric), value=in_percent(curves.last(metric[0]) or 0.0))
        for metric in (SHARES if is_ours else SHARES_ELSEWHERE)
        if curves.has(metric[0])
    ]
    if shares:
        figures.append(
            line_chart(
                "Results of self-play",
                shares,
                y_range=(0.0, 1.0),
                percent=True,
                note=OPENINGS_NOTE if is_ours else EXPLORATION_NOTE,
            )
        )
    return tuple(figures)


def throughput_figures(curves: Curves, wall_s: WallSeconds | None) -> tuple[Figure, ...]:
    """Draw the speed, where the time went, and how much of the machine was used.

    Args:
        curves: The trial.
        wall_s: Wall seconds of the summary; None for a run without one.
    """
    figures = []
    if curves.has(MOVES_PER_S):
        speed = curves[MOVES_PER_S]
        # From 0, so that a small change looks small.
        middle = f"median {np.nanmedian(speed):,.0f}"
        line = Line("moves a second", curves[MOVES], speed, "win", value=middle)
        figures.append(line_chart("Throughput", [line], y_range=(0.0, float(np.nanmax(speed)))))
    wholes = {"Phases of training, seconds": _phases(curves)}
    if wall_s and wall_s.total_s:
        wholes["The whole command, seconds"] = _wall(wall_s)
    known = {name: parts for name, parts in wholes.items() if any(part.size for part in parts)}
    if known:
        figures.append(parts_chart("Where the time went", known))
    for title, metrics in (("CPU seconds of an iteration", CPU), ("Memory, MB", MEMORY)):
        lines = [_line(curves, *metric) for metric in metrics if curves.has(metric[0])]
        if lines:
            greatest = max(float(np.nanmax(line.y)) for line in lines)
            figures.append(line_chart(title, lines, y_range=(0.0, greatest or 1.0)))
    return tuple(figures)


def other_figures(curves: Curves, *, is_ours: bool = True) -> tuple[Figure, ...]:
    """Draw every metric that changes and has no place in another figure, one figure per metric.

    Args:
        curves: The trial.
        is_ours: As for `learning_figures`.
    """
    drawn = {name for name, *_ in (*SHARES, *SAMPLED, *CPU, *MEMORY)} | {
        *LEAGUE_DRAWN,
        MOVES,
        ITERATION,
        TRAIN_S,
        MOVES_PER_S,
        NASH_CONV,
        NASH_CONV_GREEDY,
        OPTIMAL_MOVE_RATE,
        SCORE_VS_RANDOM_X,
        SCORE_VS_RANDOM_O,
        CONSECUTIVE_UNEXPLOITABLE_EVALS,
    }
    figures = []
    for metric in METRICS:
        if metric.name in drawn or not curves.has(metric.name):
            continue
        line = _line(curves, metric.name, metric.unit or "value", "ink")
        figures.append(line_chart(metric.name, [line], note=metric.meaning))
    if is_ours and (agents := agents_paid(_columns(curves))):
        figures.append(_returns(curves, agents))
    figures += [
        line_chart(name, [_line(curves, name, "value", "ink")], note=CUSTOM_MEANING)
        for name in custom_metrics(_columns(curves))
        if curves.has(name)
    ]
    return tuple(figures)


def _columns(curves: Curves) -> tuple[str, ...]:
    return tuple(curves.rows[0]) if curves.rows else ()


def _returns(curves: Curves, agents: Sequence[str]) -> Figure:
    """Draw what each agent of an environment got; a colour's second agent is dashed."""
    lines = [
        Line(
            agent,
            curves[MOVES],
            curves[f"{RETURN_MEAN}{agent}"],
            AGENT_TONES[number % len(AGENT_TONES)],
            is_limit=number >= len(AGENT_TONES),
        )
        for number, agent in enumerate(agents)
    ]
    return line_chart("Mean return of a game", lines, note=RETURN_NOTE)


def _nash_conv(curves: Curves) -> Figure:
    lines = [_line(curves, NASH_CONV_GREEDY, "its best moves", "win")]
    if curves.has(NASH_CONV):
        lines.insert(0, _line(curves, NASH_CONV, "as it explores", "draw"))
    # A flat line at 0 needs some height to be recognisable.
    greatest = max(float(np.nanmax(line.y)) for line in lines)
    return line_chart(
        "Exploitability, as exact NashConv",
        lines,
        y_range=(0.0, max(greatest, 0.5)),
        note="What best responses win in both seats together; 0 = no opponent beats it.",
    )


def _optimal(curves: Curves) -> Figure:
    line = _line(curves, OPTIMAL_MOVE_RATE, "of all decision positions", "win")
    last = curves.last(OPTIMAL_MOVE_RATE)
    named = replace(line, value=in_percent(last or 0.0, 2))
    floor = float(np.floor(np.nanmin(line.y) * 20) / 20)
    return line_chart(
        "Positions played optimally", [named], y_range=(min(floor, 0.95), 1.0), percent=True
    )


def _scores(curves: Curves, ceilings: Ceilings | None) -> Figure:
    seats: tuple[tuple[str, str, Tone], ...] = (
        (SCORE_VS_RANDOM_X, "as X", "ink"),
        (SCORE_VS_RANDOM_O, "as O", "win"),
    )
    lines = []
    for metric, label, tone in seats:
        last = curves.last(metric)
        if last is not None:
            lines.append(replace(_line(curves, metric, label, tone), value=f"{last:.3f}"))
    ends = curves[MOVES][[0, -1]]
    limits = [
        Line("at best", ends, np.full(2, ceiling), tone, is_limit=True, value=f"{ceiling:.3f}")
        for (*_, tone), ceiling in zip(seats, ceilings or (), strict=False)
    ]
    order = [part for pair in zip(lines, limits, strict=False) for part in pair] or lines
    least = min(float(np.nanmin(line.y)) for line in lines)
    floor = float(np.floor(least * 5) / 5)
    return line_chart(
        "Exact mean score against random play", order, y_range=(max(-1.0, floor), 1.0)
    )


def _line(curves: Curves, metric: str, name: str, tone: Tone) -> Line:
    return Line(name, curves[MOVES], curves[metric], tone)


def _phases(curves: Curves) -> list[Bar]:
    known = [phase for phase in PHASES if curves.has(phase[0])]
    sums = [(float(np.nansum(curves[metric])), name, tone) for metric, name, tone in known]
    return [Bar(name, seconds, f"{seconds:.1f}", tone) for seconds, name, tone in sums]


def _wall(wall_s: WallSeconds) -> list[Bar]:
    setup, training = wall_s.setup_s, wall_s.train_s
    rest = max(0.0, wall_s.total_s - setup - training)
    return [
        Bar("set-up", setup, f"{setup:.1f}", "draw"),
        Bar("training", training, f"{training:.1f}", "win"),
        Bar("the rest", rest, f"{rest:.1f}", "faint"),
    ]
