"""Whether all nodes of a Ray cluster see the folder of all results.

Trials write their checkpoints from the node on which they run. With a folder that only the
driver sees, the run would fail at the first checkpoint, or be lost at the first resume.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from ttt_rllib.errors import InputError, file_error

__all__ = ["check_shared"]

ANSWER_TIMEOUT_S = 60.0
SEEN, UNSEEN, READ_ONLY = "seen", "does not see it", "cannot write to it"


def check_shared(folder: Path) -> None:
    """Check that every node that can hold a trial sees a file written here.

    Nodes that die or do not answer within a minute are ignored: Tune will find others.

    Args:
        folder: The folder of all results, created if it is missing. Ray must be connected.

    Raises:
        InputError: With the nodes that do not see it, and what to mount there.
        OSError: If it cannot be written to here.
    """
    marker = folder.absolute() / f".seen-{secrets.token_hex(8)}"
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        raise file_error(folder, "cannot be written to", error) from None
    try:
        wrong = {node: answer for node, answer in _ask_nodes(marker).items() if answer != SEEN}
    finally:
        marker.unlink(missing_ok=True)
    if wrong:
        nodes = ", ".join(f"{node} {answer}" for node, answer in sorted(wrong.items()))
        raise InputError(
            f"{folder}: node {nodes}; mount the same volume at this path on every "
            "node: on Kubernetes a ReadWriteMany claim in every pod, elsewhere a network folder"
        )


def probe(marker: Path) -> str:
    """Look for the marker on the node where this runs."""
    if not marker.exists():
        return UNSEEN
    return SEEN if os.access(marker.parent, os.W_OK) else READ_ONLY


def _ask_nodes(marker: Path) -> dict[str, str]:
    """Return each node's answer, by its address."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def ask(node: dict[str, Any]) -> Any:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        return ray.remote(probe).options(num_cpus=0, scheduling_strategy=here).remote(marker)

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    asked = {ask(node): str(node["NodeManagerAddress"]) for node in nodes}
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_TIMEOUT_S)
    answers = {}
    for answer in answered:
        try:
            answers[asked[answer]] = ray.get(answer)
        except ray.exceptions.RayError:
            continue
    return answers
