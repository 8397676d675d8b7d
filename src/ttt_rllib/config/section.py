"""The base of all sections of an experiment, and the types that their fields share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from pydantic.fields import FieldInfo

__all__ = ["NAME", "Point", "Schedule", "Section", "Share", "settings_of"]

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
"""Pattern of the names of experiments and runs, which also name folders: at most 128 characters."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[NonNegativeInt, float]
Schedule = float | Annotated[tuple[Point, ...], Field(min_length=2)]
"""A number, or RLlib's piecewise linear schedule [[moves, value], ...] that starts at 0 moves."""


class Section(BaseModel):
    """A part of an experiment: immutable, and without unknown keys."""

    # A setting whose name is a word of Python's, such as "class", has it as an alias.
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True
    )


def settings_of(section: type[BaseModel]) -> dict[str, tuple[str, FieldInfo]]:
    """Return the settings of a section by the names that they have in a file.

    Returns:
        The name of the attribute, and pydantic's field.
    """
    return {field.alias or name: (name, field) for name, field in section.model_fields.items()}
