"""The settings of an experiment that differ from the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from ttt_rllib.config.experiment import Experiment

__all__ = ["Setting", "changed_settings"]

SHOWN_ELSEWHERE = {"name", "algorithm", "seed"}
NO_DEFAULT = object()


class Setting(NamedTuple):
    """A setting that was changed.

    Attributes:
        key: Its dotted key, as for `--set`.
        value: The value, in one line.
        default: The default likewise; "" where there is none.
    """

    key: str
    value: str
    default: str


def changed_settings(experiment: Experiment) -> tuple[Setting, ...]:
    """Return the settings that differ from the defaults of the experiment's algorithm.

    Name, algorithm and seed are left out.

    Args:
        experiment: What ran.
    """
    default = _mapping(Experiment.model_validate({"algorithm": experiment.algorithm}))
    asked = _mapping(experiment)
    names = [name for name in asked if name not in SHOWN_ELSEWHERE]
    return tuple(
        setting for name in names for setting in _differences(name, asked[name], default[name])
    )


def _differences(key: str, value: Any, default: Any) -> Iterator[Setting]:
    if value == default:
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
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return fields | (value.model_extra or {})
    return dict(value) if isinstance(value, Mapping) else {}


def _defaults(value: Any) -> dict[str, Any]:
    """Return the defaults of a section that exists only on request."""
    if not isinstance(value, BaseModel):
        return {}
    fields = type(value).model_fields.items()
    return {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in fields
        if not field.is_required()
    }


def _words(value: Any) -> str:
    # bool first: it is an int, too.
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_words, value))}]"
    return str(value)
