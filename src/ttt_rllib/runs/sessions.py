"""The sessions that worked on a run, those that were killed included.

A session notes from time to time how long it has been working. Only one that ends in order
writes a summary; the time of the others is found in these notes.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ttt_rllib.errors import InputError
from ttt_rllib.runs.files import read_json, validated, write_json
from ttt_rllib.runs.summary import Session

__all__ = ["note_session", "noted_sessions"]

SESSIONS_FOLDER = "sessions"


def note_session(state: Path, session: Session) -> None:
    """Write down how long a session has been working so far.

    Args:
        state: The folder `.state/` of the run.
        session: The session; its `began_s` tells it from the others.
    """
    folder = state / SESSIONS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{round(session.began_s * 1000)}.json", asdict(session))


def noted_sessions(state: Path) -> tuple[Session, ...]:
    """Return all sessions that were noted, in their order; a damaged note is left out."""
    found = []
    for path in (state / SESSIONS_FOLDER).glob("*.json"):
        try:
            found.append(validated(path, read_json(path), Session))
        except InputError:
            continue
    return tuple(sorted(found, key=lambda session: session.began_s))
