"""`python -m ttt_rllib.report RUN`: a run as a page; no ray, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ttt_rllib.commands import EXIT_BAD_INPUT, EXIT_DONE, warn
from ttt_rllib.config.completion import complete_run
from ttt_rllib.errors import InputError, file_error
from ttt_rllib.report.page import page
from ttt_rllib.runs.directory import RunDir, named_path
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.record import read_run

__all__ = ["report", "write_report"]


def write_report(run_dir: RunDir) -> Path:
    """(Re)write `report.html` in a run directory, including for failed or running runs.

    Args:
        run_dir: The run; it must hold `experiment.yaml`, everything else may be missing.

    Returns:
        The page.

    Raises:
        InputError: If it is no run directory, was written by another version, or a file in it
            is damaged.
        OSError: If the page cannot be written.
    """
    path = run_dir.report
    html = page(read_run(run_dir))
    try:
        # A page that says so already stays: a run that is done may be in an archive.
        if not path.is_file() or path.read_bytes() != html.encode():
            write_atomic(path, html)
    except OSError as error:
        raise file_error(path, "cannot be written", error) from None
    return path


def report(
    run_dir: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The run's folder.", autocompletion=complete_run),
    ],
) -> None:
    """Write the page of a run: verdict, curves, openings, search. It opens offline.

    Exit codes: 0 done, 2 no run there.
    """
    code = EXIT_DONE
    try:
        print(f"report: {write_report(RunDir(named_path(run_dir)))}")
    except InputError as error:
        warn(f"error: {error}")
        code = EXIT_BAD_INPUT
    raise typer.Exit(code)
