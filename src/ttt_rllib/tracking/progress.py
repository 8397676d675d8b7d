"""The progress of a run on the screen: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ray.tune import Callback
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ttt_rllib.config.stopping import Stop
from ttt_rllib.metrics import MOVES, NASH_CONV_GREEDY, flatten
from ttt_rllib.tracking.limits import stop_sentence, time_left
from ttt_rllib.tracking.progress_columns import ProgressColumn, is_measured, progress_columns
from ttt_rllib.tracking.text_table import TextColumn, fitting, table_lines

__all__ = ["Progress", "tell_recovery"]

LINES_ON_SCREEN = 12
OTHER_LINES = 6
"""Lines of a terminal that the iterations do not get: headings, best, the sentence below, shell."""
PLAIN_INTERVAL_S = 1.0
PLAIN_SHARE = 0.02
"""A line of plain output comes after this share of the time so far, where that is longer: a minute
has 50 lines and an hour some 250."""
LONGEST_PLAIN_INTERVAL_S = 60.0

Row = dict[str, float]


class Progress(Callback):
    """Shows the newest iterations: a live table in a terminal, plain lines elsewhere.

    Where not every iteration is measured, those that were are kept, and the newest is below them.

    Args:
        console: The console to print to.
        ceilings: Best possible scores against random as X and as O; None where the game is
            too large for exact evaluation.
        stop: The limits of the trial.
    """

    def __init__(self, console: Console, ceilings: tuple[float, float] | None, stop: Stop) -> None:
        self._console = console
        self._stop = stop
        self._ceilings = ceilings
        self._known: dict[str, None] = {}
        self._rows: list[Row] = []
        self._live: Live | None = None
        self._plain = _PlainLines(console)

    def on_trial_result(self, **info: Any) -> None:
        """Show the iteration."""
        row = flatten(info["result"])
        is_first = not self._known
        self._known |= dict.fromkeys(row)
        if self._console.is_terminal:
            self._add(row)
            self._show()
            return
        if is_first:
            self._console.print(stop_sentence(self._stop), soft_wrap=True)
        self._plain.add(row, progress_columns(self._ceilings, self._known))

    def on_trial_recover(self, **info: Any) -> None:
        """Report that a trial failed and is restarted."""
        tell_recovery(self._console, info["trial"])

    def close(self) -> None:
        """Leave the last lines on the screen, and restore the terminal."""
        if self._live is not None:
            self._live.update(self._table(is_over=True), refresh=True)
            self._live.stop()
            self._live = None
        if self._known:
            self._plain.close(progress_columns(self._ceilings, self._known))

    def _add(self, row: Row) -> None:
        """Append a row; it replaces one without a measurement that is only there as the newest."""
        if any(map(is_measured, self._rows)) and not is_measured(self._rows[-1]):
            self._rows.pop()
        self._rows = [*self._rows, row][-LINES_ON_SCREEN:]

    def _show(self) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(self._table(), refresh=True)

    def _table(self, *, is_over: bool = False) -> Group:
        most = max(1, min(LINES_ON_SCREEN, self._console.height - OTHER_LINES))
        rows = self._rows[-most:]
        columns = progress_columns(self._ceilings, self._known)
        heads, lines = table_lines(fitting(_cells(columns, rows), self._console.width))
        bests = len(lines) - len(rows)
        styles = ["green" if row.get(NASH_CONV_GREEDY) == 0.0 else "" for row in rows]
        styles = [*["bold"] * len(heads), *["dim"] * bests, *styles]
        text = [
            Text(line, style=style, no_wrap=True, overflow="crop")
            for line, style in zip((*heads, *lines), styles, strict=True)
        ]
        if not is_over:
            left = time_left(self._rows[-1], self._stop)
            text.append(Text(stop_sentence(self._stop) + (f"; {left}" if left else ""), "italic"))
        return Group(*text)


class _PlainLines:
    """Prints iterations as lines, about one a second, and the headings whenever they change.

    Args:
        console: The console to print to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began_s = self._printed_s = 0.0
        self._headings: list[str] = []
        self._rooms: dict[str, int] = {}
        self._pending: Row | None = None
        self._newest: Row | None = None

    def add(self, row: Row, columns: Sequence[ProgressColumn]) -> None:
        """Print a row if a line is due; until then, a measured one is kept before others."""
        self._newest = row
        if self._pending is None or is_measured(row) or not is_measured(self._pending):
            self._pending = row
        now_s = time.monotonic()
        if not self._headings:
            self._began_s = now_s
        elif now_s - self._printed_s < self._interval_s(now_s):
            return
        self._print(self._pending, columns)

    def close(self, columns: Sequence[ProgressColumn]) -> None:
        """Print what has not been printed of the last iterations."""
        for row in (self._pending, self._newest):
            if row is not None and self._newest is not None:
                self._print(row, columns)

    def _interval_s(self, now_s: float) -> float:
        share_s = PLAIN_SHARE * (now_s - self._began_s)
        return max(PLAIN_INTERVAL_S, min(share_s, LONGEST_PLAIN_INTERVAL_S))

    def _print(self, row: Row, columns: Sequence[ProgressColumn]) -> None:
        # A column that had to be wide stays so, for the lines to come.
        cells = [
            one._replace(width=max(one.room, self._rooms.get(one.heading, 0)))
            for one in _cells(columns, [row])
        ]
        self._rooms = {one.heading: one.width for one in cells}
        heads, lines = table_lines(fitting(cells, self._console.width))
        for line in lines[-1:] if heads == self._headings else (*heads, *lines):
            self._console.print(line, soft_wrap=True)
        self._headings = heads
        self._printed_s = time.monotonic()
        self._pending = None
        if row is self._newest:
            self._newest = None


def tell_recovery(console: Console, trial: Any) -> None:
    """Report that a trial failed and is restarted."""
    console.print(
        f"trial {trial.trial_id} failed; restarting from its last checkpoint", soft_wrap=True
    )


def _cells(columns: Sequence[ProgressColumn], rows: Sequence[Row]) -> list[TextColumn]:
    """Return the columns with their figures: the best possible ones, if any, and the rows'."""
    has_best = any(one.best for one in columns if one.metric != MOVES)
    return [
        TextColumn(
            one.heading,
            [
                *([one.best] if has_best else []),
                *(one.form(row[one.metric]) if one.metric in row else "" for row in rows),
            ],
            one.rank,
            one.width,
        )
        for one in columns
    ]
