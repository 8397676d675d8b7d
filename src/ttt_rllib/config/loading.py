"""Experiments as files: reading YAML, `--set` overrides, and one line for what is wrong."""

from __future__ import annotations

import difflib
import json
import math
import random
import re
from collections.abc import Mapping
from itertools import count, islice, product
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ttt_envs.game import GAMES
from ttt_rllib.config.env import Env, PettingZooEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.search import Search
from ttt_rllib.config.training import TRAINING, PPOTraining
from ttt_rllib.errors import InputError, abbreviated, did_you_mean

__all__ = ["dump_experiment", "load_experiment", "with_settings"]

MAX_COMBINATIONS = 512
"""Combinations of searched settings that are checked before anything starts."""


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read a YAML file, apply `a.b=value` overrides and check the result.

    Args:
        path: The YAML file.
        overrides: As given to `--set`; values are YAML.

    Raises:
        InputError: If anything is wrong with it.
    """
    data = {"name": path.stem, **_read_yaml(path)}
    for override in overrides:
        _apply(data, override)
    experiment = _validated(data, str(path))
    _check_search(experiment, str(path))
    return experiment


def with_settings(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """Return the experiment of one trial: without the search, with these settings.

    Args:
        experiment: The experiment; not changed.
        settings: Values as in YAML by dotted keys.

    Raises:
        InputError: If a setting does not exist, or its value is wrong.
    """
    return _validated(_with(experiment, settings), experiment.name)


def dump_experiment(experiment: Experiment) -> str:
    """Return the resolved experiment as YAML, every default filled in."""
    dumped = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)
    return str(dumped)


class _Loader(yaml.SafeLoader):
    """YAML with 1e-3 as a number, and a key that appears twice as an error."""

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
        # JSON mode is strict about types but takes a list for a tuple.
        as_json = json.dumps(data)
    except TypeError as error:
        raise InputError(
            f"{source}: holds a value of a type that no setting has: {error}"
        ) from None
    try:
        return Experiment.model_validate_json(as_json, strict=True)
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error, data)}") from None


def _with(experiment: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    data = experiment.model_dump(mode="json", exclude={"search"})
    for key, value in settings.items():
        _put(data, key, value)
    return data


def _check_search(experiment: Experiment, source: str) -> None:
    """Check settings, values and their combinations before a trial meets them."""
    if experiment.search is None:
        return
    space = {key: one.values for key, one in experiment.search.space.items()}
    combinations = islice(product(*space.values()), MAX_COMBINATIONS)
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
            raise InputError(f"{source}: search: with {values}: {_explain(error, data)}") from None


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
    """Set a dotted key, making the sections on the way."""
    *sections, last = key.split(".")
    place = data
    for section in sections:
        inner = place.get(section)
        if isinstance(inner, str) and section == "env" and inner in GAMES:
            inner = Experiment._named_env(inner)  # noqa: SLF001 - our own validator
        place[section] = inner = inner if isinstance(inner, dict) else {}
        place = inner
    place[last] = value


def _explain(error: ValidationError, data: dict[str, Any]) -> str:
    """One line for the first problem: the key, the value, and what would be right."""
    problem, *others = error.errors()
    if isinstance(problem["input"], list) and others:
        # A schedule may be a number or a list; what is said of the list is meant.
        problem = others[-1]
    algorithm, env = data.get("algorithm", "ppo"), data.get("env")
    env_kind = PettingZooEnv if isinstance(env, dict) and "pettingzoo" in env else Env
    keys = _all_keys(Experiment, {"training": _training(algorithm), "env": env_kind})
    words = {word for key in keys for word in key.split(".")}
    where = [part for part in problem["loc"][:-1] if isinstance(part, str) and part in words]
    key = ".".join(str(part) for part in problem["loc"] if not _is_union_tag(part))
    value = abbreviated(problem["input"])
    if problem["type"] == "extra_forbidden":
        unknown = str(problem["loc"][-1])
        for other in TRAINING:
            if key in _all_keys(_training(other), {}, "training."):
                return f"{key}: {algorithm} has no such setting; it is one of {other}"
        return f"{key}: unknown key{_nearest_key(unknown, [str(part) for part in where], keys)}"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
        return f"{key}: {message}" if key else message
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{key}: is {value}; {message}"


def _is_union_tag(part: Any) -> bool:
    return isinstance(part, str) and ("[" in part or part in {"float", "int", "str"})


def _training(algorithm: Any) -> type[BaseModel]:
    return TRAINING.get(str(algorithm), PPOTraining)


def _all_keys(
    section: type[BaseModel], of_many_kinds: dict[str, type[BaseModel]], prefix: str = ""
) -> list[str]:
    """Return the dotted keys of a section; sections of many kinds are of the kind given."""
    keys = []
    for name, field in section.model_fields.items():
        keys.append(prefix + name)
        inner = of_many_kinds.get(prefix + name, field.annotation)
        # Of `Section | None`, the section.
        inner = next((kind for kind in get_args(inner) if kind is not NoneType), inner)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += _all_keys(inner, of_many_kinds, f"{prefix}{name}.")
    return keys


def _nearest_key(unknown: str, section: list[str], keys: list[str]) -> str:
    """Name the key that was meant, or else what the section knows."""
    siblings = [key for key in keys if key.split(".")[:-1] == section]
    elsewhere = [key for key in keys if key.endswith("." + unknown)]
    if elsewhere:
        prefix = "".join(f"{word}." for word in section)
        near = [key for key in elsewhere if key.startswith(prefix)]
        return f"; did you mean {[*near, *elsewhere][0]}?"
    for candidates in (siblings, keys):
        by_name = {key.rsplit(".", 1)[-1]: key for key in candidates}
        close = difflib.get_close_matches(unknown, list(by_name), n=1, cutoff=0.7)
        if close:
            return f"; did you mean {by_name[close[0]]}?"
    return "; known are " + ", ".join(key.rsplit(".", 1)[-1] for key in siblings)
