"""The exceptions that people can mend, and how messages name what would have been right."""

import difflib
import json
from pathlib import Path
from typing import Any

__all__ = [
    "EnvironmentFailedError",
    "InputError",
    "NotReadyError",
    "abbreviated",
    "did_you_mean",
    "error_words",
    "file_error",
]

MAX_CHARACTERS = 60

MAX_WORDS = 300
"""Characters of a foreign error that a message repeats."""


class InputError(ValueError):
    """The user's input is wrong; the message is one line that says what, where and the remedy."""


class NotReadyError(InputError):
    """What the input names is not there yet, or is in use: the same command may work later."""


class EnvironmentFailedError(RuntimeError):
    """A PettingZoo environment raised in a game; the message is one line with its own words."""


def file_error(path: Path, what: str, error: OSError) -> OSError:
    """Return the error again, of the same class, with the place and with what failed there.

    Args:
        path: The file or folder that the user knows; the error may be about one inside.
        what: What failed, such as "cannot be written".
        error: What the operating system said.
    """
    return OSError(error.errno, f"{what}: {error.strerror}", str(path))


def error_words(error: BaseException) -> str:
    """Return what an exception of foreign code says, in one line: its type and its message."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")[:MAX_WORDS]


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
