"""Whether W&B is used online, offline or not at all; wandb is not imported for it."""

from __future__ import annotations

import os
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ttt_rllib.config.tracking import Wandb

__all__ = ["KEY_VARIABLE", "Mode", "resolve_mode"]

KEY_VARIABLE = "WANDB_API_KEY"
MODE_VARIABLE = "WANDB_MODE"
CLOUD = "https://api.wandb.ai"

Mode = Literal["online", "offline", "disabled"]
# WANDB_MODE also accepts older words for two of them.
MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


def resolve_mode(settings: Wandb) -> tuple[Mode, str | None]:
    """Return online, offline or disabled, and a remark for the user; None if there is none."""
    has_key = _has_key()
    mode: Mode
    if settings.mode != "auto":
        mode = settings.mode
    else:
        mode = MODES.get(
            os.environ.get(MODE_VARIABLE, "").lower(), "online" if has_key else "offline"
        )
    if mode == "online" and not has_key:
        return "offline", (
            f"W&B: no key is known, neither {KEY_VARIABLE} nor netrc has one; continuing offline"
        )
    return mode, None


def _has_key() -> bool:
    """Tell whether wandb will find a key for the server in use, so that it never asks for one."""
    if os.environ.get(KEY_VARIABLE, "").strip():
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", CLOUD)).hostname or ""
    try:
        path = os.environ.get("NETRC") or next(
            path for name in (".netrc", "_netrc") if (path := Path.home() / name).is_file()
        )
        entry = netrc(path).authenticators(host)
    except (OSError, RuntimeError, StopIteration, NetrcParseError):
        # RuntimeError means that the user has no home directory.
        return False
    return entry is not None and bool(entry[2])
