"""A portable agent: a folder with `agent.json` and `weights.npz`.

It loads with numpy alone, into a `NetworkPolicy` or, where each seat has its own network, into
`SeatPolicies`. Anything wrong with a folder raises one `BundleError`, whose sentence names the
file and the value.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ttt_envs.game import Game
from ttt_rllib.agents.policies import AgentPolicy, NetworkPolicy, SeatPolicies, Weights

__all__ = [
    "AGENT_FILE",
    "BUNDLE_FOLDER",
    "FORMAT_VERSION",
    "WEIGHTS_FILE",
    "Bundle",
    "BundleError",
    "load_bundle",
    "save_bundle",
    "weights_sha256",
]

FORMAT_VERSION = 1
# numpy and zipfile raise these for damaged files; RuntimeError is for an unknown compression or
# a password.
DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
AGENT_FILE, WEIGHTS_FILE = "agent.json", "weights.npz"
BUNDLE_FOLDER = "agent"
"""Name of the bundle's folder inside a run and inside a checkpoint."""

SHARED, SEPARATE = "shared", "separate"
"""The values of `seats` in an architecture: one network plays both, or each has its own."""


class BundleError(ValueError):
    """The folder is not a usable bundle."""


@dataclass(frozen=True)
class Bundle:
    """A loaded agent.

    Attributes:
        policy: The player.
        sha256: Hash of its weights, checked against the file.
        provenance: Where the weights come from, as training wrote it.
    """

    policy: AgentPolicy
    sha256: str
    provenance: dict[str, Any]


def weights_sha256(weights: Weights) -> str:
    """Hash the names, shapes and little-endian float32 values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f4")
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_bundle(policy: AgentPolicy, folder: Path, provenance: dict[str, Any]) -> str:
    """Write a bundle, and create its folder if necessary.

    Args:
        policy: The agent.
        folder: The bundle's folder; the files of an older bundle are overwritten.
        provenance: JSON data that says where the weights come from.

    Returns:
        The weights' sha256.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = weights_sha256(policy.weights)
    agent = {
        "format": "ttt_rllib.agent",
        "format_version": FORMAT_VERSION,
        "game": asdict(policy.game),
        "architecture": {
            "network": "mlp",
            "activation": policy.activation,
            "seats": SEPARATE if isinstance(policy, SeatPolicies) else SHARED,
        },
        "weights_sha256": sha256,
        "provenance": provenance,
    }
    np.savez(folder / WEIGHTS_FILE, **policy.weights)  # type: ignore[arg-type]  # numpy's stub
    (folder / AGENT_FILE).write_text(json.dumps(agent, indent=2) + "\n", encoding="utf-8")
    return sha256


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that it is complete.

    Raises:
        BundleError: If a file is missing, foreign, truncated or of another format version,
            or if the weights are not those with which the bundle was written.
    """
    agent = _read_agent(folder / AGENT_FILE)
    weights = _read_weights(folder / WEIGHTS_FILE)
    sha256 = weights_sha256(weights)
    if sha256 != agent.get("weights_sha256"):
        raise BundleError(
            f"{folder / WEIGHTS_FILE}: sha256 is {sha256[:12]}..., {AGENT_FILE} says "
            f"{str(agent.get('weights_sha256'))[:12]}...; the file was changed, export it again"
        )
    try:
        policy = _policy(Game(**agent["game"]), weights, agent["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / AGENT_FILE}: {error!r} does not describe an agent") from error
    return Bundle(policy, sha256, agent.get("provenance", {}))


def _read_agent(path: Path) -> dict[str, Any]:
    try:
        agent = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(
            f"{path}: no such file; a bundle has {AGENT_FILE} and {WEIGHTS_FILE}"
        ) from None
    except (ValueError, OSError) as error:
        raise BundleError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(agent, dict) or agent.get("format") != "ttt_rllib.agent":
        raise BundleError(f"{path}: not an agent of ttt_rllib")
    if agent.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            f"{path}: format_version is {agent.get('format_version')!r}; "
            f"this version of ttt_rllib reads {FORMAT_VERSION}"
        )
    return agent


def _read_weights(path: Path) -> Weights:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise BundleError(
            f"{path}: no such file; a bundle has {AGENT_FILE} and {WEIGHTS_FILE}"
        ) from None
    except DAMAGE as error:
        raise BundleError(f"{path}: not a readable weights file: {error}") from error


def _policy(game: Game, weights: Weights, architecture: dict[str, str]) -> AgentPolicy:
    """Build the network, or the network of each seat.

    Raises:
        KeyError, TypeError, ValueError: If the weights are not those of the architecture.
    """
    activation = architecture["activation"]
    # Bundles that were written before seats could differ do not have the key.
    seats = architecture.get("seats", SHARED)
    if seats == SHARED:
        policy = NetworkPolicy(game, weights, activation)
        _check_shapes(policy)
        return policy
    if seats != SEPARATE:
        raise ValueError(f"seats is {seats!r}; known are {SHARED}, {SEPARATE}")
    of_seat: dict[str, Weights] = {"x": {}, "o": {}}
    for name, array in weights.items():
        seat, _, name_in_seat = name.partition(".")
        of_seat[seat][name_in_seat] = array
    policies = {seat: NetworkPolicy(game, own, activation) for seat, own in of_seat.items()}
    for policy in policies.values():
        _check_shapes(policy)
    return SeatPolicies(**policies)


def _check_shapes(policy: NetworkPolicy) -> None:
    width = 2 * policy.game.num_squares
    layer = 0
    while f"trunk.{layer}.weight" in policy.weights:
        width = _check_layer(policy.weights, f"trunk.{layer}", width)
        layer += 1
    actions = policy.game.num_actions
    heads = {"q": actions} if policy.has_q_head else {"policy": actions, "value": 1}
    for head, size in heads.items():
        if _check_layer(policy.weights, head, width) != size:
            raise ValueError(f"{head} head has {policy.weights[head + '.bias'].shape} outputs")


def _check_layer(weights: Weights, name: str, inputs: int) -> int:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if weight.dtype != np.float32 or weight.shape != (len(bias), inputs):
        raise ValueError(f"{name}.weight is {weight.dtype} {weight.shape}, inputs are {inputs}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError(f"{name} has weights that are not finite")
    return len(bias)
