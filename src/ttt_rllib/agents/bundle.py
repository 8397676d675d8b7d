"""A portable agent: a folder with `agent.json` and `weights.npz`.

It loads with numpy alone, into a `NetworkPolicy`, which may be an `AfterstatePolicy`, or, where
each seat has its own network, into `SeatPolicies`. Anything wrong with a folder raises one
`BundleError`, whose sentence names the file and the value.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ttt_envs.game import Game
from ttt_envs.own_game_loading import load_own_game
from ttt_envs.table_game import OwnGameError
from ttt_rllib.agents.afterstates import AfterstatePolicy, network_policy
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.lookahead import BundledPolicy, LookaheadPolicy
from ttt_rllib.agents.own_network import Model, OwnNetwork, OwnNetworkPolicy, own_answers
from ttt_rllib.agents.policies import NetworkPolicy, Policy, SeatPolicies, Weights
from ttt_rllib.config.own_code import DOTTED_PATH
from ttt_rllib.text_files import read_json_file

__all__ = [
    "AGENT_FILE",
    "BUNDLE_FOLDER",
    "FORMAT_VERSION",
    "ONNX_FILE",
    "SAVED_AT",
    "WEIGHTS_FILE",
    "Bundle",
    "BundleError",
    "load_bundle",
    "policy_sha256",
    "save_bundle",
    "weights_sha256",
]

FORMAT_VERSION = 2
EARLIER_VERSIONS = (1,)
"""Versions that can be read: 1 has no `agent_sha256`."""

# numpy and zipfile raise these for damaged files; RuntimeError is for an unknown compression or
# a password, MemoryError for a header that promises more than there is.
DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    AttributeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
AGENT_FILE, WEIGHTS_FILE, ONNX_FILE = "agent.json", "weights.npz", "agent.onnx"
BUNDLE_FOLDER = "agent"
"""Name of the bundle's folder inside a run and inside a checkpoint."""

MAX_WEIGHTS_BYTES = 2**28
"""Of all arrays, unpacked: a thousand times those of the networks here."""

SAVED_AT = "saved_at"
"""Key of a bundle's provenance: when training saved it, in UTC as ISO 8601 has it.

A copy keeps it, whereas file times change.
"""

INPUTS_KEY = "inputs"
"""Key of an architecture: what the agent knows of the game. It is there only if that is anything,
so that the hashes of agents from before there was such knowledge are what they were."""
LOOKAHEAD_KEY = "lookahead"
"""Key of an architecture: plies that the agent looks ahead; there only if it does."""
ARCHITECTURE = {"network", "activation", "seats", INPUTS_KEY, LOOKAHEAD_KEY}
MLP, AFTERSTATE_MLP, OWN = "mlp", "afterstate_mlp", "own"
"""The values of `network`: outputs for the moves, a value of the positions that follow them, or a
user's own."""
OWN_ARCHITECTURE = {"network", "class", "kwargs", "source_sha256"}
"""Keys of the architecture of a user's own network."""
SHARED, SEPARATE = "shared", "separate"
"""The values of `seats` in an architecture: one network plays both, or each has its own."""


class BundleError(ValueError):
    """The folder is not a usable bundle."""


@dataclass(frozen=True)
class Bundle:
    """A loaded agent.

    Attributes:
        policy: The player.
        provenance: Where the weights come from, as training wrote it.
    """

    policy: BundledPolicy
    provenance: dict[str, Any]

    @cached_property
    def weights_sha256(self) -> str:
        """Hash of the weights alone."""
        return weights_sha256(self.policy.weights)

    @cached_property
    def agent_sha256(self) -> str:
        """Hash of everything that decides a move: game, architecture and weights.

        A verdict is about the agent with this hash, and about no other.
        """
        about = {**_description(self.policy), "weights_sha256": self.weights_sha256}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def weights_sha256(weights: Weights) -> str:
    """Hash the names, shapes and little-endian float32 values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f4")
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def policy_sha256(policy: Policy) -> str:
    """Return a hash that tells players apart.

    That of a trained agent is the one in its bundle and its certificate, of everything that decides
    a move. That of any other player is of its name and settings.
    """
    if isinstance(policy, (NetworkPolicy, SeatPolicies, LookaheadPolicy, OwnNetworkPolicy)):
        return Bundle(policy, {}).agent_sha256
    return hashlib.sha256(repr(policy).encode()).hexdigest()


def save_bundle(policy: BundledPolicy, folder: Path, provenance: dict[str, Any]) -> Bundle:
    """Write a bundle, and create its folder if necessary.

    Args:
        policy: The agent.
        folder: The bundle's folder; the files of an older bundle are overwritten.
        provenance: JSON data that says where the weights come from.

    Returns:
        The bundle, as `load_bundle` loads it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(policy, provenance)
    agent = {
        "format": "ttt_rllib.agent",
        "format_version": FORMAT_VERSION,
        **_description(policy),
        "weights_sha256": bundle.weights_sha256,
        "agent_sha256": bundle.agent_sha256,
        "provenance": provenance,
    }
    np.savez(folder / WEIGHTS_FILE, **policy.weights)  # type: ignore[arg-type]  # numpy's stub
    (folder / AGENT_FILE).write_text(json.dumps(agent, indent=2) + "\n", encoding="utf-8")
    return bundle


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that it is complete.

    Raises:
        BundleError: If a file is missing, foreign, truncated or of another format version,
            or if the weights, the game or the architecture are not those with which the
            bundle was written.
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
        game, architecture = _game(agent["game"]), agent["architecture"]
        if architecture["network"] == OWN:
            policy: BundledPolicy = _own_policy(folder, game, weights, architecture)
        else:
            policy = _policy(game, weights, architecture)
    except BundleError:
        raise
    except OwnGameError as error:
        raise BundleError(f"{folder / AGENT_FILE}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / AGENT_FILE}: {error!r} does not describe an agent") from error
    provenance = agent.get("provenance", {})
    if not isinstance(provenance, dict):
        raise BundleError(
            f"{folder / AGENT_FILE}: provenance is no mapping; export the agent again"
        )
    bundle = Bundle(policy, provenance)
    if agent["format_version"] == FORMAT_VERSION and bundle.agent_sha256 != agent.get(
        "agent_sha256"
    ):
        raise BundleError(
            f"{folder / AGENT_FILE}: the game or the architecture was changed: agent_sha256 is "
            f"{bundle.agent_sha256[:12]}..., not {str(agent.get('agent_sha256'))[:12]}...; "
            "export the agent again"
        )
    return bundle


