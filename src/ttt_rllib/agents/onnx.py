"""Writes an agent's weights as an ONNX model, and compares the model with the agent.

    observation  [batch, 2 S] float32 in {0, 1}, `Boards.observe()`, one row per position
    action_mask  [batch, A]   bool, True where legal
    probabilities [batch, A]  float32, 0 where not allowed; a Q network gives its move 1
    value        [batch]      float32, the agent's estimate, +1 = the mover wins

Every row must have a legal action. What the agent knows of threats is computed inside the model.
onnx and onnxruntime are imported only when needed.
Shapes: `S` squares, `A` actions, `N` positions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import ttt_rllib
from ttt_envs.boards import Boards, random_openings
from ttt_envs.game import Game
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.onnx_graph import Graph
from ttt_rllib.agents.onnx_inputs import add_planes_and_mask
from ttt_rllib.agents.onnx_session import onnx_session
from ttt_rllib.agents.own_network import OwnNetworkPolicy, export_model
from ttt_rllib.agents.policies import AgentPolicy, NetworkPolicy, SeatPolicies
from ttt_rllib.exact.solved_game import solved_game

__all__ = ["INSTALL", "OPSET", "TOLERANCE", "Difference", "build_model", "compare"]

OPSET = 28
"""The newest operator set that both onnx 1.23 and onnxruntime 1.32 support."""

INSTALL = "pip install onnx onnxruntime"

TOLERANCE = 1e-5
"""Greatest difference between the model's outputs and the agent's, relative to their magnitude.

