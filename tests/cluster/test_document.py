"""The commands of docs/cluster.md, as they stand there, behind the firewall that it describes."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.cluster.hosts import TOKEN, Network, needs_hosts
from tests.commands import ROOT

pytestmark = [pytest.mark.long, needs_hosts("iptables")]

SCRAPE = (
    "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).read().decode())"
)


def block(heading):
    """The first indented block of a section that is no YAML."""
    text = (ROOT / "docs" / "cluster.md").read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.search(r"(?:^    .+\n)+", section, re.MULTILINE)[0]
    return re.sub(r"^    ", "", lines, flags=re.MULTILINE)


def test_the_documented_commands_train_behind_the_documented_firewall(tmp_path):
    network = Network(tmp_path / "network", plain=True)
    try:
        hosts = [network.add() for _ in range(3)]
        head, trainer = hosts[0], hosts[2]
        parts = ("The head", "Each worker", "The machine that trains")
        for host, part in zip(hosts, parts, strict=True):
            home = tmp_path / part.replace(" ", "_")
            (home / ".ray").mkdir(parents=True)
            (home / ".ray" / "auth_token").write_text(TOKEN)
            text = block("Ports and metrics") + block("On every machine") + block(part)
            for word, value in (
                ("HEAD", head.address),
                ("ADDRESS", host.address),
                ("/shared", str(tmp_path)),
            ):
                text = text.replace(word, value)
            host.run("bash", "-ec", text, HOME=str(home))
        assert "unexploitable: no opponent can beat it" in trainer.log.read_text()
        for host in hosts:
            asked = head.command("python3", "-c", SCRAPE, f"http://{host.address}:8080")
            said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            assert "ray_node_cpu_count" in said
        # A link to a path that only the host has.
        file = head.command("cat", "/tmp/ray/prom_metrics_service_discovery.json")  # noqa: S108
        said = subprocess.run(file, capture_output=True, text=True, check=True).stdout
        found = json.loads(said)
        assert {f"{host.address}:8080" for host in hosts} <= set(found[0]["targets"])
    finally:
        network.remove()
