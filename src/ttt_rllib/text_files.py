"""Reading text that may be anything: a file without an end, bytes, JSON of any depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["MAX_CHARACTERS", "read_json_file", "read_text_file"]

MAX_CHARACTERS = 2**26
"""More than the largest file of a run has; /dev/zero has more."""


def read_text_file(path: Path) -> str:
    """Return the text of a file, without the mark with which editors of Windows begin it.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not UTF-8, or too long.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        text = file.read(MAX_CHARACTERS + 1)
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS:,} characters")
    return text


def read_json_file(path: Path) -> Any:
    """Return the data of a JSON file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not JSON, or nested too deep.
    """
    try:
        return json.loads(read_text_file(path))
    except RecursionError:
        raise ValueError("nested too deep") from None
