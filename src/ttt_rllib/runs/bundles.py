"""The agents of a run on disk: the final one, and one in every checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ttt_rllib.agents.bundle import (
    AGENT_FILE,
    BUNDLE_FOLDER,
    WEIGHTS_FILE,
    Bundle,
    BundleError,
    load_bundle,
)
from ttt_rllib.errors import InputError
from ttt_rllib.runs.certificate_json import CERTIFICATE_FILE, Claim, read_certificate
from ttt_rllib.runs.directory import TRIALS_FOLDER, RunDir
from ttt_rllib.runs.leading_trial import leading_trial
from ttt_rllib.runs.summary import EarlierVersionError, read_summary

__all__ = ["claim_about", "find_bundle", "run_folders"]


def find_bundle(path: Path) -> Bundle:
    """Load the agent of a run, a checkpoint or a bundle folder, or of a file in one.

    The agent of a run is the one that its summary is about. Where the summary names none, the
    run is still going on or was killed: its agent is then that of the newest checkpoint of the
    trial that leads.

    Raises:
        BundleError: If there is no agent, or it is damaged.
        InputError: If the run was written by another version.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such folder; give a run, a checkpoint or a bundle")
    place = path.parent if path.is_file() else path
    for folder in (place, _folder_in(place)):
        if (folder / AGENT_FILE).exists() or (folder / WEIGHTS_FILE).exists():
            return load_bundle(folder)
    raise BundleError(f"{path}: holds no agent; give a run, a checkpoint or a bundle")


def run_folders(results: Path) -> list[Path]:
    """Return the folders that look like runs: two levels down, with an agent or trials.

    Folders of one or two levels that may not be read are among them, since they may be runs:
    reading them says what is wrong.
    """
    marks = (BUNDLE_FOLDER, TRIALS_FOLDER)
    found = {file.parent for mark in marks for file in results.glob(f"*/*/{mark}")}
    there = {folder for folder in found if folder.is_dir()}
    return sorted(there.union(_closed_folders(results) if results.is_dir() else ()))


def _closed_folders(folder: Path, levels: int = 2) -> Iterator[Path]:
    """Yield this folder, or those so many levels below, whose content may not be read."""
    if not os.access(folder, os.R_OK | os.X_OK):
        yield folder
    elif levels:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
        for name in names:
            # The file systems of some volumes have a folder of this name, for root alone.
            if not name.startswith(".") and name != "lost+found":
                yield from _closed_folders(folder / name, levels - 1)


def claim_about(folder: Path, bundle: Bundle) -> Claim | None:
    """Return what the certificate in a folder proves; None if it is not about this agent.

    A damaged certificate proves nothing, but the agent can be played.
    """
    try:
        certificate = read_certificate(folder / CERTIFICATE_FILE)
    except InputError:
        return None
    return certificate.claim if certificate and certificate.is_about(bundle) else None


def _folder_in(place: Path) -> Path:
    """Return where the bundle of a run or a checkpoint is, if it has one."""
    run = RunDir(place)
    if run.experiment.is_file() and not _names_agent(run):
        leading = leading_trial(run)
        if leading is not None and leading.checkpoint is not None:
            return leading.checkpoint / BUNDLE_FOLDER
    return run.agent


def _names_agent(run: RunDir) -> bool:
    """Tell whether the summary says that there is an agent; resuming mends a damaged one."""
    try:
        summary = read_summary(run.summary)
    except EarlierVersionError:
        raise
    except InputError:
        return False
    return summary is not None and summary.checkpoint is not None
