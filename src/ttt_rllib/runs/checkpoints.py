"""Checkpoints that say whether they are complete.

A checkpoint is a folder that Tune copies to the storage file by file, so a kill or a full
disk may leave a part of it. The last file written, `complete.json`, lists all others with
their SHA-256; a folder in which one of them is missing or changed is no checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ttt_rllib.text_files import read_json_file

__all__ = ["PREFIX", "is_complete", "latest_complete", "prune", "write_manifest"]

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
        files = read_json_file(folder / MANIFEST)
        return bool(files) and all(_sha256(folder / name) == said for name, said in files.items())
    except (OSError, ValueError, AttributeError):
        return False


def latest_complete(wanted: Path) -> Path | None:
    """Return the newest complete checkpoint of a trial up to the wanted one, or None."""
    numbered = sorted(wanted.parent.glob(f"{PREFIX}*"), reverse=True)
    candidates = (folder for folder in numbered if folder.name <= wanted.name)
    return next((folder for folder in candidates if is_complete(folder)), None)


def prune(trial: Path, kept: Sequence[Path]) -> None:
    """Remove the checkpoints of a trial that a complete one supersedes.

    Those from before a kill may be unknown to Tune, which then does not remove them.

    Args:
        trial: The trial's folder.
        kept: Its checkpoints to keep, all of them complete; without any, nothing is removed.
    """
    newest = max((path.name for path in kept), default="")
    for path in trial.glob(f"{PREFIX}*"):
        if path not in kept and path.name < newest:
            shutil.rmtree(path)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    """Hash a file.

    Raises:
        FileNotFoundError: If it is none; what a link leads to may have no end.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
