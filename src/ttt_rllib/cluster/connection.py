"""Connecting to Ray, and counting what the cluster has."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import time
from pathlib import Path

from ttt_rllib.cluster.placement import Node, ResourceRequest
from ttt_rllib.errors import InputError

__all__ = [
    "available_cpus",
    "cluster_nodes",
    "connect",
    "disconnect",
    "is_connected",
    "wait_for_resources",
]

CONNECT_TIMEOUT_S = 10.0
CONNECTED = "auto"
POLL_S = 1.0
DASHBOARD_ARGUMENTS = ("dashboard_host", "dashboard_port")
CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
CGROUP_V1 = tuple(
    Path("/sys/fs/cgroup/cpu") / name for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
)


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
        InputError: If there is no cluster at the address.
    """
    # Ray reads these variables when it is imported, and never again.
    _secure(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Without this, SIGTERM would end this process with a stack dump instead of in order. Ray's
    # other processes keep the handler, so the variable is removed again.
    os.environ["RAY_DISABLE_FAILURE_SIGNAL_HANDLER"] = "1"
    import ray

    del os.environ["RAY_DISABLE_FAILURE_SIGNAL_HANDLER"]

    logging.getLogger("ray").setLevel(logging.ERROR)
    if address is None:
        ray.init(
            address="local",
            num_cpus=available_cpus(),
            include_dashboard=dashboard is not None,
            **(dict(zip(DASHBOARD_ARGUMENTS, dashboard, strict=True)) if dashboard else {}),
            _metrics_export_port=_metrics_port(),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        return
    try:
        _check_reachable(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"--address {address}: no Ray cluster answers there: {reason}") from None


def is_connected() -> bool:
    """Tell whether this process has joined or started a cluster, without importing Ray for it."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def disconnect() -> None:
    """Leave the cluster, and shut it down if it was started here."""
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


def cluster_nodes(address: str | None) -> list[Node]:
    """Return the nodes of the connected cluster; without an address, this machine without Ray."""
    if address is None:
        return [Node(float(available_cpus()), _local_gpus())]
    import ray

    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(one.get("CPU", 0.0), one.get("GPU", 0.0)) for one in resources]


def wait_for_resources(request: ResourceRequest, wait_s: float) -> None:
    """Wait until the connected cluster can hold a trial: its nodes may still be joining.

    Args:
        request: What a trial reserves.
        wait_s: Most seconds to wait. `check_resources` tells whether there is room then.
    """
    deadline_s = time.monotonic() + wait_s
    while time.monotonic() < deadline_s:
        if request.max_concurrent_trials(cluster_nodes(CONNECTED)):
            return
        time.sleep(POLL_S)


def _secure(address: str | None) -> None:
    """Request token authentication explicitly wherever a token exists or can be created.

    A cluster without authentication accepts a client that has a token all the same.
    """
    home = _ray_home()
    known = (
        "RAY_AUTH_TOKEN" in os.environ
        or "RAY_AUTH_TOKEN_PATH" in os.environ
        or (home is not None and (home / "auth_token").is_file())
    )
    if address is None or known:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    if address is None and not known and home is None:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _ray_home() -> Path | None:
    """Return the folder in which Ray keeps its token; None if it cannot be created."""
    try:
        home = Path.home() / ".ray"
        home.mkdir(exist_ok=True)
    except (OSError, RuntimeError):
        # RuntimeError: a user without an entry in passwd and without HOME.
        return None
    return home if os.access(home, os.W_OK) else None


def _metrics_port() -> int | None:
    """Return the port of a private cluster's metrics for Prometheus; None lets Ray choose.

    Raises:
        InputError: If TTT_METRICS_PORT is not a number.
    """
    port = os.environ.get("TTT_METRICS_PORT")
    if port is not None and not port.isdigit():
        raise InputError(f"TTT_METRICS_PORT is {port}; give a number, for example 8080")
    return None if port is None else int(port)


def _check_reachable(address: str) -> None:
    """Try to connect once: Ray itself would retry for many minutes.

    Raises:
        OSError: If nothing listens at `host:port` or `ray://host:port`.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()


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
    """Count GPUs as Ray does: those that CUDA_VISIBLE_DEVICES names, otherwise all."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return float(len([device for device in visible.split(",") if device.strip()]))
    return float(len(list(Path("/proc/driver/nvidia/gpus").glob("*"))))