def _description(policy: BundledPolicy) -> dict[str, Any]:
    """Return what decides a move beside the weights, as it stands in agent.json."""
    if isinstance(policy, OwnNetworkPolicy):
        own = policy.network
        values = (OWN, own.path, own.kwargs, own.source_sha256)
        described = dict(zip(("network", "class", "kwargs", "source_sha256"), values, strict=True))
        return {"game": policy.game.as_json(), "architecture": described}
    network = policy.policy if isinstance(policy, LookaheadPolicy) else policy
    architecture: dict[str, Any] = {
        "network": AFTERSTATE_MLP if isinstance(network, AfterstatePolicy) else MLP,
        "activation": policy.activation,
        "seats": SEPARATE if isinstance(policy, SeatPolicies) else SHARED,
    }
    if policy.inputs.names:
        architecture[INPUTS_KEY] = list(policy.inputs.names)
    if isinstance(policy, LookaheadPolicy):
        architecture[LOOKAHEAD_KEY] = policy.plies
    return {"game": policy.game.as_json(), "architecture": architecture}


def _game(described: Any) -> Game:
    """Return the game that agent.json describes.

    Raises:
        TypeError, ValueError: If a number or a switch has another type, such as 3.0 or "0".
        OwnGameError: If it is one's own game, and is not there or not what it was.
    """
    if isinstance(described, dict) and described.keys() == {"own_game", "sha256"}:
        return _own_game(described["own_game"], described["sha256"])
    game = Game(**described)
    for field in fields(Game):
        value, expected = getattr(game, field.name), type(field.default)
        if type(value) is not expected:
            raise TypeError(f"{field.name} is {value!r}, not of type {expected.__name__}")
    return game


def _own_game(reference: str, sha256: str) -> Game:
    game = load_own_game(reference)
    found = game.rules.sha256
    if found != sha256:
        raise OwnGameError(
            f"{reference} is another game than the agent was trained in: its digest is "
            f"{found[:12]}..., not {str(sha256)[:12]}...; undo the change, or train again"
        )
    return game


def _read_agent(path: Path) -> dict[str, Any]:
    try:
        agent = read_json_file(path)
    except FileNotFoundError:
        raise BundleError(
            f"{path}: no such file; a bundle has {AGENT_FILE} and {WEIGHTS_FILE}"
        ) from None
    except (ValueError, OSError) as error:
        raise BundleError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(agent, dict) or agent.get("format") != "ttt_rllib.agent":
        raise BundleError(f"{path}: not an agent of ttt_rllib")
    version = agent.get("format_version")
    # A bool is an int, and 1.0 equals 1.
    if type(version) is not int or version not in (*EARLIER_VERSIONS, FORMAT_VERSION):
        raise BundleError(
            f"{path}: format_version is {version!r}; "
            f"this version of ttt_rllib reads {FORMAT_VERSION} and earlier ones"
        )
    return agent


def _read_weights(path: Path) -> Weights:
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise BundleError(
            f"{path}: no such file; a bundle has {AGENT_FILE} and {WEIGHTS_FILE}"
        ) from None
    except DAMAGE as error:
        raise BundleError(f"{path}: not a readable weights file: {error}") from error
    for name, array in weights.items():
        if array.dtype != np.float32:
            raise BundleError(f"{path}: {name} is {array.dtype}, not float32; export it again")
    return weights


