"""Experiments as files: reading YAML, applying `--set` overrides, writing the result."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterator, Mapping
from itertools import count, islice, product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ttt_envs.game import GAMES
from ttt_rllib.config.env_settings import check_env_settings
from ttt_rllib.config.exact_settings import check_exact_settings
from ttt_rllib.config.experiment import Experiment, named_env
from ttt_rllib.config.explanation import explain
from ttt_rllib.config.renames import VERSION_BEFORE_RENAMES, find_renamed
from ttt_rllib.config.search import Search
from ttt_rllib.config.yaml_text import MAX_CHARACTERS, dump_yaml, parse_yaml
from ttt_rllib.errors import InputError, abbreviated, did_you_mean

__all__ = [
    "difference",
    "differing_settings",
    "dump_experiment",
    "load_experiment",
    "load_saved_experiment",
    "resolve_experiment",
    "with_overrides",
    "with_settings",
]

MAX_COMBINATIONS = 512
"""Combinations of searched settings that are checked before anything starts."""

MAX_DOTS = 8

MAX_SHOWN = 60
"""Characters of a wrong override that its message repeats."""


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read a YAML file, apply `a.b=value` overrides and check the result.

    Args:
        path: The YAML file.
        overrides: As given to `--set`; values are YAML.

    Raises:
        InputError: If anything in it is wrong, with file, place, value and remedy.
    """
    experiment = resolve_experiment(path, overrides)
    try:
        check_env_settings(experiment)
        check_exact_settings(experiment)
    except InputError as error:
        raise InputError(_complaint(str(error), path, overrides)) from None
    return experiment


