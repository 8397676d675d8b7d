"""Environment variables from a file, as Kubernetes mounts one from a Secret."""

from __future__ import annotations

import os
from pathlib import Path

from ttt_rllib.errors import InputError

__all__ = ["ENVIRONMENT_FILE", "load_environment_file"]

ENVIRONMENT_FILE = "TTT_ENV_FILE"
"""The environment variable that names the file."""


def load_environment_file() -> None:
    """Set what the file named by TTT_ENV_FILE holds, unless it is set already.

    The file has lines KEY=VALUE; empty lines and lines that start with # do not count. A
    missing file counts as empty: its Secret is optional.

    Raises:
        InputError: With the line's number, and not its text, which may be a secret.
    """
    name = os.environ.get(ENVIRONMENT_FILE)
    if not name or not Path(name).exists():
        return
    for number, line in enumerate(Path(name).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip().isidentifier():
            raise InputError(f"{name}, line {number}: is not KEY=VALUE")
        os.environ.setdefault(key.strip(), value.strip())
