"""The settings of an experiment that differ from the defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.section import settings_of
from ttt_rllib.config.yaml_text import dump_yaml

__all__ = ["Setting", "changed_settings", "settings_yaml"]

ALWAYS_WRITTEN = ("name", "algorithm", "seed")
NO_DEFAULT = object()
LONG = 10_000
"""Integers from here on are written with underscores, as in the package's experiments."""


class Setting(NamedTuple):
    """A setting that was changed.

    Attributes:
        key: Its dotted key, as for `--set`.
        value: The value in one line, as one writes it in YAML.
        default: The default likewise; "" where there is none.
    """

    key: str
    value: str
    default: str


def changed_settings(experiment: Experiment) -> tuple[Setting, ...]:
    """Return the settings that differ from the defaults of the experiment's algorithm and kind.

    Name, algorithm and seed are left out.

    Args:
        experiment: What ran.
    """
    # The environment itself counts as changed, and what follows from its kind does not.
    default = _mapping(_default(experiment)) | {"env": Experiment().env}
    asked = _mapping(experiment)
    names = [name for name in asked if name not in ALWAYS_WRITTEN]
    return tuple(
        setting for name in names for setting in _differences(name, asked[name], default[name])
    )


def settings_yaml(experiment: Experiment) -> str:
    """Return an experiment file with name, algorithm, seed and all that differs from the defaults.

    Args:
        experiment: What ran; a run of the file has the same settings.
    """
    full = experiment.model_dump(mode="json")
    changed = experiment.model_dump(mode="json", exclude_defaults=True)
    data = {name: full[name] for name in ALWAYS_WRITTEN} | changed
    if experiment.search is not None:
        # `asha` beside no scheduler is allowed where somebody wrote that there is none.
        data["search"]["scheduler"] = experiment.search.scheduler
    again = Experiment.model_validate_json(json.dumps(data), strict=True).model_dump(mode="json")
    # A few defaults depend on other settings: such a section is written as a whole.
    data |= {name: section for name, section in full.items() if again[name] != section}
    return dump_yaml(data, compact=True)


def _default(experiment: Experiment) -> Experiment:
    """Return the defaults of experiments of this algorithm, in an environment of this kind."""
    data: dict[str, Any] = {"algorithm": experiment.algorithm}
    if experiment.on_pettingzoo:
        data["env"] = experiment.env.model_dump(mode="json")
    return Experiment.model_validate(data)


def _differences(key: str, value: Any, default: Any) -> Iterator[Setting]:
    if value == default or (value == {} and default is NO_DEFAULT):
        return
    inner = _mapping(value)
    if inner:
        defaults = _mapping(default) or _defaults(value)
        for name in inner:
            yield from _differences(f"{key}.{name}", inner[name], defaults.get(name, NO_DEFAULT))
    else:
        yield Setting(key, _words(value), "" if default is NO_DEFAULT else _words(default))


def _mapping(value: Any) -> dict[str, Any]:
    """Return a section by its keys; anything else has none."""
    if isinstance(value, BaseModel):
        fields = {key: getattr(value, name) for key, (name, _) in settings_of(type(value)).items()}
        return fields | (value.model_extra or {})
    return dict(value) if isinstance(value, Mapping) else {}


def _defaults(value: Any) -> dict[str, Any]:
    """Return the defaults of a section that exists only on request."""
    if not isinstance(value, BaseModel):
        return {}
    return {
        key: field.get_default(call_default_factory=True, validated_data={})
        for key, (_, field) in settings_of(type(value)).items()
        if not field.is_required()
    }


def _words(value: Any) -> str:
    # bool first: it is an int, too.
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= LONG else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_words, value))}]"
    return str(value)
