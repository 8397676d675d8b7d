"""`row.json`: what the leaderboard says about an agent, beside the bundle that it is about.

The verdict, the hash and the exact figures follow from the bundle, and a test computes them again;
the rest is what the run's files said.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from ttt_rllib.errors import InputError
from ttt_rllib.runs.certificate_json import Claim
from ttt_rllib.runs.files import read_json, validated, write_json
from ttt_rllib.runs.milestones import Milestone

__all__ = ["ROW_FILE", "LeaderboardRow", "read_rows", "write_row"]

ROW_FILE = "row.json"

FORMAT_VERSION = 1


@dataclass(frozen=True)
class LeaderboardRow:
    """An agent on the leaderboard.

    Attributes:
        game: Title of its game.
        experiment: Name of the experiment that trained it.
        algorithm: What it was trained by.
        verdict: The strongest claim that its certificate proves.
        agent_sha256: Hash of everything that decides its moves.
        metrics: Its exact figures by their metric names.
        seed: Seed of the run.
        command: What trains it again; None where its settings have to be copied from its card.
        training: The whole training.
        unexploitable: The first evaluation with NashConv 0; None where the agent is not
            unexploitable, or where that was not recorded.
        perfect: The first evaluation in which every move was optimal; None likewise.
        git_commit: Commit of the source tree; None where it is not known.
        versions: Versions of the packages by name.
        machine: Where it was trained, in words; None where that is not known.
        format_version: Of the file.
    """

    game: str
    experiment: str
    algorithm: str
    verdict: Claim
    agent_sha256: str
    metrics: dict[str, float]
    seed: int
    command: str | None
    training: Milestone
    unexploitable: Milestone | None
    perfect: Milestone | None
    git_commit: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    machine: str | None = None
    format_version: int = FORMAT_VERSION


def write_row(folder: Path, row: LeaderboardRow) -> None:
    """Write `row.json` into the folder of a bundle."""
    write_json(folder / ROW_FILE, asdict(row))


def read_rows(agents: Path) -> dict[str, LeaderboardRow]:
    """Return all rows by the names of the agents, which are those of their folders.

    Args:
        agents: The folder of all bundles; a folder without a row is on no leaderboard.

    Raises:
        InputError: If a row is damaged or of another version.
    """
    return {path.parent.name: _read(path) for path in sorted(agents.glob(f"*/{ROW_FILE}"))}


def _read(path: Path) -> LeaderboardRow:
    row = validated(path, read_json(path), LeaderboardRow)
    if row.format_version != FORMAT_VERSION:
        raise InputError(
            f"{path}: format_version is {row.format_version}, this version of ttt_rllib reads "
            f"{FORMAT_VERSION}; submit the run again"
        )
    return row
