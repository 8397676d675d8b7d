"""Connecting to Ray, and counting what the cluster has."""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path

from ttt_rllib.cluster.placement import Node, ResourceRequest
from ttt_rllib.cluster.sessions import mark_session, remove_old_sessions
from ttt_rllib.errors import InputError, NotReadyError

logger = logging.getLogger(__name__)

__all__ = [
    "StartError",
    "available_cpus",
    "check_start",
    "cluster_nodes",
    "connect",
    "disconnect",
    "free_resources",
    "import_ray",
    "is_connected",
    "is_waiting_for_room",
    "wait_for_resources",
]

CONNECT_TIMEOUT_S = 10.0
START_TIMEOUT_S = "120"
"""How long a raylet may take to start: on a busy machine more than Ray's own 10 s."""

SOCKET = "ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""The longest of the paths of Ray's sockets, in the folder for temporary files."""
MAX_SOCKET_BYTES = 107

ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""A question to the head that changes nothing; without an authentication, anyone may ask it."""
UNREACHABLE = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
NO_HEAD = ("UNAVAILABLE", "UNIMPLEMENTED")
"""What gRPC says of a port where something else listens; a busy head may exceed the time."""
HOST_AND_PORT = r"[^/]+:\d+"
HEAD_PROCESS = "gcs_server"
CONNECTED = "auto"
POLL_S = 1.0
DASHBOARD_ARGUMENTS = ("dashboard_host", "dashboard_port")
GPUS = Path("/proc/driver/nvidia/gpus")
"""Has a folder for each GPU of the machine."""

CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
CGROUP_V1 = tuple(
    Path("/sys/fs/cgroup/cpu") / name for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
)


_was_asked = False
"""Whether `connect` was called, and `disconnect` was not called since."""


class StartError(RuntimeError):
    """Ray could not be started."""


def available_cpus() -> int:
    """Return the CPUs this process may use: affinity and cgroup quota, at least 1.

    Ray's own count is unreliable in containers (ray#27958).
    """
    quota = _cgroup_cpus()
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int(min(cpus or 1, quota)))


def connect(address: str | None, dashboard: tuple[str, int] | None = None) -> None:
    """Connect to a Ray cluster, or start a private one on this machine's CPUs.

    Args:
        address: As for `ray.init`; None starts a private cluster.
        dashboard: Host and port at which a private cluster serves Ray's dashboard; None = none.

    Raises:
        NotReadyError: If no cluster answers at the address.
        InputError: If the cluster refuses this process, or is refused by it.
    """
    global _was_asked
    if address is not None:
        _check_answers(address)
    import_ray(address)
    import ray

    _was_asked = True
    if address is None:
        _start(dashboard)
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise _no_cluster(address, _reason(error)) from None


def _no_cluster(address: str, reason: str) -> NotReadyError:
    return NotReadyError(
        f"--address {address}: no Ray cluster answers there: {reason}; start one with "
        "ray start --head, or drop --address to train on this machine"
    )


def import_ray(address: str | None) -> None:
    """Import Ray with the variables that it reads only then; `connect` does so too.

    Whatever needs Ray before there is a connection has to call this first.

    Args:
        address: As for `connect`.

    Raises:
        InputError: As `connect` does.
    """
    _secure(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", START_TIMEOUT_S)
    # Without this, SIGTERM would end this process with a stack dump instead of in order. Ray's
    # other processes keep the handler, so the variable is removed again.
    os.environ["RAY_DISABLE_FAILURE_SIGNAL_HANDLER"] = "1"
    import ray  # noqa: F401 - for its effects

    del os.environ["RAY_DISABLE_FAILURE_SIGNAL_HANDLER"]
    logging.getLogger("ray").setLevel(logging.ERROR)


def check_start() -> None:
    """Check what can be known of a private cluster before it is started.

    Raises:
        InputError: If Ray cannot make its sockets, or TTT_METRICS_PORT is not a port.
    """
    _metrics_port()
    folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
    too_long = len(os.fsencode(folder / SOCKET)) - MAX_SOCKET_BYTES
    if too_long > 0:
        raise InputError(
            f"TMPDIR: {folder} is too long by {too_long} characters for the names of Ray's "
            "sockets; set RAY_TMPDIR to a shorter folder, for example /tmp"
        )


def _start(dashboard: tuple[str, int] | None) -> None:
    """Start a private cluster.

    Raises:
        StartError: If Ray does not start.
    """
    import ray

    try:
        with _needed_processes_only(has_dashboard=dashboard is not None):
            context = ray.init(
                address="local",
                num_cpus=available_cpus(),
                include_dashboard=dashboard is not None,
                **(dict(zip(DASHBOARD_ARGUMENTS, dashboard, strict=True)) if dashboard else {}),
                _metrics_export_port=_metrics_port(),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except Exception as error:
        # Ray raises a bare Exception if a process does not answer in time.
        raise StartError(
            f"Ray did not start: {_reason(error)}; try again when the machine is less busy, or "
            f"look at the logs in {tempfile.gettempdir()}/ray/session_latest/logs"
        ) from error
    session = Path(context.address_info["session_dir"])
    mark_session(session)
    remove_old_sessions(session.parent)


@contextmanager
def _needed_processes_only(*, has_dashboard: bool) -> Iterator[None]:
    """Let `ray.init` start neither the log monitor nor the autoscaler's monitor.

    It has no arguments for them. The first sends the workers' output to the driver, which does not
    want it; the second adds nodes, which a private cluster cannot, and tells the dashboard. Each
    takes as much CPU time as the import of Ray while everything else starts.
    """
    from ray._private import parameter

    original = parameter.RayParams
    parameter.RayParams = partial(original, include_log_monitor=False, no_monitor=not has_dashboard)
    try:
        yield
    finally:
        parameter.RayParams = original


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def is_connected() -> bool:
    """Tell whether this process has joined or started a cluster, without importing Ray for it."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def disconnect() -> None:
    """Leave the cluster that `connect` joined, and shut it down if it was started here.

    A connection that others made in this process stays.
    """
    global _was_asked
    if _was_asked:
        sys.modules["ray"].shutdown()
    _was_asked = False


