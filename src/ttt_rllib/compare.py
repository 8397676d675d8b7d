"""`python -m ttt_rllib.compare RUN...`: runs side by side over their seeds; no ray, no torch."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.commands import one_line, run_command, shortened, warn_of_skipped
from ttt_rllib.errors import InputError, file_error
from ttt_rllib.metrics import CONSECUTIVE_UNEXPLOITABLE_EVALS, METRICS, MOVES_PER_S
from ttt_rllib.report.charts.axes import short
from ttt_rllib.report.comparison_page import (
    MEASURED,
    NONE,
    comparison_page,
    final_rows,
    seeds_text,
)
from ttt_rllib.runs.comparison import ComparedRun, Group, compared, group_runs, remarks
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.listing import find_runs
from ttt_rllib.runs.record import read_run

__all__ = ["compare"]

NARROWEST = 32
"""Columns that a table has even where the terminal claims to have fewer."""
PIPE_WIDTH = 10_000
SHORTEST_NAME = 10
"""Characters of a metric's name that are shown however narrow the terminal is."""


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Runs, or folders that hold runs.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page.")] = None,
) -> None:
    """Compare runs, those that differ in their seed alone as one group.

    Per group: how many proved their agent unexploitable, the medians of moves and seconds until
    the first evaluation with NashConv 0, even if it is lost again (a run whose agent is not proved
    at the end counts as longer than all others), and the final metrics as interquartile means with
    95 % bootstrap intervals. The page also has curves over moves.

    Exit codes: 0 done, 2 there is no such run.
    """
    groups = group_runs(_read(runs))
    if html is not None:
        try:
            write_atomic(html, comparison_page(groups))
        except OSError as error:
            raise file_error(html, "cannot be written", error) from None
    if as_json:
        print(json.dumps(_as_json(groups), indent=2))
    else:
        print("\n".join(_text(groups, _width())))


def _read(places: Sequence[Path]) -> list[ComparedRun]:
    """Read all runs, each once; of a folder of runs, what cannot be compared is left out.

    Raises:
        InputError: If one that was named is no run, or damaged, or if there is none at all.
    """
    found: dict[str, ComparedRun] = {}
    skipped = []
    for place in places:
        os.stat(place)  # noqa: PTH116 - says what the operating system says
        folders = find_runs(place)
        if not folders:
            raise InputError(f"{place}: neither a run nor a folder that holds runs")
        for folder in folders:
            key = os.path.realpath(folder)
            try:
                found.setdefault(key, compared(read_run(RunDir(Path(key)))))
            except (InputError, OSError) as error:
                if folder == place:
                    raise
                skipped.append(one_line(error))
    if not found:
        raise InputError(f"none of the runs can be compared; the first: {skipped[0]}")
    warn_of_skipped(skipped)
    return list(found.values())


def _as_json(groups: Sequence[Group]) -> dict[str, Any]:
    return {
        "groups": [
            {
                "experiment": group.experiment,
                "differing": dict(group.differing),
                "seeds": group.seeds,
                "runs": [str(run.record.run.path) for run in group.runs],
                "statuses": [run.status for run in group.runs],
                "verdicts": [run.verdict for run in group.runs],
                "proved": group.num_proved,
                "median_moves_to_proof": group.median_proof[0],
                "median_seconds_to_proof": group.median_proof[1],
                "metrics": {name: asdict(one) for name, one in group.metrics.items()},
            }
            for group in groups
        ],
        "remarks": list(remarks(groups)),
    }


def _width() -> int:
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return PIPE_WIDTH
    return max(NARROWEST, shutil.get_terminal_size().columns)


def _text(groups: Sequence[Group], width: int) -> Iterator[str]:
    """Yield a line per group, the table with a column per group, and the remarks."""
    for number, group in enumerate(groups, 1):
        count = len(group.runs)
        words = f"{number:2}  {group.label}: n = {count}, seed{'s' * (count > 1)} "
        yield from textwrap.wrap(words + seeds_text(group.seeds), width, subsequent_indent=" " * 4)
    yield ""
    yield from _table(_rows(groups), width)
    told = list(remarks(groups))
    if told:
        yield ""
    for remark in told:
        yield from textwrap.wrap(remark, width)


def _rows(groups: Sequence[Group]) -> list[tuple[str, list[str]]]:
    names = [one.name for one in METRICS if one.name.split("/")[0] in MEASURED]
    names.remove(CONSECUTIVE_UNEXPLOITABLE_EVALS)
    moves, seconds = zip(*(group.median_proof for group in groups), strict=True)
    return [
        ("", [str(number) for number in range(1, len(groups) + 1)]),
        ("unexploitable", [f"{group.num_proved} of {len(group.runs)}" for group in groups]),
        ("moves to first proof", [NONE if one is None else short(one) for one in moves]),
        ("seconds to first proof", [NONE if one is None else f"{one:,.1f}" for one in seconds]),
        *final_rows(groups, [*names, MOVES_PER_S]),
    ]


def _table(rows: Sequence[tuple[str, list[str]]], width: int) -> Iterator[str]:
    """Yield the rows, with as many columns at once as fit."""
    columns = list(zip(*(cells for _, cells in rows), strict=True))
    widths = [max(map(len, column)) + 2 for column in columns]
    longest = max(len(name) for name, _ in rows)
    room = min(longest, max(SHORTEST_NAME, width - max(widths)))
    start = 0
    while start < len(columns):
        stop = start + 1
        while stop < len(columns) and room + sum(widths[start : stop + 1]) <= width:
            stop += 1
        if start:
            yield ""
        for name, cells in rows:
            pairs = zip(cells[start:stop], widths[start:stop], strict=True)
            yield f"{_shortened(name, room):{room}}{''.join(text.rjust(w) for text, w in pairs)}"
        start = stop


def _shortened(name: str, room: int) -> str:
    """Leave the group of a metric out where there is no room for it, then its beginning."""
    if len(name) > room:
        name = name.rpartition("/")[2]
    return shortened(name, room)


if __name__ == "__main__":
    run_command(compare)
