"""`python -m benchmarks [NAME...] [--json FILE] [--markdown FILE] [--quick]`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.machine import machine, versions
from benchmarks.page import page, table
from benchmarks.rows import document
from benchmarks.scaling_page import write_page
from ttt_rllib.commands import EXIT_FAILED, run_command, warn

BENCHMARKS = (
    "env",
    "sampling",
    "learner",
    "end_to_end",
    "scaling",
    "startup",
    "cold",
    "env_runners",
    "walk",
    "search",
    "seeds",
    "unexploitable",
    "runner",
    "web",
)
"""Each is a module with a function of its name: `quick` -> rows."""

PARTS = {"seeds": "unexploitable"}
"""What is measured within another, and only by itself where it is asked for."""

COMPARED = "cold"
"""Wants a checkout of an earlier version, and is measured only where it is asked for."""

OWN_PAGE = "scaling"
"""Published on a page of its own, docs/scaling.md, so a run of all the others leaves it out."""


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Which; all but scaling by default."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    quick: Annotated[bool, typer.Option(help="Few runs, to see that it works.")] = False,
) -> None:
    """Measure, with the peers in the same session, and print what came out."""
    unknown = [name for name in names or () if name not in BENCHMARKS]
    if names == [OWN_PAGE] and quick and markdown is not None:
        raise typer.BadParameter("the page of scaling needs a whole run, without --quick")
    if unknown:
        raise typer.BadParameter(f"no benchmark {unknown[0]!r}; known are {', '.join(BENCHMARKS)}")
    figures = document(machine(), versions(), [])
    if not names or len(names) > 1:
        described = {**figures["machine"], **figures["versions"]}
        typer.echo(", ".join(f"{name} {value}" for name, value in described.items()))
    failed = []
    for name in names or _by_default(quick):
        rows = _here(name, quick) if names == [name] else _elsewhere(name, quick)
        if rows is None:
            failed.append(name)
            continue
        figures["rows"] += rows
        # After each one, so that what was measured survives what comes.
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if markdown is not None and names == [OWN_PAGE]:
        write_page(figures, markdown)
    elif markdown is not None:
        markdown.write_text(page(figures), encoding="utf-8")
    if failed:
        warn(f"error: these benchmarks failed: {', '.join(failed)}")
        raise typer.Exit(EXIT_FAILED)


def _by_default(quick: bool) -> list[str]:
    """Return what is measured where nothing is named; a quick run shows that all of it works."""
    left_out = {*PARTS, COMPARED, *(() if quick else (OWN_PAGE,))}
    return [name for name in BENCHMARKS if name not in left_out]


def _here(name: str, quick: bool) -> list[dict[str, Any]]:
    rows = [row.as_json() for row in getattr(import_module(f"benchmarks.{name}"), name)(quick)]
    typer.echo(f"\n## {name}\n\n{table(rows)}")
    return rows


def _elsewhere(name: str, quick: bool) -> list[dict[str, Any]] | None:
    """Measure in a new process, as Ray, torch and JAX are set up once in a process's life.

    Returns:
        The rows; None if it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "benchmarks", name, "--json", str(figures)]
        done = subprocess.run([*command, *(["--quick"] if quick else [])])  # noqa: S603 - ours
        if done.returncode != 0:
            return None
        return list(json.loads(figures.read_text(encoding="utf-8"))["rows"])


if __name__ == "__main__":
    run_command(main)