def cluster_nodes(address: str | None) -> list[Node]:
    """Return the nodes of the connected cluster; without an address, this machine without Ray."""
    if address is None:
        return [Node(float(available_cpus()), _local_gpus())]
    import ray

    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(one.get("CPU", 0.0), one.get("GPU", 0.0)) for one in resources]


def free_resources() -> tuple[float, float]:
    """Return the free CPUs and GPUs of the connected cluster."""
    import ray

    free = ray.available_resources()
    return float(free.get("CPU", 0.0)), float(free.get("GPU", 0.0))


def is_waiting_for_room() -> bool:
    """Tell whether this process has asked the cluster for room, and has none yet.

    A trial that has its room but is still starting does not wait for it.
    """
    import ray

    ours = ray.get_runtime_context().get_job_id()
    # Ray's name of a placement group ends with that of the job that made it.
    states = {
        group["state"]
        for name, group in ray.util.placement_group_table().items()
        if name.endswith(ours)
    }
    return "PENDING" in states and "CREATED" not in states


def wait_for_resources(request: ResourceRequest, wait_s: float) -> None:
    """Wait until the connected cluster can hold a trial: its nodes may still be joining.

    Args:
        request: What a trial reserves.
        wait_s: Most seconds to wait. `check_resources` tells whether there is room then.
    """
    deadline_s, is_told = time.monotonic() + wait_s, False
    while time.monotonic() < deadline_s:
        if request.max_concurrent_trials(cluster_nodes(CONNECTED)):
            return
        if not is_told:
            is_told = True
            free = request.waiting_for(*free_resources())
            logger.warning("waiting up to %g s for nodes to join: %s", wait_s, free)
        time.sleep(POLL_S)


def _secure(address: str | None) -> None:
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


def _metrics_port() -> int | None:
    """Return the port of a private cluster's metrics for Prometheus; None lets Ray choose.

    Raises:
        InputError: If TTT_METRICS_PORT is not a port.
    """
    port = os.environ.get("TTT_METRICS_PORT")
    if port is None:
        return None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 2**16):
        raise InputError(f"TTT_METRICS_PORT is {port}; give a port from 1 to 65535")
    return int(port)


def _check_answers(address: str) -> None:
    """Try to connect once: Ray itself would retry for many minutes, and print lines of its own.

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
        raise _no_cluster(address, where + _reason(error)) from None
    if re.fullmatch(HOST_AND_PORT, place) and _ask_head(place) in NO_HEAD:
        raise _no_cluster(address, "something listens, but it is not the head of one")


def _runs_a_head() -> bool:
    """Tell whether the head of a cluster runs on this machine."""
    import psutil

    return any(one.info["name"] == HEAD_PROCESS for one in psutil.process_iter(["name"]))


def _cgroup_cpus() -> float:
    try:
        if CGROUP_V2.exists():
            quota, period = CGROUP_V2.read_text().split()
        else:
            quota, period = (path.read_text().strip() for path in CGROUP_V1)
        return float("inf") if quota in {"max", "-1"} else float(quota) / float(period)
    except (OSError, ValueError):
        return float("inf")


def _local_gpus() -> float:
    """Count the GPUs of this machine that CUDA_VISIBLE_DEVICES leaves, all if it is not set."""
    there = len(list(GPUS.glob("*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return float(there)
    named = [device.strip() for device in visible.split(",")]
    # CUDA takes the names up to the first that is none, such as -1 or NoDevFiles.
    usable = takewhile(lambda device: device.isdigit() or device[:4] in ("GPU-", "MIG-"), named)
    return float(min(there, len(list(usable))))
