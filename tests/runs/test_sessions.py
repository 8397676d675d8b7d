"""Sessions are known although they were killed."""

import json

from ttt_rllib.runs.sessions import note_session, noted_sessions
from ttt_rllib.runs.summary import Session


def test_the_last_note_of_every_session_counts_in_the_order_in_which_they_began(tmp_path):
    for session in (Session(2.0, 2.0, 100.5), Session(1.0, 1.0, 50.0), Session(2.0, 9.0, 100.5)):
        note_session(tmp_path, session)
    assert noted_sessions(tmp_path) == (Session(1.0, 1.0, 50.0), Session(2.0, 9.0, 100.5))
    assert noted_sessions(tmp_path / "nothing") == ()


def test_a_damaged_note_does_not_hide_the_others(tmp_path):
    note_session(tmp_path, Session(1.0, 2.0, 50.0))
    for number, text in enumerate(("", "{", "[]", json.dumps({"setup_s": "1"}))):
        (tmp_path / "sessions" / f"{number}.json").write_text(text)
    assert noted_sessions(tmp_path) == (Session(1.0, 2.0, 50.0),)