def _check_size(path: Path) -> None:
    """Refuse a file that would be too large once it is unpacked.

    Raises:
        ValueError, OSError, zipfile.BadZipFile: If it is, or if it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(file.file_size for file in archive.infolist())
    if unpacked > MAX_WEIGHTS_BYTES:
        raise ValueError(f"it unpacks to {unpacked:,} bytes; a network has a few million")


def _policy(game: Game, weights: Weights, architecture: dict[str, Any]) -> BundledPolicy:
    """Build the network, or the network of each seat.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: If the weights are not those of the
            architecture.
    """
    unknown = sorted(architecture.keys() - ARCHITECTURE)
    if unknown:
        raise ValueError(f"{unknown[0]} is no key of an architecture")
    network = architecture["network"]
    if network not in (MLP, AFTERSTATE_MLP):
        raise ValueError(f"network is {network!r}; known are {MLP}, {AFTERSTATE_MLP}")
    activation = architecture["activation"]
    # Bundles that were written before seats could differ do not have the key.
    seats = architecture.get("seats", SHARED)
    is_plain = INPUTS_KEY not in architecture
    inputs = PLAIN_INPUTS if is_plain else Inputs.of_names(architecture[INPUTS_KEY])
    if seats == SHARED:
        policy = network_policy(game, weights, activation, inputs)
        if isinstance(policy, AfterstatePolicy) != (network == AFTERSTATE_MLP):
            raise ValueError(f"network is {network}, but the weights have a {policy.head} head")
        _check_shapes(policy)
        if LOOKAHEAD_KEY in architecture:
            return LookaheadPolicy(policy, architecture[LOOKAHEAD_KEY])
        return policy
    if seats != SEPARATE:
        raise ValueError(f"seats is {seats!r}; known are {SHARED}, {SEPARATE}")
    if network != MLP or LOOKAHEAD_KEY in architecture:
        raise ValueError(f"seats is {seats!r}; this agent has one network for both")
    return _seat_policies(game, weights, activation, inputs)


def _own_policy(
    folder: Path, game: Game, weights: Weights, architecture: dict[str, Any]
) -> OwnNetworkPolicy:
    """Return the agent with a user's network.

    Raises:
        BundleError: If neither its class nor its ONNX model can be used here.
        TypeError, ValueError: If the architecture is none.
    """
    if architecture.keys() != OWN_ARCHITECTURE:
        raise ValueError(f"its architecture has {sorted(architecture)}")
    path, kwargs, source = (architecture[key] for key in ("class", "kwargs", "source_sha256"))
    if not (isinstance(path, str) and re.fullmatch(DOTTED_PATH, path)):
        raise ValueError(f"class is {path!r}")
    if not isinstance(kwargs, dict):
        raise TypeError(f"kwargs is {kwargs!r}")
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise ValueError("a weight is not finite")
    network, file = OwnNetwork(path, kwargs, source), folder / ONNX_FILE
    model = Model(file, weights_sha256(weights)) if file.is_file() else None
    try:
        answers = own_answers(game, network, weights, model)
    except ValueError as error:
        raise BundleError(f"{folder / AGENT_FILE}: {error}") from error
    return OwnNetworkPolicy(game, network, weights, answers, model)


def _seat_policies(game: Game, weights: Weights, activation: str, inputs: Inputs) -> SeatPolicies:
    of_seat: dict[str, Weights] = {"x": {}, "o": {}}
    for name, array in weights.items():
        seat, _, name_in_seat = name.partition(".")
        of_seat[seat][name_in_seat] = array
    policies = {seat: NetworkPolicy(game, own, activation, inputs) for seat, own in of_seat.items()}
    for policy in policies.values():
        _check_shapes(policy)
    return SeatPolicies(**policies)


def _check_shapes(policy: NetworkPolicy) -> None:
    width = policy.inputs.width(policy.game)
    layer = 0
    while f"trunk.{layer}.weight" in policy.weights:
        width = _check_layer(policy.weights, f"trunk.{layer}", width)
        layer += 1
    actions = policy.game.num_actions
    heads = {"q": {"q": actions}, "policy": {"policy": actions, "value": 1}, "value": {"value": 1}}
    for head, size in heads[policy.head].items():
        if _check_layer(policy.weights, head, width) != size:
            raise ValueError(f"{head} head has {policy.weights[head + '.bias'].shape} outputs")


def _check_layer(weights: Weights, name: str, inputs: int) -> int:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if weight.shape != (len(bias), inputs):
        raise ValueError(f"{name}.weight is {weight.shape}, inputs are {inputs}")
    if bias.ndim != 1:
        raise ValueError(f"{name}.bias is {bias.shape}; a bias has one dimension")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError(f"{name} has weights that are not finite")
    return len(bias)
