"""The command that trains with a run's settings again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.experiment_files import shipped_experiments
from ttt_rllib.config.loading import difference, differing_settings, resolve_experiment
from ttt_rllib.config.yaml_text import parse_yaml
from ttt_rllib.errors import InputError
from ttt_rllib.runs.record import RunRecord

__all__ = ["quoted_folder", "repeat_command", "shipped_command"]

MAX_SETTINGS = 12
"""A command with more settings than this is longer than anybody reads; the run's file has all."""

OPEN_SECTIONS = ("env", "search")
"""Sections that hold other keys in other experiments."""


def repeat_command(record: RunRecord) -> str:
    """Return the command that trains with the run's settings, quoted for a shell.

    It names the package's experiment of that name, with the settings in which the run differs from
    it. Where there is none, or where it would not give the same settings, it names the run's file.

    Args:
        record: The run.
    """
    command = shipped_command(record)
    return command or f"ttt train {quoted_folder(record)}/{record.run.experiment.name}"


def shipped_command(record: RunRecord) -> str | None:
    """Return the command that names the package's experiment; None if none gives the settings."""
    wanted = record.experiment
    file = shipped_experiments().get(wanted.name)
    settings = _settings(file, wanted) if file else None
    return None if settings is None else shlex.join(["ttt", "train", wanted.name, *settings])


def quoted_folder(record: RunRecord) -> str:
    """Return the run's folder, as seen from where the folder of results lies, for a shell."""
    return shlex.quote(f"results/{record.experiment.name}/{record.run.path.name}")


def _settings(file: Path, wanted: Experiment) -> list[str] | None:
    """Return words that turn an experiment into the wanted one; None if there are none."""
    keys = differing_settings(resolve_experiment(file), wanted)
    if len(keys) > MAX_SETTINGS:
        return None
    by_key = {key: f"{key}={_text(value)}" for key, _, value in keys}
    # The keys of these sections differ from one experiment to the next: then all of it is given.
    full = wanted.model_dump(mode="json")
    whole = {
        section: f"{section}={_text(full[section])}"
        for section in OPEN_SECTIONS
        if any(key.split(".")[0] == section for key in by_key)
    }
    others = {key: word for key, word in by_key.items() if key.split(".")[0] not in whole}
    for words in (list(by_key.values()), [*others.values(), *whole.values()]):
        if _gives(file, words, wanted):
            return words
    return None


def _gives(file: Path, words: Sequence[str], wanted: Experiment) -> bool:
    try:
        return difference(resolve_experiment(file, tuple(words)), wanted) is None
    except InputError:
        return False


def _text(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, str) and not set(value) & set("\n\r") and _reads_as_it_is(value):
        return value
    return json.dumps(value)


def _reads_as_it_is(value: str) -> bool:
    try:
        return bool(parse_yaml(value, "") == value)
    except InputError:
        return False
