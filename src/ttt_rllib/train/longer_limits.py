"""Raising the limits of a run that has begun, which is the only change that it may get.

A limit decides when a trial ends and nothing of what it learns until then, so that a run whose
limit was raised is the run that it would have been with the higher limit from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import (
    differing_settings,
    dump_experiment,
    load_saved_experiment,
    with_overrides,
)
from ttt_rllib.errors import InputError, abbreviated
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.extensions_json import Extension, add_extensions
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.summary import is_done, read_summary, write_summary

__all__ = ["extend_run", "with_longer_limits"]

LIMIT = "stop."


def with_longer_limits(run: RunDir, saved: Experiment, overrides: tuple[str, ...]) -> Experiment:
    """Return the experiment of a run with limits that were raised or removed; nothing is written.

    Raises:
        InputError: If anything else would change, if a limit would not be raised, if the run is a
            search, or if it has reached another of its limits.
    """
    given = with_overrides(saved, overrides)
    changes = differing_settings(saved, given)
    if saved.search is not None:
        raise InputError(
            f"--resume {run.path}: is a search, whose trials were compared at its limits; drop "
            "--set, or start a new search"
        )
    if not changes:
        raise InputError(f"--set {overrides[0]}: the run has this already; drop --set to resume it")
    for key, before, after in changes:
        _check(key, before, after)
    summary = read_summary(run.summary)
    metrics = summary.metrics if summary and summary.status == "done" else {}
    reached = given.stop.reached(metrics)
    if reached is not None:
        raise InputError(
            f"--resume {run.path}: has reached {LIMIT}{reached}={getattr(given.stop, reached):g}; "
            "raise or remove that, too"
        )
    return given


def extend_run(run: RunDir, saved: Experiment, given: Experiment) -> None:
    """Write the new limits into a run whose lock is held, so that it resumes with them.

    The last write decides: a kill before it leaves a run that still has the limits it had, and
    that is done as soon as it is resumed if it was done.

    Raises:
        InputError: If another process has changed its limits meanwhile.
    """
    if load_saved_experiment(run.experiment) != saved:
        raise InputError(f"{run.experiment}: was changed meanwhile; try again")
    if is_done(run.path):
        import_module("ttt_rllib.tuning.tune_state").keep_final_state(run)
        summary = read_summary(run.summary)
        assert summary is not None  # noqa: S101 - the run is done
        write_summary(run.summary, replace(summary, status="interrupted"))
    add_extensions(run.path, _extensions(differing_settings(saved, given)))
    write_atomic(run.experiment, dump_experiment(given))


def _check(key: str, before: Any, after: Any) -> None:
    if not key.startswith(LIMIT):
        raise InputError(
            f"--set {key}: --resume keeps the settings of the run; only its limits, such as "
            f"{LIMIT}moves, may be raised"
        )
    if before is None or (after is not None and after <= before):
        has = "no such limit" if before is None else abbreviated(before)
        words = f"--set {key}={abbreviated(after)}: the run has {has}"
        raise InputError(f"{words}; a limit may only be raised, or removed with null")


def _extensions(changes: Sequence[tuple[str, Any, Any]]) -> tuple[Extension, ...]:
    return tuple(Extension(key, before, after) for key, before, after in changes)
