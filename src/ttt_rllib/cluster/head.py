"""The head of a cluster, asked without Ray: whether it answers, and whether it wants a token.

Ray reads what it has to know of the cluster when it is imported, and tries for minutes to reach one
that is not there.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import tempfile
from pathlib import Path

from ttt_rllib.errors import InputError, NotReadyError

__all__ = ["agree_on_token", "asks_for_token", "check_answers", "no_cluster", "reason_of"]

CONNECT_TIMEOUT_S = 10.0
ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""A question to the head that changes nothing; without authentication, anyone may ask it."""
UNREACHABLE = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
NO_HEAD = ("UNAVAILABLE", "UNIMPLEMENTED")
"""What gRPC says of a port where something else listens; a busy head may exceed the time."""
HOST_AND_PORT = r"[^/]+:\d+"
HEAD_PROCESS = "gcs_server"


def check_answers(address: str) -> None:
    """Try once to connect; Ray itself would retry for minutes and print messages of its own.

    Raises:
        NotReadyError: If nothing listens at `host:port` or `ray://host:port`, or no Ray; or if
            "auto" means a cluster that has ended without taking back its note.
    """
    place = address
    if address == "auto":
        noted = _noted_address()
        # Ray looks at the processes of this machine first, and then at the note.
        if noted is None or _runs_a_head():
            return
        place = noted
    host, colon, port = place.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        where = f"{place}: " if place != address else ""
        raise no_cluster(address, where + reason_of(error)) from None
    if re.fullmatch(HOST_AND_PORT, place) and _ask_head(place) in NO_HEAD:
        raise no_cluster(address, "something listens, but it is not the head of one")


def no_cluster(address: str, reason: str) -> NotReadyError:
    """Return the error for an address at which no cluster answers."""
    return NotReadyError(
        f"--address {address}: no Ray cluster answers there: {reason}; start one with "
        "ray start --head, or drop --address to train on this machine"
    )


def reason_of(error: Exception) -> str:
    """Return what an error of Ray says, in one line that is not too long."""
    return " ".join(str(error).split())[:200]


def agree_on_token(address: str | None) -> None:
    """Ask for token authentication in a cluster of our own, and use it as another cluster does.

    Raises:
        InputError: If the cluster and RAY_AUTH_MODE differ: Ray would connect, but the workers
            that it starts would not answer, and every trial would wait for them.
    """
    home = _ray_home()
    known = (
        "RAY_AUTH_TOKEN" in os.environ
        or "RAY_AUTH_TOKEN_PATH" in os.environ
        or (home is not None and (home / "auth_token").is_file())
    )
    if address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        if not known and home is None:
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        return
    asks = asks_for_token(address)
    if asks is None:
        if known:
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        return
    if asks and not known:
        raise InputError(
            f"--address {address}: the cluster asks for a token; put it into RAY_AUTH_TOKEN, or "
            "its file's name into RAY_AUTH_TOKEN_PATH"
        )
    mode = os.environ.setdefault("RAY_AUTH_MODE", "token" if asks else "disabled")
    if (mode == "token") != asks:
        does = "asks for a token" if asks else "asks for no token"
        raise InputError(
            f"--address {address}: the cluster {does}, but RAY_AUTH_MODE is {mode}; unset it"
        )


def asks_for_token(address: str) -> bool | None:
    """Tell whether the cluster at an address has token authentication.

    Ray's own client would have to be told before it is imported, so that the question is asked
    without it, in the protocol that it speaks.

    Args:
        address: `host:port`, or "auto" for the cluster that runs on this machine.

    Returns:
        None if that cannot be told: no cluster answers, or the address has another form.
    """
    known = _noted_address() if address == "auto" else address
    if known is None or not re.fullmatch(HOST_AND_PORT, known):
        return None
    code = _ask_head(known)
    return None if code in UNREACHABLE else code == "UNAUTHENTICATED"


def _ask_head(address: str) -> str:
    """Ask what listens at `host:port` whether it is alive, as Ray does; return gRPC's status."""
    import grpc  # type: ignore[import-untyped]

    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(ALIVE)(b"", timeout=CONNECT_TIMEOUT_S)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def _noted_address() -> str | None:
    """Return the address that the last `ray start` of this machine has noted; None if none has."""
    folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray"
    try:
        return (folder / "ray_current_cluster").read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _ray_home() -> Path | None:
    """Return the folder in which Ray keeps its token, or will; None if it cannot write there."""
    try:
        home = Path.home() / ".ray"
    except RuntimeError:
        # A user without an entry in passwd and without HOME.
        return None
    there = home if home.exists() else home.parent
    return home if there.is_dir() and os.access(there, os.W_OK) else None


def _runs_a_head() -> bool:
    """Tell whether the head of a cluster runs on this machine."""
    import psutil

    return any(one.info["name"] == HEAD_PROCESS for one in psutil.process_iter(["name"]))
