"""Ray's dashboard of a cluster that was started here."""

from __future__ import annotations

from contextlib import suppress
from threading import Event

from rich.console import Console

from ttt_rllib.cluster import connect
from ttt_rllib.door import warn
from ttt_rllib.interrupts import deferred_interrupts
from ttt_rllib.wrong_input import InputError

__all__ = ["dashboard_address", "keep_dashboard"]


def dashboard_address(text: str) -> tuple[str, int]:
    """Return host and port.

    Raises:
        InputError: If the text is not HOST:PORT.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--dashboard {text}: give HOST:PORT, for example 127.0.0.1:8265")
    return host, int(port)


def keep_dashboard(text: str, console: Console) -> None:
    """Serve it until Ctrl-C or SIGTERM, starting Ray if nothing did yet."""
    with deferred_interrupts(warn):
        connect(None, dashboard_address(text))
    console.print(f"the dashboard stays on {text}; Ctrl-C ends it")
    with suppress(KeyboardInterrupt):
        Event().wait()
