"""The agents of a run on disk: the final one, and one in every checkpoint."""

from __future__ import annotations

from pathlib import Path

from ttt_rllib.agents.bundle import (
    AGENT_FILE,
    BUNDLE_FOLDER,
    WEIGHTS_FILE,
    Bundle,
    BundleError,
    load_bundle,
)
from ttt_rllib.runs.checkpoints import PREFIX
from ttt_rllib.runs.directory import TRIALS_FOLDER
from ttt_rllib.runs.summary import is_done

__all__ = ["find_bundle", "last_written_s", "run_folders"]


def find_bundle(path: Path) -> Bundle:
    """Load the agent of a run, a checkpoint or a bundle folder, or of a file in one.

    If a run is not done, its newest checkpoint is taken.

    Raises:
        BundleError: If there is no agent, or it is damaged.
        InputError: If the run was written by another version.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such folder; give a run, a checkpoint or a bundle")
    place = path.parent if path.is_file() else path
    folders = [place, place / BUNDLE_FOLDER]
    if not is_done(place):
        newest_first = sorted(_in_checkpoints(place), key=_modified_s, reverse=True)
        folders = [place, *(file.parent for file in newest_first), place / BUNDLE_FOLDER]
    for folder in folders:
        if (folder / AGENT_FILE).exists() or (folder / WEIGHTS_FILE).exists():
            return load_bundle(folder)
    raise BundleError(f"{path}: holds no agent; give a run, a checkpoint or a bundle")


def run_folders(results: Path) -> list[Path]:
    """Return the folders that look like runs: two levels down, with an agent or trials."""
    marks = (BUNDLE_FOLDER, TRIALS_FOLDER)
    found = {file.parent for mark in marks for file in results.glob(f"*/*/{mark}")}
    return sorted(folder for folder in found if folder.is_dir())


def last_written_s(run: Path) -> float:
    """Return when the run's newest agent was written, in seconds since 1970; 0 = never."""
    files = (*run.glob(f"{BUNDLE_FOLDER}/{AGENT_FILE}"), *_in_checkpoints(run))
    return max(map(_modified_s, files), default=0.0)


def _in_checkpoints(run: Path) -> list[Path]:
    return list(run.glob(f"{TRIALS_FOLDER}/*/{PREFIX}*/{BUNDLE_FOLDER}/{AGENT_FILE}"))


def _modified_s(file: Path) -> float:
    return file.stat().st_mtime
