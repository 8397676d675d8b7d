"""Atomic writes, so that a reader or a crash never sees part of a file; checked JSON and CSV."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ttt_rllib.errors import InputError, abbreviated
from ttt_rllib.text_files import read_json_file, read_text_file

__all__ = [
    "figure_in",
    "file_in_the_making",
    "folder_in_the_making",
    "read_figure",
    "read_json",
    "read_table",
    "table_rows",
    "validated",
    "write_atomic",
    "write_json",
]

REMEDY = "remove it, or resume the run"
"""For a damaged file of a run; none is written only once."""

Content = TypeVar("Content")


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that neither a reader nor a crash sees part of it.

    Raises:
        OSError: If it cannot be written; nothing is left behind then.
    """
    with file_in_the_making(path, text):
        pass


@contextmanager
def file_in_the_making(path: Path, text: str) -> Iterator[None]:
    """Write a file beside its place, and move it there if the block succeeds.

    A link stays a link, and what is no file, such as /dev/stdout, is written to and not replaced.

    Raises:
        OSError: If it cannot be written, before the block begins; nothing is left behind then.
    """
    if path.is_dir():
        # Found before anything is written, since even a file that is removed leaves a trace.
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        yield
        path.write_text(text, encoding="utf-8")
        return
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def folder_in_the_making(target: Path) -> Iterator[Path]:
    """Give a folder beside `target` that takes its place if the block succeeds, else vanishes.

    Raises:
        OSError: If it cannot be made or moved; what was there before stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    part.mkdir()
    try:
        yield part
        if target.exists():
            target.rename(old)
        part.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON for people: indented, in the order given."""
    write_atomic(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Raises:
        InputError: If it cannot be read, or holds something else.
    """
    try:
        content = read_json_file(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}; {REMEDY}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no mapping; {REMEDY}")
    return content


def read_table(path: Path) -> str:
    """Return the text of a CSV file.

    Raises:
        InputError: If it cannot be read, or is not text.
    """
    try:
        return read_text_file(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV: {error}; {REMEDY}") from None


def table_rows(path: Path, text: str) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return columns and rows of a CSV file; cells that a row lacks are empty.

    Args:
        path: The file, which errors name.
        text: Its text.

    Raises:
        InputError: If a row has more cells than there are columns, or a cell has no end.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    try:
        columns, rows = tuple(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise InputError(f"{path}: not readable as CSV: {error}; {REMEDY}") from None
    for row in rows:
        if None in row:
            raise InputError(f"{path}: a row has more cells than there are columns; {REMEDY}")
    return columns, rows


def figure_in(cell: str | None) -> float:
    """Return the figure in a cell; NaN for an empty one, and for what is not finite.

    Raises:
        ValueError: If it is no number.
    """
    figure = float(cell or math.nan)
    return figure if math.isfinite(figure) else math.nan


def read_figure(path: Path, name: str, cell: str) -> float:
    """Return what `figure_in` returns.

    Raises:
        InputError: If it is no number; the message names the file and the column.
    """
    try:
        return figure_in(cell)
    except ValueError:
        raise InputError(f"{path}: {name} is {abbreviated(cell)}, not a number; {REMEDY}") from None


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
