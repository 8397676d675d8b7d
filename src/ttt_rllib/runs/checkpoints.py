"""Checkpoints that say whether they are complete.

A checkpoint is a folder that Tune copies to the storage file by file, so a kill or a full
disk may leave a part of it. The last file written, `complete.json`, lists all others with
their SHA-256; a folder in which one of them is missing or changed is no checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

__all__ = ["PREFIX", "is_complete", "latest_complete", "write_manifest"]

PREFIX = "checkpoint_"
"""The names of Tune's checkpoint folders begin with this; six digits follow, ascending."""

MANIFEST = "complete.json"


def write_manifest(folder: Path) -> None:
    """Declare the checkpoint in a folder as complete."""
    (folder / MANIFEST).write_text(json.dumps(_hashes(folder), indent=1), encoding="utf-8")


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds a complete, unchanged checkpoint.

    Files that Tune adds beside the listed ones do not matter.
    """
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(files) and all(_sha256(folder / name) == said for name, said in files.items())
    except (OSError, ValueError, AttributeError):
        return False


def latest_complete(wanted: Path) -> Path | None:
    """Return the newest complete checkpoint of a trial up to the wanted one, or None."""
    numbered = sorted(wanted.parent.glob(f"{PREFIX}*"), reverse=True)
    candidates = (folder for folder in numbered if folder.name <= wanted.name)
    return next((folder for folder in candidates if is_complete(folder)), None)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
