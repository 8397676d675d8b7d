"""`extensions.json`: the limits of a run that were raised after it had begun.

`experiment.yaml` has only the limits that hold now; this file says that there were others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ttt_rllib.runs.files import read_json, validated, write_json

__all__ = ["Extension", "Extensions", "add_extensions", "read_extensions"]

EXTENSIONS_FILE = "extensions.json"


@dataclass(frozen=True)
class Extension:
    """A limit that was raised.

    Attributes:
        key: Its dotted key, such as stop.moves.
        before: The limit before.
        after: The limit since; None if it was removed.
    """

    key: str
    before: int | float
    after: int | float | None

    def __str__(self) -> str:
        return (
            f"{self.key} {self.before:,} to {'none' if self.after is None else f'{self.after:,}'}"
        )


@dataclass(frozen=True)
class Extensions:
    """The file: all extensions in their order."""

    extensions: tuple[Extension, ...]


def read_extensions(run: Path) -> tuple[Extension, ...]:
    """Read the extensions of a run; none if there is no such file.

    Raises:
        InputError: If it is damaged.
    """
    path = run / EXTENSIONS_FILE
    if not path.is_file():
        return ()
    return validated(path, read_json(path), Extensions).extensions


def add_extensions(run: Path, new: tuple[Extension, ...]) -> None:
    """Add extensions, except those that a killed session has just added.

    Raises:
        InputError: If the file is damaged.
    """
    known = read_extensions(run)
    if known[-len(new) :] != new:
        write_json(run / EXTENSIONS_FILE, asdict(Extensions((*known, *new))))
