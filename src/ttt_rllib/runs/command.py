"""`ttt runs`: the runs in a folder as a table; no ray, no torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.commands import one_line, shortened, warn_of_skipped
from ttt_rllib.errors import InputError
from ttt_rllib.runs.listing import RunRow, find_runs, read_row

__all__ = ["runs"]

RESULTS = Path("results")
"""Where `train` writes unless told otherwise; it need not exist yet."""

SHORTEST_NAME = 12
"""Characters of a run's name that are shown however narrow the terminal is."""

GAP = "  "

LEAST_WANTED = ("started", "commit", "seed", "seconds", "moves")
"""Columns to leave out, in this order, where the terminal is too narrow for all."""

RIGHT = ("moves", "seconds")
"""Columns of figures."""


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Results, an experiment's folder or a run.")
    ] = RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs in a folder, the newest last, with what each one proved.

    A run that is not done shows its status instead of a verdict: running, interrupted, failed, or
    unfinished, which means killed. A "+" after a commit means that the source tree had changes.

    Exit codes: 0 done, 2 there is no such folder.
    """
    rows = _read(folder)
    if as_json:
        print(json.dumps([_as_json(row) for row in rows], indent=2))
    elif not rows:
        print(f"no run in {folder}; `ttt train` starts one")
    else:
        print("\n".join(_table(rows, _width())))


def _read(folder: Path) -> list[RunRow]:
    """Read all runs, the newest last; what is none or damaged is left out with a warning."""
    try:
        # A glob is silent about a folder that is missing or may not be read.
        os.scandir(folder).close()
    except FileNotFoundError:
        if folder == RESULTS:
            return []
        raise InputError(f"{folder}: no such folder; give one of results, or a run") from None
    rows = []
    skipped = []
    for path in find_runs(folder):
        try:
            rows.append(read_row(path))
        except InputError as error:
            skipped.append(str(error))
        except OSError as error:
            skipped.append(f"{path}: {one_line(error)}")
    warn_of_skipped(skipped)
    return sorted(rows, key=lambda row: (row.started_s or 0.0, row.name))


def _as_json(row: RunRow) -> dict[str, Any]:
    return {**asdict(row), "path": str(row.path)}


def _width() -> int | None:
    """Return the columns of the terminal; None where the output goes elsewhere, uncut."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return shutil.get_terminal_size().columns


def _table(rows: Sequence[RunRow], width: int | None) -> list[str]:
    """Return the table, with as many columns as fit."""
    columns = {
        "run": [row.name for row in rows],
        "verdict": [row.word for row in rows],
        "moves": [f"{row.moves:,}" for row in rows],
        "seconds": [f"{row.train_s:,.1f}" for row in rows],
        "seed": [_seeds(row.seeds) for row in rows],
        "commit": [_commit(row.git_commit) for row in rows],
        "started": [_time(row.started_s) for row in rows],
    }
    unwanted = list(LEAST_WANTED)
    while width is not None and unwanted and _room(columns) > width:
        del columns[unwanted.pop(0)]
    if width is not None and (excess := _room(columns) - width) > 0:
        longest = max(map(len, columns["run"]))
        room = max(SHORTEST_NAME, longest - excess)
        columns["run"] = [shortened(name, room) for name in columns["run"]]
    return [_line(columns, None), *(_line(columns, number) for number in range(len(rows)))]


def _widest(name: str, cells: Sequence[str]) -> int:
    return max(map(len, (name, *cells)))


def _room(columns: dict[str, list[str]]) -> int:
    widths = [_widest(name, cells) for name, cells in columns.items()]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _line(columns: dict[str, list[str]], number: int | None) -> str:
    """Return a row; the headings if it has no number."""
    parts = []
    for name, cells in columns.items():
        text = name if number is None else cells[number]
        width = _widest(name, cells)
        parts.append(text.rjust(width) if name in RIGHT else text.ljust(width))
    return GAP.join(parts).rstrip()


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 1 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds)) if len(seeds) < 4 else f"{len(seeds)} seeds"


def _commit(described: str | None) -> str:
    """Return a commit as `git describe` calls it in a few characters."""
    if described is None:
        return "-"
    name = described.removesuffix("-dirty")
    found = re.search(r"(?:^|-g)([0-9a-f]{7})[0-9a-f]*$", name)
    return (found[1] if found else name) + "+" * (name != described)


def _time(started_s: float | None) -> str:
    if started_s is None:
        return "-"
    return datetime.fromtimestamp(started_s).astimezone().strftime("%Y-%m-%d %H:%M")
