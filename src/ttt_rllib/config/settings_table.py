"""All settings of the schema as data: key, type, default and meaning.

The meanings are the docstrings below the fields, read from the source when they are asked for.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ttt_rllib.config.env import Env, OwnGameEnv, PettingZooEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.foreign_words import FOREIGN_WORDS, meant_instead
from ttt_rllib.config.section import Schedule, settings_of
from ttt_rllib.config.training import TRAINING
from ttt_rllib.errors import InputError

__all__ = ["Setting", "all_settings", "find_settings", "known_setting", "nearest_setting"]

ENVS: dict[str, type[BaseModel]] = {
    "board": Env,
    "PettingZoo": PettingZooEnv,
    "own game": OwnGameEnv,
}

TYPE_NAMES = {int: "integer", float: "number", str: "text", bool: "true or false", dict: "mapping"}
BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@dataclass(frozen=True)
class Setting:
    """A setting, or a section of settings.

    Attributes:
        key: With dots.
        kind: What its values are, in words; "" for a section.
        default: The default as JSON; "" for a section.
        doc: What it means.
        only: The algorithms or environments that have it; empty = all.
    """

    key: str
    kind: str
    default: str
    doc: str
    only: tuple[str, ...] = ()

    @property
    def is_section(self) -> bool:
        """Whether it holds settings instead of a value."""
        return not self.kind


def all_settings() -> list[Setting]:
    """Return all settings in the order of the schema, each section before its settings.

    What a section holds itself comes before the sections in it: it would seem to belong to them.
    """
    merged: dict[tuple[str, str, str, str], Setting] = {}
    for setting in _settings_of(Experiment, ""):
        same = (setting.key, setting.kind, setting.default, setting.doc)
        known = merged.get(same)
        merged[same] = replace(known, only=known.only + setting.only) if known else setting
    places = {one.key: place for place, one in reversed([*enumerate(merged.values())])}
    sections = {one.key for one in merged.values() if one.is_section}

    def order(setting: Setting) -> list[tuple[bool, int]]:
        words = setting.key.split(".")
        keys = [".".join(words[: end + 1]) for end in range(len(words))]
        return [(key in sections, places[key]) for key in keys]

    settings = sorted(merged.values(), key=order)
    kinds = {"training": len(TRAINING), "env": len(ENVS)}
    return [
        replace(one, only=()) if len(one.only) == kinds.get(one.key.split(".")[0]) else one
        for one in settings
    ]


def find_settings(key: str) -> list[Setting]:
    """Return the settings of a key, one for each kind of them, or those of a section.

    Raises:
        InputError: If there is none; the message names the one that was meant.
    """
    settings = all_settings()
    found = [one for one in settings if one.key == key or one.key.startswith(f"{key}.")]
    if found:
        return found
    meant = meant_instead(_last_word(key))
    if not meant:
        nearest = nearest_setting(key)
        sections = ", ".join(one.key for one in settings if one.is_section)
        meant = f"; did you mean {nearest}?" if nearest else f"; known sections are {sections}"
    raise InputError(f"{key}: there is no such setting{meant}")


def known_setting(key: str) -> str | None:
    """Return the key of a setting that is meant beyond doubt, None if that is not known.

    It is a key, the last word of one, or what another library calls it.
    """
    keys = _keys()
    if key in keys:
        return key
    same = [known for known in keys if _last_word(known) == key]
    foreign = FOREIGN_WORDS.get(_last_word(key), ())
    return next(iter((*same, *foreign)), None)


def nearest_setting(key: str) -> str | None:
    """Return the key of the setting that is likely meant, None if nothing is like it."""
    known, keys = known_setting(key) or known_setting(_last_word(key)), _keys()
    if known is not None:
        return known
    by_word = {_last_word(one): one for one in reversed(keys)}
    for word, candidates in ((key, keys), (_last_word(key), list(by_word))):
        close = difflib.get_close_matches(word, candidates, n=1, cutoff=0.7)
        if close:
            return by_word.get(close[0], close[0])
    return None


def _keys() -> list[str]:
    return list(dict.fromkeys(one.key for one in all_settings()))


def _last_word(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def _settings_of(section: type[BaseModel], prefix: str, only: str = "") -> Iterator[Setting]:
    tags = (only,) if only else ()
    docs = _docs_of(section)
    for setting, (name, field) in settings_of(section).items():
        key = prefix + setting
        kinds = _sections_of(key, field.annotation)
        if not kinds:
            kind = _kind(field.annotation, field.metadata)
            yield Setting(key, kind, _default(field), docs.get(name, ""), tags)
            continue
        for tag, kind_of_section in kinds.items():
            doc = docs.get(name) or _first_line(kind_of_section)
            yield Setting(key, "", "", doc, (tag,) if tag else tags)
            yield from _settings_of(kind_of_section, f"{key}.", tag or only)


def _sections_of(key: str, annotation: Any) -> dict[str, type[BaseModel]]:
    """Return the sections that a field may be, by the algorithm or environment that has them."""
    if key == "training":
        return {**TRAINING}
    if key == "env":
        return {**ENVS}
    # Of `Section | None`, the section.
    for kind in (annotation, *get_args(annotation)):
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return {"": kind}
    return {}


@cache
def _docs_of(section: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings below the fields of a section and of those that it derives from."""
    docs: dict[str, str] = {}
    for kind in reversed(section.__mro__):
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            continue
        tree = ast.parse(dedent(inspect.getsource(kind))).body[0]
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, below in pairwise(body):
            is_doc = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_doc:
                docs[field.target.id] = " ".join(str(below.value.value).split())  # type: ignore[attr-defined]
    return docs


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().partition("\n")[0]


def _default(field: Any) -> str:
    value = field.default
    if value is PydanticUndefined:
        value = field.default_factory() if field.default_factory else None
        if value is None:
            return "required"
    return json.dumps(value)


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """Return the type of a setting in words, with its bounds."""
    if annotation == Schedule:
        return "number, or [[moves, value], ...]"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0], [*inner[1:], *metadata])
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (Union, UnionType):
        kinds = ["null" if one is NoneType else _kind(one, metadata) for one in inner]
        return " or ".join(kinds)
    if origin is tuple:
        return f"[{', '.join('...' if one is Ellipsis else _kind(one, []) for one in inner)}]"
    name = TYPE_NAMES.get(origin or annotation, str(annotation))
    bounds = " and ".join(bound for one in metadata for bound in _bounds(one))
    return f"{name} {bounds}".rstrip()


def _bounds(constraint: Any) -> list[str]:
    # A field may hold its constraints as objects, or a `Field` in which they are.
    inner = getattr(constraint, "metadata", None)
    if inner:
        return [bound for one in inner for bound in _bounds(one)]
    values = {name: getattr(constraint, name, None) for name in BOUNDS}
    return [f"{BOUNDS[name]} {value}" for name, value in values.items() if value is not None]
