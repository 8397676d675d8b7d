"""Several machines on this one: each has its own network, processes and folder of Ray.

A host is a network, a PID and a mount namespace of Linux; a bridge in another one is the switch
between them. Killing a host's first process ends all others in it at once, as a power cut would;
taking down its port at the switch is a cable that was pulled: connections stay, and nothing comes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.commands import ROOT, shell, wait_until

__all__ = ["GCS_PORT", "TOKEN", "Host", "Network", "needs_hosts"]

TOKEN = "0123456789abcdef" * 4
RAY_FOLDER = Path(tempfile.gettempdir()) / "ray"
GCS_PORT = 6379
FIRST = 10
"""The last number of the address of the first host."""

CONNECTIONS = {
    "RAY_grpc_keepalive_timeout_ms": "60000",
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "60000",
}
"""As docs/cluster.md says: a connection that is silent for a minute is given up."""

INIT = 'mount --bind "$0" "$1" && ip link set lo up && { sleep infinity & wait; }'
"""A shell, since a host's first process has to collect the exit codes of orphans: to Ray's
processes a raylet that nobody has collected still lives."""


def needs_hosts(*programs: str) -> pytest.MarkDecorator:
    """Skip where hosts cannot be simulated, or where programs that run on them are missing."""
    missing = [one for one in ("unshare", "nsenter", "ip", *programs) if shutil.which(one) is None]
    if os.geteuid() != 0:
        missing.insert(0, "root")
    reason = f"simulated hosts need {', '.join(missing)}"
    return pytest.mark.skipif(bool(missing), reason=reason)


class Namespaces:
    """A network, processes and a folder of Ray apart from all others."""

    def __init__(self, ray: Path) -> None:
        ray.mkdir(parents=True)
        RAY_FOLDER.mkdir(exist_ok=True)
        unshare = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        self.parent = psutil.Popen([*unshare, "sh", "-c", INIT, str(ray), str(RAY_FOLDER)])

        def first_process() -> list[psutil.Process]:
            # Once it has a child, all mounts are made.
            return [one for one in self.parent.children() if one.children()]

        self.pid = str(wait_until("the namespaces", first_process, 30)[0].pid)

    def command(self, *words: object) -> list[str]:
        target = ("--target", self.pid, "--net", "--mount", "--pid", f"--wd={ROOT}")
        return ["nsenter", *target, "--", *map(str, words)]

    def ip(self, *words: str, check: bool = True) -> None:
        # Not in its PID namespace, where the numbers of other hosts' processes mean nothing.
        command = ["nsenter", "--target", self.pid, "--net", "ip", *words]
        subprocess.run(command, check=check, capture_output=not check)

    def kill(self) -> None:
        """End all processes at once."""
        self.parent.kill()
        self.parent.wait()


class Host(Namespaces):
    """A simulated machine, with an address on the network."""

    def __init__(self, network: Network, folder: Path, port: str, address: str) -> None:
        super().__init__(folder / "ray")
        self.network, self.port, self.address = network, port, address
        self.log = folder / "log.txt"
        link = ("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.pid)
        network.switch.ip(*link)
        network.switch.ip("link", "set", port, "master", "switch", "up")
        self.ip("address", "add", f"{address}/24", "dev", "eth0")
        self.ip("link", "set", "eth0", "up")

    def start(self, *words: object, **environment: str) -> subprocess.Popen[str]:
        """Start a command, whose output goes to the host's log."""
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.command(*words),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={**self.network.environment, **environment},
            )

    def run(self, *words: object, **environment: str) -> None:
        """Run a command to its end."""
        assert self.start(*words, **environment).wait(120) == 0, self.log.read_text()

    def start_head(self, *words: object, **environment: str) -> None:
        """Start the head of a Ray cluster, which holds no trial."""
        fixed = ("--num-cpus=0", f"--port={GCS_PORT}", "--include-dashboard=false")
        self.run("ray", "start", "--head", *fixed, *self._node(), *words, **environment)

    def join(self, head: Host, cpus: int) -> None:
        """Start a node of the head's cluster."""
        address = f"--address={head.address}:{GCS_PORT}"
        self.run("ray", "start", address, f"--num-cpus={cpus}", *self._node())

    def plug(self, is_in: bool) -> None:
        """Connect the host's cable to the switch, or pull it."""
        self.network.switch.ip("link", "set", self.port, "up" if is_in else "down")

    def kill(self) -> None:
        """Cut the host's power: nobody is told, not even by a connection that is closed."""
        self.plug(is_in=False)
        super().kill()
        # The kernel may have removed the port with the host's network.
        self.network.switch.ip("link", "delete", self.port, check=False)
        self.network.hosts.remove(self)

    def _node(self) -> tuple[str, ...]:
        return (f"--node-ip-address={self.address}", "--object-store-memory=100000000")


class Network:
    """A switch, and the hosts on it; `plain` ones have no variables for clusters."""

    def __init__(self, folder: Path, *, plain: bool = False, **environment: str) -> None:
        self.folder, self.hosts, self.number = folder, list[Host](), FIRST
        fixed = {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_raylet_start_wait_time_s": "120",
            "PYTHONUNBUFFERED": "1",
        }
        if not plain:
            fixed |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, **CONNECTIONS}
        self.environment = shell({**fixed, **environment})
        self.switch = Namespaces(folder / "switch")
        self.switch.ip("link", "add", "switch", "type", "bridge")
        self.switch.ip("link", "set", "switch", "up")

    def add(self, address: str | None = None) -> Host:
        """Add a host, at the address of one that was killed if it is to replace that."""
        port = f"port{self.number}"
        place = address or f"10.77.0.{self.number}"
        self.hosts.append(Host(self, self.folder / port, port, place))
        self.number += 1
        return self.hosts[-1]

    def remove(self) -> None:
        for host in list(self.hosts):
            host.kill()
        self.switch.kill()
