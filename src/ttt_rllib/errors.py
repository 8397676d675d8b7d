"""Wrong input: the exception, and how messages name what would have been right."""

import difflib
import json
from typing import Any

__all__ = ["InputError", "abbreviated", "did_you_mean"]

MAX_CHARACTERS = 60


class InputError(ValueError):
    """The user's input is wrong; the message is one line that says what, where and the remedy."""


def did_you_mean(value: str, known: list[str]) -> str:
    """Return "; did you mean ...?", or "; known are ..." where nothing is close."""
    close = difflib.get_close_matches(value, known, n=1, cutoff=0.4)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(known)}" if known else ""


def abbreviated(value: Any) -> str:
    """Return a value as JSON, shortened to fit a line."""
    text = json.dumps(value, default=str)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."
