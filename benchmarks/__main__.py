"""`python -m benchmarks [NAME...] [--json FILE] [--quick]`: measure, and print tables."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.sampling import sampling
from benchmarks.seeds import seeds
from ttt_rllib.door import run

BENCHMARKS = {"sampling": sampling, "seeds": seeds}


def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which; all by default.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
    quick: Annotated[bool, typer.Option(help="Few repetitions, to see that it works.")] = False,
) -> None:
    """Run benchmarks; each prints a table with medians of repeated runs."""
    unknown = [name for name in names or () if name not in BENCHMARKS]
    if unknown:
        raise typer.BadParameter(f"no benchmark {unknown[0]!r}; known are {', '.join(BENCHMARKS)}")
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    packages = {name: version(name) for name in ("ray", "torch", "numpy")}
    typer.echo(f"{machine}, " + ", ".join(f"{name} {v}" for name, v in packages.items()))
    figures: dict[str, Any] = {"machine": machine, "versions": packages}
    for name in names or BENCHMARKS:
        typer.echo(f"\n## {name}\n")
        figures[name] = BENCHMARKS[name](quick)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
