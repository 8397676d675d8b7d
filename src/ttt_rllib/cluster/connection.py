"""Connecting to a Ray cluster or starting one, and counting what it has."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ttt_rllib.cluster.head import agree_on_token, check_answers, no_cluster, reason_of
from ttt_rllib.cluster.machine import available_cpus, local_gpus
from ttt_rllib.cluster.placement import Node, ResourceRequest
from ttt_rllib.cluster.sessions import mark_session, remove_old_sessions
from ttt_rllib.errors import InputError

logger = logging.getLogger(__name__)

__all__ = [
    "StartError",
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

START_TIMEOUT_S = "120"
"""How long a raylet may take to start: on a busy machine more than Ray's own 10 s."""

SOCKET = "ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""The longest of the paths of Ray's sockets, in the folder for temporary files."""
MAX_SOCKET_BYTES = 107

CONNECTED = "auto"
POLL_S = 1.0
DASHBOARD_ARGUMENTS = ("dashboard_host", "dashboard_port")

_was_asked = False
"""Whether `connect` was called, and `disconnect` was not called since."""


class StartError(RuntimeError):
    """Ray could not be started."""


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
        check_answers(address)
    import_ray(address)
    import ray

    _was_asked = True
    if address is None:
        _start(dashboard)
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise no_cluster(address, reason_of(error)) from None


def import_ray(address: str | None) -> None:
    """Import Ray with the variables that it reads only then; `connect` does so too.

    Whatever needs Ray before there is a connection has to call this first.

    Args:
        address: As for `connect`.

    Raises:
        InputError: As `connect` does.
    """
    agree_on_token(address)
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
            f"Ray did not start: {reason_of(error)}; try again when the machine is less busy, or "
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
        return [Node(float(available_cpus()), local_gpus())]
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
            missing = request.waiting_for(*free_resources())
            logger.warning("waiting up to %g s for nodes to join: %s", wait_s, missing)
        time.sleep(POLL_S)


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
