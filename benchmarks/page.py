"""The figures as Markdown: on the screen, and as `docs/benchmarks.md`.

Reads the JSON of `benchmarks.rows.document` and nothing else, so that the page can be made
again without measuring: `python -m benchmarks.page docs/benchmarks.json docs/benchmarks.md`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_rllib.commands import run_command

__all__ = ["page", "table", "verdict"]

INTRODUCTION = """# Benchmarks

Made by `{command}`; do not edit. Every figure is the median of the runs of one session, in
which the contestants took turns (a, b, a, b, ...); ratios compare run by run. The targets are
those of the design. A CPU second is one core for one second, whatever else the machine does.
The figures for programs: `docs/benchmarks.json`, described in `benchmarks/rows.py`.
"""
MAKE = "python -m benchmarks --json docs/benchmarks.json --markdown docs/benchmarks.md"
HEADER = "| what | unit | median | min to max | runs | target | |\n|---|---|---|---|---|---|---|"
Json = dict[str, Any]


def page(document: Json) -> str:
    """Return the page of a document of `benchmarks.rows.document`."""
    machine = ", ".join(f"{name} {value}" for name, value in document["machine"].items())
    packages = ", ".join(
        f"{name} {number or 'not installed'}" for name, number in document["versions"].items()
    )
    lines = [INTRODUCTION.format(command=MAKE), f"Machine: {machine}.\n\nPackages: {packages}."]
    for name in dict.fromkeys(row["benchmark"] for row in document["rows"]):
        rows = [row for row in document["rows"] if row["benchmark"] == name]
        lines.append(f"\n## {name}\n\n    {rows[0]['command']}\n\n{table(rows)}")
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Json]) -> str:
    """Return rows as a Markdown table, with their notes below it."""
    lines, notes = [HEADER], []
    for row in rows:
        what = row["what"]
        if "note" in row:
            if row["note"] not in notes:
                notes.append(row["note"])
            what += f" ({notes.index(row['note']) + 1})"
        spread = "" if row["value"] is None else f"{_number(row['min'])} to {_number(row['max'])}"
        cells = (
            what,
            row["unit"],
            "-" if row["value"] is None else _number(row["value"]),
            spread,
            row["runs"],
            _target(row),
            verdict(row),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines.extend(f"\n({number}) {note}" for number, note in enumerate(notes, 1))
    return "\n".join(lines)


def verdict(row: Json) -> str:
    """Say whether the target is met, or by how much it is missed; "" where there is none."""
    if "target" not in row:
        return ""
    if row["value"] is None:
        return "not measured"
    if "at_least" in row["target"]:
        bound = row["target"]["at_least"]
        met, missed = row["value"] >= bound, f"falls short by {1 - row['value'] / bound:.0%}"
    else:
        bound = row["target"]["at_most"]
        by = f"{row['value'] / bound - 1:.0%}" if bound else f"{row['value']:g}"
        met, missed = row["value"] <= bound, f"exceeded by {by}"
    return "met" if met else missed


def _target(row: Json) -> str:
    target = row.get("target", {})
    if "at_least" in target:
        return f">= {_number(target['at_least'])}"
    return f"<= {_number(target['at_most'])}" if target else ""


def _number(value: float) -> str:
    """Three significant digits, and thousands separated; an integer stays one."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main(
    json_file: Annotated[Path, typer.Argument(help="What `--json` wrote.")],
    markdown: Annotated[Path, typer.Argument(help="The page to write.")],
) -> None:
    """Make the page again from the figures of an earlier run."""
    document = json.loads(json_file.read_text(encoding="utf-8"))
    markdown.write_text(page(document), encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