def resolve_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Do the same without asking the game what it allows: no environment is made.

    Args:
        path: The YAML file.
        overrides: As given to `--set`; values are YAML.

    Raises:
        InputError: If anything else in it is wrong.
    """
    experiment = _validated({"name": path.stem, **_read_yaml(path)}, str(path), overrides)
    _check_search(experiment, str(path))
    return experiment


def load_saved_experiment(path: Path) -> Experiment:
    """Read the resolved experiment of a run, which was checked when the run started.

    Its environment is not made again, so that a run can be read where PettingZoo's is missing.

    Raises:
        InputError: If the file is damaged, or an earlier version wrote it.
    """
    data = _read_yaml(path)
    renamed = find_renamed(data)
    if renamed is not None:
        raise InputError(
            f"{path}: an earlier version wrote this run ({renamed.old} is now {renamed.new}); "
            f"start a new run, or use ttt_rllib {VERSION_BEFORE_RENAMES} for this one"
        )
    experiment = _validated({"name": path.stem, **data}, str(path))
    _check_search(experiment, str(path))
    return experiment


def with_settings(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """Return the experiment of one trial: with these settings and without the search.

    Args:
        experiment: The experiment; not changed.
        settings: Values as in YAML by dotted keys.

    Raises:
        InputError: If a setting does not exist, or its value is wrong.
    """
    return _validated(_with(experiment, settings), experiment.name)


def with_overrides(saved: Experiment, overrides: tuple[str, ...]) -> Experiment:
    """Return the experiment of a run with `--set` overrides.

    Args:
        saved: The experiment; not changed.
        overrides: As for `load_experiment`.

    Raises:
        InputError: If anything in it is wrong.
    """
    return _validated(saved.model_dump(mode="json"), "--set", overrides)


def differing_settings(saved: Experiment, given: Experiment) -> list[tuple[str, Any, Any]]:
    """Return the dotted keys in which two experiments differ, with both values."""
    return list(_differences(saved.model_dump(mode="json"), given.model_dump(mode="json")))


def difference(saved: Experiment, given: Experiment) -> str | None:
    """Return the first setting in which two experiments differ, with both values; None if none."""
    for key, one, other in differing_settings(saved, given):
        return f"{key} is {abbreviated(one)} there and {abbreviated(other)} here"
    return None


def _differences(saved: Any, given: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if not (isinstance(saved, dict) and isinstance(given, dict)):
        if saved != given:
            yield key, saved, given
        return
    for name in dict.fromkeys((*saved, *given)):
        inner = f"{key}.{name}" if key else name
        yield from _differences(saved.get(name), given.get(name), inner)


def dump_experiment(experiment: Experiment) -> str:
    """Return the experiment as YAML with every default filled in."""
    return dump_yaml(experiment.model_dump(mode="json"))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            # One more than allowed, since the file may have no end, as /dev/zero.
            text = file.read(MAX_CHARACTERS + 1)
    except FileNotFoundError:
        near = sorted(str(other) for other in path.parent.glob("*.yaml"))
        raise InputError(f"{path}: no such file{did_you_mean(str(path), near)}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: not readable: {reason}; give a YAML file") from None
    data = parse_yaml(text, str(path))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError(
            f"{path}: holds {abbreviated(data)}; an experiment is a mapping of settings, "
            "such as seed: 1"
        )
    return data


def _complaint(
    problem: str,
    source: Path | str,
    overrides: tuple[str, ...],
    base: dict[str, Any] | None = None,
) -> str:
    """Say where a wrong setting stands: in an override, which is then named, or in the file.

    Args:
        problem: What is wrong; it begins with the setting's key.
        source: The file.
        overrides: Those that were applied to it.
        base: What the file holds; where it is given, overrides that only its settings make wrong
            are named.
    """
    key = problem.partition(" ")[0].rstrip(":")
    for override in reversed(overrides):
        given = override.partition("=")[0].strip()
        if given == key or key.startswith(f"{given}."):
            return f"{override[:MAX_SHOWN]}: {problem.removeprefix(f'{given}: ')}"
    # What a section makes of several settings; those in the file may have been right.
    named = [one for one in overrides if one.strip().startswith(f"{key}.")]
    if not named and base is not None:
        named = [one for one in overrides if _is_valid_without(one, overrides, base)]
    return f"{source}{' with ' if named else ''}{' '.join(named)[:MAX_SHOWN]}: {problem}"


def _is_valid_without(override: str, overrides: tuple[str, ...], base: dict[str, Any]) -> bool:
    others = tuple(other for other in overrides if other != override)
    try:
        _parsed(_overridden(base, others))
    except (TypeError, ValidationError):
        return False
    return True


def _validated(base: dict[str, Any], source: str, overrides: tuple[str, ...] = ()) -> Experiment:
    data = _overridden(base, overrides)
    renamed = find_renamed(data)
    if renamed is not None:
        raise InputError(_complaint(renamed.complaint, source, overrides))
    try:
        return _parsed(data)
    except TypeError as error:
        raise InputError(
            f"{source}: holds a value of a type that no setting has: {error}"
        ) from None
    except ValidationError as error:
        raise InputError(_complaint(explain(error, data), source, overrides, base)) from None


def _parsed(data: dict[str, Any]) -> Experiment:
    # As JSON, though YAML was read: pydantic's strict mode, which refuses "1" for 1, takes a list
    # for a tuple only there, and YAML has no tuples.
    return Experiment.model_validate_json(json.dumps(data), strict=True)


def _overridden(base: dict[str, Any], overrides: tuple[str, ...]) -> dict[str, Any]:
    data = copy.deepcopy(base)
    for override in overrides:
        _apply(data, override)
    return data


def _with(experiment: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    data = experiment.model_dump(mode="json", exclude={"search"})
    for key, value in settings.items():
        _put(data, key, value)
    return data


def _check_search(experiment: Experiment, source: str) -> None:
    """Check searched settings, values and their combinations before any trial starts."""
    if experiment.search is None:
        return
    space = {key: one.values for key, one in experiment.search.space.items()}
    combinations = islice(product(*space.values()), MAX_COMBINATIONS)
    # Too many to check them all: a sample, the same in every session.
    if math.prod(len(values) for values in space.values()) > MAX_COMBINATIONS:
        draw = random.Random(experiment.seed).choice
        combinations = islice((tuple(map(draw, space.values())) for _ in count()), MAX_COMBINATIONS)
    for combination in combinations:
        settings = dict(zip(space, combination, strict=True))
        data = _with(experiment, settings)
        try:
            _parsed(data)
        except ValidationError as error:
            values = ", ".join(f"{key}={abbreviated(value)}" for key, value in settings.items())
            raise InputError(f"{source}: search: with {values}: {explain(error, data)}") from None


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(key.strip().split(".")):
        example = "seed=1"
        if not equals and ":" in key.strip(":"):
            # As in YAML; the shell has taken the blanks, if there were any.
            example = "=".join(part.strip() for part in key.split(":", 1))
        raise InputError(
            f"--set {override[:MAX_SHOWN]}: write it as key=value, for example "
            f"{example[:MAX_SHOWN]}"
        )
    key = key.strip()
    if key.count(".") > MAX_DOTS:
        raise InputError(f"--set {abbreviated(key)}: no setting lies so deep")
    value = parse_yaml(text, f"--set {override[:MAX_SHOWN]}")
    if key.startswith("search.") and key.count(".") > 1:
        # A searched setting is one key, dots and all, unless it is of asha or pbt.
        section, _, searched = key.partition(".")
        if searched.split(".")[0] not in Search.model_fields:
            data.setdefault(section, {})[searched] = value
            return
    _put(data, key, value)


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key, adding sections that are missing."""
    *sections, last = key.split(".")
    place = data
    for section in sections:
        inner = place.get(section)
        if isinstance(inner, str) and section == "env" and inner in GAMES:
            # "connect_four" with env.cols=8 is that game on a wider board.
            inner = named_env(inner)
        place[section] = inner = inner if isinstance(inner, dict) else {}
        place = inner
    place[last] = value