float32 rounds to 6e-8 of a number, and the rounding error of a layer grows with the square root
of the number of its inputs. 1e-5 leaves room for about a hundred such errors in a row and is far
below the difference of another agent's outputs.
"""

SAMPLED_POSITIONS = 4096
"""Number of positions compared where a game is too large to compare all of them."""

# -inf would turn a row without a legal action into NaN.
ILLEGAL = np.finfo(np.float32).min
OPERATORS = {"relu": "Relu", "tanh": "Tanh"}


@dataclass(frozen=True)
class Difference:
    """The differences between a model and its agent.

    The last bits of a sum depend on the order in which a processor's BLAS kernel adds, so
    differences are relative to the greatest magnitude of the numbers that were rounded, or to
    1 where that is less.

    Attributes:
        positions: Number of positions compared.
        probabilities: Greatest difference, relative to the greatest logit: where no logit is
            off by more than `d`, no probability of a softmax is off by more than `d / 2`. With
            a Q head it is 1 if the moves differ and 0 if not; moves of equal Q value count as
            equal.
        values: Greatest difference, relative to the greatest value.
    """

    positions: int
    probabilities: float
    values: float

    @property
    def greatest(self) -> float:
        """The greater of the two."""
        return max(self.probabilities, self.values)


def build_model(bundle: Bundle) -> bytes:
    """Return the agent as a serialised ONNX model that has passed onnx's own checker.

    Raises:
        ModuleNotFoundError: If onnx is not installed.
        TypeError: If the agent looks ahead.
        InputError: If torch cannot export a user's network.
    """
    import onnx
    from onnx import TensorProto, helper

    if isinstance(bundle.policy, OwnNetworkPolicy):
        model = onnx.load_model_from_string(export_model(bundle.policy))
        return _serialised(model, bundle)
    game = bundle.policy.game
    graph = Graph()
    policy = _networks(bundle)
    if isinstance(policy, SeatPolicies):
        probabilities, value = _seats(graph, policy)
    else:
        planes, mask = add_planes_and_mask(graph, game, policy.inputs, "observation", "action_mask")
        probabilities, value = _network(graph, policy, "agent.", planes, mask)
    graph.add("Identity", [probabilities], "probabilities")
    graph.add("Identity", [value], "value")
    inputs = (
        ("observation", TensorProto.FLOAT, ["batch", game.num_inputs]),
        ("action_mask", TensorProto.BOOL, ["batch", game.num_actions]),
    )
    outputs = (
        ("probabilities", TensorProto.FLOAT, ["batch", game.num_actions]),
        ("value", TensorProto.FLOAT, ["batch"]),
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "agent",
            [helper.make_tensor_value_info(*about) for about in inputs],
            [helper.make_tensor_value_info(*about) for about in outputs],
            list(graph.constants.values()),
        ),
        opset_imports=[opset],
        ir_version=helper.find_min_ir_version_for([opset]),
        producer_name="ttt_rllib",
        producer_version=ttt_rllib.__version__,
    )
    return _serialised(model, bundle)


def _serialised(model: Any, bundle: Bundle) -> bytes:
    """Note in a model whose it is, check it, and return it as bytes."""
    import onnx

    policy = bundle.policy
    about = {"game": json.dumps(policy.game.as_json()), "weights_sha256": bundle.weights_sha256}
    if policy.inputs.names:
        about["inputs"] = json.dumps(policy.inputs.names)
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def compare(path: Path, bundle: Bundle) -> Difference:
    """Compare the model with the agent in every decision position, or in a sample of them.

    Args:
        path: The model's file.
        bundle: The agent.

    Raises:
        ModuleNotFoundError: If onnxruntime is not installed.
        InputError: If the file is no ONNX model.
    """
    session = onnx_session(path)
    boards = _positions(bundle.policy.game)
    observation = boards.observe().reshape(len(boards), -1).astype(np.float32)

    def ask(rows: npt.NDArray[np.intp], mask: npt.NDArray[np.bool_]) -> list[npt.NDArray[Any]]:
        feed = {"observation": observation[rows], "action_mask": mask}
        return list(session.run(["probabilities", "value"], feed))

    everywhere = np.arange(len(boards))
    policy = bundle.policy if isinstance(bundle.policy, OwnNetworkPolicy) else _networks(bundle)
    probabilities, values = ask(everywhere, boards.legal_mask())
    # Not as it plays, where almost equal moves of a user's network are equal.
    ask_agent = policy.probabilities if isinstance(policy, OwnNetworkPolicy) else policy
    expected = ask_agent(boards)
    expected_values = policy.values(boards)
    apart = np.abs(probabilities - expected).max(axis=1)
    magnitude = _magnitude(expected_values)
    if not policy.has_q_head:
        apart /= _magnitude(policy.logits(boards)[boards.legal_mask()])
    elif len(other := np.flatnonzero(apart)):
        # Rounding may choose between equal moves, so the value of the agent's move decides.
        _, chosen = ask(other, expected[other] == 1.0)
        apart[other] = np.abs(chosen - values[other]) > TOLERANCE * magnitude
    values_apart = np.abs(values - expected_values) / magnitude
    return Difference(len(boards), float(apart.max()), float(values_apart.max()))


def _networks(bundle: Bundle) -> AgentPolicy:
    if isinstance(bundle.policy, (LookaheadPolicy, OwnNetworkPolicy)):
        raise TypeError("only a model of our own networks is made here, and it cannot look ahead")
    return bundle.policy


def _magnitude(numbers: npt.NDArray[Any]) -> float:
    """Return the greatest absolute value, at least 1: what differences are relative to."""
    return max(1.0, float(np.abs(numbers).max()))


def _positions(game: Game) -> Boards:
    truth = solved_game(game)
    if truth is not None:
        return truth.positions.boards[truth.positions.decisions]
    rng = np.random.default_rng(0)
    return random_openings(game, SAMPLED_POSITIONS, (0, game.max_plies - 1), rng)


def _network(
    graph: Graph,
    policy: NetworkPolicy,
    prefix: str,
    planes: str = "observation",
    mask: str = "action_mask",
) -> tuple[str, str]:
    """Add a network and return the names of its probabilities and its values.

    Args:
        graph: The graph to add to.
        policy: The network.
        prefix: Comes before all names and keeps two networks apart.
        planes: Name of what it sees.
        mask: Name of the mask of the moves that it may choose.
    """

    def dense(name: str, hidden: str) -> str:
        parameters = [
            graph.constant(f"{prefix}{name}.{part}", policy.weights[f"{name}.{part}"])
            for part in ("weight", "bias")
        ]
        return graph.add("Gemm", [hidden, *parameters], f"{prefix}{name}", transB=1)

    hidden, layer = planes, 0
    while f"trunk.{layer}.weight" in policy.weights:
        preactivation = dense(f"trunk.{layer}", hidden)
        operator = OPERATORS[policy.activation]
        hidden = graph.add(operator, [preactivation], f"{prefix}hidden.{layer}")
        layer += 1
    head = dense("q" if policy.has_q_head else "policy", hidden)
    illegal = graph.constant(f"{prefix}illegal", ILLEGAL)
    masked = graph.add("Where", [mask, head, illegal], f"{prefix}masked")
    if policy.has_q_head:
        return _greedy(graph, masked, policy.game.num_actions, prefix)
    last = graph.constant(f"{prefix}last_axis", np.array([1], np.int64))
    value = graph.add("Squeeze", [dense("value", hidden), last], f"{prefix}values")
    return graph.add("Softmax", [masked], f"{prefix}softmax", axis=1), value


def _seats(graph: Graph, policy: SeatPolicies) -> tuple[str, str]:
    """Add both seats' networks and take each row from the network that is on move."""
    last = graph.constant("last_axis", np.array([1], np.int64))
    stones = graph.add("ReduceSum", ["observation", last], "stones", keepdims=1)
    parity = graph.add("Mod", [stones, graph.constant("two", np.float32(2))], "parity", fmod=1)
    x_moves = graph.add("Equal", [parity, graph.constant("even", np.float32(0))], "x_moves")
    (x_chances, x_value), (o_chances, o_value) = (
        _network(graph, network, f"{seat}.") for seat, network in (("x", policy.x), ("o", policy.o))
    )
    x_moves_flat = graph.add("Squeeze", [x_moves, last], "x_moves_flat")
    return (
        graph.add("Where", [x_moves, x_chances, o_chances], "chances"),
        graph.add("Where", [x_moves_flat, x_value, o_value], "values"),
    )


def _greedy(graph: Graph, q_values: str, num_actions: int, prefix: str) -> tuple[str, str]:
    """Add the first move that has the greatest value, as probabilities, and that value."""
    best = graph.add("ArgMax", [q_values], f"{prefix}best", axis=1, keepdims=0)
    depth = graph.constant(f"{prefix}num_actions", np.int64(num_actions))
    off_on = graph.constant(f"{prefix}off_on", np.array([0, 1], np.float32))
    last = graph.constant(f"{prefix}last_axis", np.array([1], np.int64))
    greedy = graph.add("OneHot", [best, depth, off_on], f"{prefix}greedy", axis=1)
    return greedy, graph.add("ReduceMax", [q_values, last], f"{prefix}values", keepdims=0)
