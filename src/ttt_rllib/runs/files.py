"""Atomic writes, so that a reader or a crash never sees part of a file, and checked JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ttt_rllib.errors import InputError

__all__ = ["read_json", "validated", "write_atomic", "write_json"]

REMEDY = "remove it, or resume the run"

Content = TypeVar("Content")


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that neither a reader nor a crash sees part of it."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON for people: indented, in the order given."""
    write_atomic(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Raises:
        InputError: If it cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}; {REMEDY}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no mapping; {REMEDY}")
    return content


def validated(path: Path, content: Mapping[str, Any], kind: type[Content]) -> Content:
    """Turn the content of a JSON file into a dataclass.

    Args:
        path: The file, which errors name.
        content: What it holds; keys that the dataclass does not have are ignored.
        kind: The dataclass; nested ones are created as well.

    Raises:
        InputError: If a key is missing or a value has another type.
    """
    try:
        # Via JSON again, because only there does strict validation accept lists as tuples.
        return TypeAdapter(kind).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        wrong = f"has no {key!r}" if fault["type"] == "missing" else f"{key}: {fault['msg']}"
        raise InputError(f"{path}: {wrong}; {REMEDY}") from None
