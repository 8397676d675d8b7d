"""The progress of a run on the screen: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from ray.tune import Callback
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ttt_rllib.config.stopping import Stop
from ttt_rllib.metrics import (
    ITERATION,
    MOVES,
    MOVES_PER_S,
    NASH_CONV,
    NASH_CONV_GREEDY,
    OPTIMAL_MOVE_RATE,
    SCORE_VS_ALPHA_BETA,
    SCORE_VS_ONE_PLY,
    SCORE_VS_RANDOM,
    SCORE_VS_RANDOM_O,
    SCORE_VS_RANDOM_X,
    TRAIN_S,
    flatten,
)

__all__ = ["Progress", "format_duration", "max_remaining_s"]

LINES_ON_SCREEN = 12
PLAIN_INTERVAL_S = 1.0
UNEXPLOITABLE = "0.000"
ITERATIONS_BEFORE_ESTIMATE = 3
SECONDS_IN_WORDS = 100
MINUTES_IN_WORDS = 100


class Progress(Callback):
    """Shows the newest iterations: a live table in a terminal, plain lines elsewhere.

    Args:
        console: The console to print to.
        ceilings: Best possible scores against random as X and as O; None where the game is
            too large for exact evaluation.
        stop: The limits of the trial, from which the remaining time is estimated.
    """

    def __init__(self, console: Console, ceilings: tuple[float, float] | None, stop: Stop) -> None:
        self._console = console
        self._stop = stop
        self._left: str | None = None
        self._ceilings = ceilings
        self._columns = _columns(exact=ceilings is not None)
        self._rows: deque[tuple[str, ...]] = deque(maxlen=LINES_ON_SCREEN)
        self._live: Live | None = None
        self._last_print_s = 0.0
        self._pending: tuple[str, ...] | None = None

    def on_trial_result(self, **info: Any) -> None:
        """Show the iteration."""
        result = info["result"]
        row = flatten(result)
        cells = tuple(
            column.form.format(row[column.metric]) if column.metric in row else "-"
            for column in self._columns
        )
        if row[ITERATION] >= ITERATIONS_BEFORE_ESTIMATE:
            left = f"at most about {format_duration(max_remaining_s(row, self._stop))} to go"
            if self._left is None and not self._console.is_terminal:
                self._console.print(left)
            self._left = left
        if self._console.is_terminal:
            self._rows.append(cells)
            self._show()
        else:
            self._print(cells)

    def on_trial_recover(self, **info: Any) -> None:
        """Report that a trial failed and is restarted."""
        self._console.print(
            f"trial {info['trial'].trial_id} failed; restarting from its last checkpoint"
        )

    def close(self) -> None:
        """Leave the last lines on the screen, and restore the terminal."""
        if self._live is not None:
            self._left = None
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None
        if self._pending is not None:
            self._print_line(self._pending)

    def _show(self) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        table = Table(
            box=None,
            pad_edge=False,
            header_style="bold",
            caption=self._left,
            caption_justify="left",
        )
        for column in self._columns:
            table.add_column(column.heading, justify="right", no_wrap=True)
        if self._ceilings:
            table.add_row(*_best_possible(self._ceilings), style="dim")
        for row in self._rows:
            table.add_row(*row, style="green" if self._ceilings and row[3] == UNEXPLOITABLE else "")
        return table

    def _print(self, cells: tuple[str, ...]) -> None:
        if not self._last_print_s:
            self._print_cells(tuple(column.heading for column in self._columns))
            if self._ceilings:
                self._print_cells(_best_possible(self._ceilings))
        self._pending = cells
        if time.monotonic() - self._last_print_s >= PLAIN_INTERVAL_S:
            self._print_line(cells)

    def _print_line(self, cells: tuple[str, ...]) -> None:
        self._print_cells(cells)
        self._last_print_s = time.monotonic()
        self._pending = None

    def _print_cells(self, cells: tuple[str, ...]) -> None:
        widths = (column.width for column in self._columns)
        line = " ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        self._console.print(line.rstrip(), soft_wrap=True)


class Column(NamedTuple):
    """A column of the progress: heading, width, metric and the format of its figure."""

    heading: str
    width: int
    metric: str
    form: str


EXACT_COLUMNS = (
    Column("greedy", 7, NASH_CONV_GREEDY, "{:.3f}"),
    Column("NashConv", 9, NASH_CONV, "{:.3f}"),
    Column("optimal", 8, OPTIMAL_MOVE_RATE, "{:.2%}"),
    Column("rand X", 7, SCORE_VS_RANDOM_X, "{:.3f}"),
    Column("rand O", 7, SCORE_VS_RANDOM_O, "{:.3f}"),
)
SAMPLED_COLUMNS = (
    Column("greedy", 7, NASH_CONV_GREEDY, "{:.3f}"),
    Column("vs random", 10, SCORE_VS_RANDOM, "{:.2f}"),
    Column("one-ply", 8, SCORE_VS_ONE_PLY, "{:.2f}"),
    Column("alpha-beta", 11, SCORE_VS_ALPHA_BETA, "{:.2f}"),
)


def max_remaining_s(row: Mapping[str, float], stop: Stop) -> float:
    """Return the seconds of training until a limit of moves, time or iterations is reached.

    Args:
        row: The metrics of an iteration.
        stop: The limits. The trial may become unexploitable earlier; the result is infinite if
            none of the three limits is set.
    """
    train_s = row[TRAIN_S]
    shares = [
        row[name] / limit
        for name, limit in (
            (MOVES, stop.moves),
            (TRAIN_S, stop.train_s),
            (ITERATION, stop.iterations),
        )
        if limit is not None
    ]
    share = max(shares, default=0.0)
    return max(0.0, train_s / share - train_s) if share else math.inf


def format_duration(seconds: float) -> str:
    """Return a duration in the unit that people would choose."""
    if not math.isfinite(seconds):
        return "for ever"
    if seconds < SECONDS_IN_WORDS:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < MINUTES_IN_WORDS else f"{minutes / 60:.1f} h"


def _columns(exact: bool) -> tuple[Column, ...]:
    return (
        Column("iter", 5, ITERATION, "{:.0f}"),
        Column("moves", 10, MOVES, "{:,.0f}"),
        Column("moves/s", 8, MOVES_PER_S, "{:,.0f}"),
        *(EXACT_COLUMNS if exact else SAMPLED_COLUMNS),
        Column("time", 7, TRAIN_S, "{:.1f}s"),
    )


def _best_possible(ceilings: tuple[float, float]) -> tuple[str, ...]:
    scores = [f"{score:.3f}" for score in ceilings]
    return ("", "", "at best", UNEXPLOITABLE, UNEXPLOITABLE, "100.00%", *scores, "")
