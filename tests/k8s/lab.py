"""The cluster as the tests see it: kubectl, volumes on this machine, Ray's state."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
UID = 10001
IN_POD = """
import os, sys, urllib.request as request
token = open(os.environ["RAY_AUTH_TOKEN_PATH"]).read()
asked = request.Request(sys.argv[1], headers={"Authorization": "Bearer " + token})
print(request.urlopen(asked, timeout=20).read().decode())
"""


class Namespace:
    """A namespace with the token's Secret and a volume for the claim `ttt-results`."""

    def __init__(self, name: str, volumes: Path) -> None:
        self.name = name
        self.results = volumes / name
        self.results.mkdir(parents=True)
        os.chown(self.results, UID, UID)
        self.run("create", "namespace", name)
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "5Gi"},
                "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                "claimRef": {"namespace": name, "name": "ttt-results"},
                "hostPath": {"path": str(self.results)},
            },
        }
        self.run("apply", "-f", "-", text=json.dumps(volume))
        subprocess.run([ROOT / "k8s" / "token.sh", "-n", name], check=True)

    def run(self, *words: str, text: str | None = None, check: bool = True) -> str:
        """Return what kubectl prints."""
        done = subprocess.run(
            ["kubectl", "-n", self.name, *words],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{words}: {done.stderr}"
        return done.stdout

    def apply(self, *folder: str) -> None:
        """Apply a kustomization of the project.

        The lab's Kubernetes drops fields that are newer, such as podFailurePolicy;
        test_schemas.py knows them.
        """
        self.run("apply", "--validate=ignore", "-k", str(ROOT.joinpath(*folder)))

    def token(self) -> str:
        shown = [ROOT / "k8s" / "token.sh", "show", "-n", self.name]
        return subprocess.run(shown, capture_output=True, text=True, check=True).stdout.strip()

    def pods(self, part: str) -> list[dict[str, Any]]:
        """The pods that are not about to end, of a component."""
        chosen = f"app.kubernetes.io/component={part}"
        found = json.loads(self.run("get", "pods", "-l", chosen, "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def kill(self, part: str, address: str | None = None) -> dict[str, Any]:
        """SIGKILL the running pod of a component, or the one of this address, and return it."""
        # Failed pods of a Job stay, for their logs.
        running = [one for one in self.pods(part) if one["status"]["phase"] == "Running"]
        pod = next(one for one in running if address in {None, one["status"].get("podIP")})
        self.run("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
        return pod

    def done(self) -> bool:
        states = self.run(
            "get", "job", "ttt-train", "-o", "jsonpath={.status.conditions[*].type}"
        ).split()
        assert "Failed" not in states, self.run("logs", "job/ttt-train", check=False)
        return "Complete" in states

    def ask_head(self, path: str) -> Any:
        """Return what Ray's dashboard says in the head pod; None while there is none."""
        url = f"http://127.0.0.1:8265{path}"
        said = self.run("exec", "deploy/ttt-head", "--", "python", "-c", IN_POD, url, check=False)
        return json.loads(said)["data"]["result"]["result"] if said else None

    def runner_addresses(self) -> set[str]:
        """The addresses of the pods with live env runners."""
        nodes = {node["node_id"]: node["node_ip"] for node in self.ask_head("/api/v0/nodes") or []}
        actors = self.ask_head("/api/v0/actors?detail=1&limit=1000") or []
        return {
            nodes.get(actor["node_id"], "")
            for actor in actors
            if actor["class_name"] == "BoardEnvRunner" and actor["state"] == "ALIVE"
        } - {""}

    def remove(self) -> None:
        self.run("delete", "namespace", self.name, "--wait=false")
        self.run("delete", "pods", "--all", "--grace-period=0", "--force", check=False)
        self.run("delete", "persistentvolume", self.name, "--wait=false")


def rows(trial: Path) -> list[dict[str, str]]:
    """The whole rows of a trial's metrics."""
    file = trial / "metrics.csv"
    if not file.is_file():
        return []
    return list(csv.DictReader(file.read_text().rpartition("\n")[0].splitlines()))


def results(trial: Path) -> list[dict[str, Any]]:
    """What Tune wrote about a trial, result by result; repeated ones are in it repeatedly."""
    file = trial / "result.json"
    lines = file.read_text().rpartition("\n")[0].splitlines() if file.is_file() else []
    return [json.loads(line) for line in lines]
