"""Ray's dashboard: whether and where it is started, and how to log in."""

from __future__ import annotations

import logging
import os
import socket

from ttt_rllib.config.cluster import Ray
from ttt_rllib.errors import InputError

__all__ = ["dashboard_notice", "dashboard_place"]

logger = logging.getLogger(__name__)

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def dashboard_place(settings: Ray) -> tuple[str, int] | None:
    """Return the host and port at which to serve the dashboard; None = no dashboard.

    Raises:
        InputError: If it cannot listen there. Ray itself would fail silently.
    """
    if not settings.include_dashboard:
        return None
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise InputError(
            f"ray.dashboard_port: nothing can listen at {host}:{port}: {error.strerror}; "
            "set another ray.dashboard_port or ray.dashboard_host"
        ) from None
    return host, port


def dashboard_notice(settings: Ray, joined: bool) -> str | None:
    """Return where the dashboard is and how to log in; None if this run starts none.

    Args:
        settings: The section `ray`.
        joined: Whether the cluster was joined, not started by this run.
    """
    if not settings.include_dashboard:
        return None
    if joined:
        logger.warning(
            "ray.include_dashboard has no effect: the cluster that was joined has its own"
        )
        return None
    where = f"dashboard: http://{settings.dashboard_host}:{settings.dashboard_port}"
    if os.environ.get("RAY_AUTH_MODE") != "token":
        if settings.dashboard_host not in LOOPBACK:
            logger.warning(
                "the dashboard at %s asks for no token (RAY_AUTH_MODE is not token): anyone who "
                "reaches it can run any command here",
                settings.dashboard_host,
            )
        return where
    if "RAY_AUTH_TOKEN" in os.environ:
        return f"{where}, with the token in RAY_AUTH_TOKEN"
    return f"{where}, with the token that `ray get-auth-token` shows"
