"""`live/TRIAL.json`: what a trial shows of its agent while somebody watches it train.

The folder is in the run's `.state/`, and is there only while a page is served (`ttt train
--web`): a trial that does not find it computes and writes nothing.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ttt_rllib.exact.walks import Seat
from ttt_rllib.runs.directory import RunDir

__all__ = [
    "LosingGame",
    "Opening",
    "Picture",
    "close_live",
    "live_folder",
    "open_live",
    "read_picture",
    "write_picture",
]

LIVE_FOLDER = "live"


@dataclass(frozen=True)
class Opening:
    """What the agent plays in one of the first positions.

    Attributes:
        moves: The moves that lead there.
        action: The agent's most probable move.
        probability: Of that move, in [0, 1]; None where only the move is known.
        keeps: Whether the move keeps the value of the position; None where that is not known.
    """

    moves: tuple[int, ...]
    action: int
    probability: float | None
    keeps: bool | None


@dataclass(frozen=True)
class LosingGame:
    """A game in which the agent gets less than its seat is worth.

    Attributes:
        seat: The agent's.
        moves: The action numbers of both players, from the empty board to the end.
        result: The agent's result, -1 or 0.
        mistake: The ply of the agent's move that gave the value away, counted from 0; None where
            it is not known.
    """

    seat: Seat
    moves: tuple[int, ...]
    result: int
    mistake: int | None


@dataclass(frozen=True)
class Picture:
    """The agent as the last evaluation found it.

    Attributes:
        moves: Moves sampled until then.
        nash_conv: NashConv of the agent's most probable moves; None where it is not known.
        openings: What it plays in the first positions, one of each kind up to symmetry.
        losing_games: Some of the games that it loses, shortest first, each by another mistake.
        num_losing_games: All of them; None where only some are known.
    """

    moves: int
    nash_conv: float | None
    openings: tuple[Opening, ...]
    losing_games: tuple[LosingGame, ...]
    num_losing_games: int | None


PICTURES = TypeAdapter(Picture)
"""Made once, since making it takes longer than reading a picture."""


def live_folder(run: RunDir) -> Path:
    """Return the folder of a run whose presence asks its trials for pictures."""
    return run.state / LIVE_FOLDER


def open_live(run: RunDir) -> None:
    """Ask all trials of a run for pictures."""
    live_folder(run).mkdir(parents=True, exist_ok=True)


def close_live(run: RunDir) -> None:
    """Ask for no more pictures, and remove those that are there, also of a killed session."""
    shutil.rmtree(live_folder(run), ignore_errors=True)


def write_picture(folder: Path, trial: str, picture: Picture) -> None:
    """Write a trial's picture, so that no reader sees part of it.

    Unlike the run's other files it need not survive a crash, so nobody waits for the disk.

    Raises:
        OSError: If it cannot be written, for example because the folder was just removed.
    """
    part = folder / f".{trial}.part"
    part.write_text(json.dumps(asdict(picture)), encoding="utf-8")
    part.replace(_file(folder, trial))


def read_picture(folder: Path, trial: str) -> Picture | None:
    """Return the newest picture of a trial; None if there is none that can be read."""
    path = _file(folder, trial)
    try:
        return PICTURES.validate_json(path.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None


def _file(folder: Path, trial: str) -> Path:
    return folder / f"{trial}.json"
