"""Experiments as files: reading YAML, applying `--set` overrides, writing the result."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Mapping
from itertools import count, islice, product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ttt_envs.game import GAMES
from ttt_rllib.config.exact_settings import check_exact_settings
from ttt_rllib.config.experiment import Experiment, named_env
from ttt_rllib.config.explanation import explain
from ttt_rllib.config.renames import VERSION_BEFORE_RENAMES, find_renamed
from ttt_rllib.config.search import Search
from ttt_rllib.errors import InputError, abbreviated, did_you_mean

__all__ = ["dump_experiment", "load_experiment", "load_saved_experiment", "with_settings"]

MAX_COMBINATIONS = 512
"""Combinations of searched settings that are checked before anything starts."""


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read a YAML file, apply `a.b=value` overrides and check the result.

    Args:
        path: The YAML file.
        overrides: As given to `--set`; values are YAML.

    Raises:
        InputError: If anything in it is wrong, with file, place, value and remedy.
    """
    data = {"name": path.stem, **_read_yaml(path)}
    for override in overrides:
        _apply(data, override)
    renamed = find_renamed(data)
    if renamed is not None:
        raise InputError(f"{path}: {renamed.complaint}")
    experiment = _validated(data, str(path))
    _check_search(experiment, str(path))
    try:
        check_exact_settings(experiment)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
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


def dump_experiment(experiment: Experiment) -> str:
    """Return the experiment as YAML with every default filled in."""
    dumped = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)
    return str(dumped)


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number and a key that appears twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.MarkedYAMLError(None, None, f"key {key!r} twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = sorted(str(other) for other in path.parent.glob("*.yaml"))
        raise InputError(f"{path}: no such file{did_you_mean(str(path), near)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    data = _parse(text, str(path))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError(
            f"{path}: holds {abbreviated(data)}; an experiment is a mapping of settings"
        )
    return data


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise InputError(f"{where}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not YAML: {' '.join(str(error).split())}") from None


def _validated(data: dict[str, Any], source: str) -> Experiment:
    try:
        # Validated as JSON, although YAML was read: pydantic's strict mode, which refuses "1" for
        # 1, takes a list for a tuple only there, and YAML has no tuples.
        as_json = json.dumps(data)
    except TypeError as error:
        raise InputError(
            f"{source}: holds a value of a type that no setting has: {error}"
        ) from None
    try:
        return Experiment.model_validate_json(as_json, strict=True)
    except ValidationError as error:
        raise InputError(f"{source}: {explain(error, data)}") from None


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
            Experiment.model_validate_json(json.dumps(data), strict=True)
        except ValidationError as error:
            values = ", ".join(f"{key}={abbreviated(value)}" for key, value in settings.items())
            raise InputError(f"{source}: search: with {values}: {explain(error, data)}") from None


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise InputError(f"--set {override}: write it as key=value, for example seed=1")
    key = key.strip()
    value = _parse(text, f"--set {override}")
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
