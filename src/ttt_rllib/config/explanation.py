"""What pydantic finds wrong with an experiment, in one line for people."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ttt_rllib.config.experiment import Experiment, env_kind
from ttt_rllib.config.foreign_words import meant_instead
from ttt_rllib.config.section import settings_of
from ttt_rllib.config.training import TRAINING, PPOTraining
from ttt_rllib.errors import abbreviated

__all__ = ["explain"]


def explain(error: ValidationError, data: Mapping[str, Any]) -> str:
    """Return one line on the first problem: the key, its value, and what would be right.

    Args:
        error: What pydantic found.
        data: What was validated.
    """
    problem, *others = error.errors()
    if isinstance(problem["input"], list) and others:
        # A schedule may be a number or a list; what is said of the list is meant.
        problem = others[-1]
    key = ".".join(str(part) for part in problem["loc"] if not _is_union_tag(part))
    if problem["type"] == "extra_forbidden":
        return f"{key}: {_unknown_key(key, problem['loc'], data)}"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
        return f"{key}: {message}" if key else message
    if problem["type"] in {"bool_type", "bool_parsing"}:
        return f"{key}: is {abbreviated(problem['input'])}; write true or false"
    if problem["type"] == "tuple_type":
        return (
            f"{key}: is {abbreviated(problem['input'])}; write a list in brackets, as in [64, 64]"
        )
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{key}: is {abbreviated(problem['input'])}; {message}"


def _unknown_key(key: str, location: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    """Say where a setting that does not exist at this place exists, or what is like it."""
    algorithm, env = data.get("algorithm", "ppo"), data.get("env")
    training = TRAINING.get(str(algorithm), PPOTraining)
    keys = _all_keys(Experiment, {"training": training, "env": env_kind(env)})
    foreign = meant_instead(str(location[-1]), tuple(keys))
    others = [
        other for other, section in TRAINING.items() if key in _all_keys(section, {}, "training.")
    ]
    if others:
        return f"{algorithm} has no such setting; it is one of {' and '.join(others)}{foreign}"
    if foreign:
        return f"unknown key{foreign}"
    # The location also has the tags of pydantic's unions, which are no sections.
    words = {word for key in keys for word in key.split(".")}
    sections = [part for part in location[:-1] if isinstance(part, str) and part in words]
    return f"unknown key{_nearest_key(str(location[-1]), sections, keys)}"


def _is_union_tag(part: Any) -> bool:
    return isinstance(part, str) and ("[" in part or part in {"float", "int", "str"})


def _all_keys(
    section: type[BaseModel], of_many_kinds: dict[str, type[BaseModel]], prefix: str = ""
) -> list[str]:
    """Return the dotted keys of a section; sections of many kinds are of the kind given."""
    keys = []
    for name, (_, field) in settings_of(section).items():
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
