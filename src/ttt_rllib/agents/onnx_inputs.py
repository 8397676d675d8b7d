"""What a network sees and may choose, inside an ONNX model: the same as `agents.inputs`.

Bitboards are rows of floats in {0, 1} there, and shifting them is a product with a matrix.
Shapes: `S` squares, `A` actions, `L` lines of the board.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.game import Game
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.onnx_graph import Graph

__all__ = ["add_planes_and_mask"]

Matrix = npt.NDArray[np.float32]


def add_planes_and_mask(
    graph: Graph, game: Game, inputs: Inputs, observation: str, action_mask: str
) -> tuple[str, str]:
    """Add what the network sees and the mask of the moves that it may choose.

    Args:
        graph: The graph to add to.
        game: The rules.
        inputs: What the network sees and may choose.
        observation: Name of the model's stones, `[batch, 2 S]` float32.
        action_mask: Name of the model's mask, `[batch, A]` bool.

    Returns:
        The names of the planes, `[batch, width]` float32, and of the mask, `[batch, A]` bool.
    """
    if not inputs.names:
        return observation, action_mask
    squares = _add_squares(graph, game, observation)
    planes = observation
    if inputs.threat_planes:
        parts = [observation, squares.mover_completes, squares.opponent_completes]
        for side, other in (("mover", "opponent"), ("opponent", "mover")):
            parts.append(_add_extends(graph, game, side, other))
        planes = graph.add("Concat", parts, "planes", axis=1)
    if not inputs.tactical_rule:
        return planes, action_mask
    return planes, _add_tactical_mask(graph, game, squares, action_mask)


class _Squares(NamedTuple):
    """Names of sets of squares, `[batch, S]` float32 in {0, 1}.

    Attributes:
        landing: Those on which a stone can land.
        mover_completes: The empty ones with which the mover would complete a line.
        opponent_completes: The empty ones with which the opponent would.
    """

    landing: str
    mover_completes: str
    opponent_completes: str


def _add_squares(graph: Graph, game: Game, observation: str) -> _Squares:
    squares = np.arange(game.num_squares)
    mover, opponent = (
        graph.add("Gather", [observation, graph.constant(f"{side}.places", places)], side, axis=1)
        for side, places in (("mover", 2 * squares), ("opponent", 2 * squares + 1))
    )
    occupied = graph.add("Add", [mover, opponent], "occupied")
    empty = graph.add("Sub", [graph.constant("one", np.float32(1)), occupied], "empty")
    completes = [_add_completes(graph, game, side, empty) for side in (mover, opponent)]
    if not game.gravity:
        return _Squares(empty, *completes)
    below = graph.constant("below", _below(game))
    bottom = graph.constant("bottom", np.float32(squares >= game.num_squares - game.cols))
    is_carried = graph.add("MatMul", [occupied, below], "is_carried")
    has_ground = graph.add("Add", [is_carried, bottom], "has_ground")
    return _Squares(graph.add("Mul", [empty, has_ground], "landing"), *completes)


def _add_completes(graph: Graph, game: Game, side: str, empty: str) -> str:
    """Add the empty squares with which a side, its stones by their name, would complete a line.

    A line on which it has all stones but one, and no line, has one square without a stone of its
    own; where that is empty, it completes the line.
    """
    lines = graph.constant(f"{side}.lines", _lines(game))
    squares = graph.constant(f"{side}.squares", _lines(game).T)
    wanted = graph.constant(f"{side}.wanted", np.float32(game.connect - 1))
    counts = graph.add("MatMul", [side, lines], f"{side}.counts")
    lacks_one = graph.add("Equal", [counts, wanted], f"{side}.lacks_one")
    lacking = graph.add("Cast", [lacks_one], f"{side}.lacking", to=_float_type())
    touched = graph.add("MatMul", [lacking, squares], f"{side}.touched")
    # A square may complete several lines.
    once = graph.add("Min", [touched, "one"], f"{side}.touched_once")
    return graph.add("Mul", [once, empty], f"{side}.completes")


def _add_extends(graph: Graph, game: Game, side: str, other: str) -> str:
    """Add the empty squares of lines on which a side lacks two stones and the other one has none.

    `_add_completes` has added the counts of both sides.
    """
    wanted = graph.constant(f"{side}.two_fewer", np.float32(game.connect - 2))
    nothing = graph.constant(f"{side}.none", np.float32(0))
    lacks_two = graph.add("Equal", [f"{side}.counts", wanted], f"{side}.lacks_two")
    is_free = graph.add("Equal", [f"{other}.counts", nothing], f"{side}.is_free")
    both = graph.add("And", [lacks_two, is_free], f"{side}.extendable")
    extendable = graph.add("Cast", [both], f"{side}.extendable_lines", to=_float_type())
    touched = graph.add("MatMul", [extendable, f"{side}.squares"], f"{side}.extended")
    once = graph.add("Min", [touched, "one"], f"{side}.extended_once")
    return graph.add("Mul", [once, "empty"], f"{side}.extends")


def _add_tactical_mask(graph: Graph, game: Game, squares: _Squares, action_mask: str) -> str:
    """Add the mask of the moves that `ttt_envs.threats.tactical_actions` leaves.

    Where the model's mask leaves out legal actions, the rule's are those of them that it leaves.
    """
    legal = graph.add("Cast", [action_mask], "legal", to=_float_type())
    wins = _add_actions(graph, game, "wins", squares.landing, squares.mover_completes)
    safe = _add_safe_actions(graph, game, squares)
    zero = graph.constant("zero", np.float32(0))
    axis = graph.constant("actions_axis", np.array([1], np.int64))
    allowed = legal
    for name, actions in (("safe", safe), ("wins", wins)):
        left = graph.add("Mul", [actions, legal], f"{name}.left")
        most = graph.add("ReduceMax", [left, axis], f"{name}.most", keepdims=1)
        has_any = graph.add("Greater", [most, zero], f"{name}.has_any")
        allowed = graph.add("Where", [has_any, left, allowed], f"{name}.else_before")
    return graph.add("Greater", [allowed, zero], "allowed_mask")


def _add_safe_actions(graph: Graph, game: Game, squares: _Squares) -> str:
    """Add the actions after which the opponent cannot win at once; see `threats.safe_actions`."""
    fatal = squares.opponent_completes
    threats = _add_actions(graph, game, "threats", squares.landing, fatal)
    free = _add_actions(graph, game, "free", squares.landing)
    axis = graph.constant("threats_axis", np.array([1], np.int64))
    count = graph.add("ReduceSum", [threats, axis], "threats.count", keepdims=1)
    # Only a stone on the threatened square itself averts the threat.
    is_one = graph.add("Equal", [count, "one"], "threats.is_one")
    nothing = graph.constant("nothing", np.float32(0))
    averting = graph.add("Where", [is_one, threats, nothing], "averting")
    is_none = graph.add("Equal", [count, nothing], "threats.is_none")
    safe = graph.add("Where", [is_none, free, averting], "safe_on_landing")
    if not game.gravity:
        return safe
    # A stone lifts the opponent's next one to the square above.
    above = graph.constant("above", _below(game).T)
    lifting = graph.add("MatMul", [fatal, above], "lifting.squares")
    lifts = _add_actions(graph, game, "lifting", squares.landing, lifting)
    return graph.add("Sub", [safe, graph.add("Mul", [safe, lifts], "safe_lifting")], "safe")


def _add_actions(graph: Graph, game: Game, name: str, *squares: str) -> str:
    """Add the actions, `[batch, A]` float32 in {0, 1}, whose stone lands on all of these sets.

    Args:
        graph: The graph to add to.
        game: The rules.
        name: Of the actions.
        *squares: The names of one or two sets of squares, the first of which are landing squares.
    """
    landing = squares[0] if len(squares) == 1 else graph.add("Mul", [*squares], f"{name}.landing")
    if not game.gravity:
        return landing
    columns = np.arange(game.num_squares)[:, None] % game.cols == np.arange(game.cols)
    matrix = graph.constant(f"{name}.columns", columns.astype(np.float32))
    return graph.add("MatMul", [landing, matrix], name)


def _lines(game: Game) -> Matrix:
    """`[S, L]` the squares of each line."""
    columns = []
    for distance, starts in game.lines:
        for start in range(game.num_squares):
            if starts >> start & 1:
                line = np.zeros(game.num_squares, np.float32)
                line[start + distance * np.arange(game.connect)] = 1
                columns.append(line)
    return np.stack(columns, axis=1)


def _below(game: Game) -> Matrix:
    """`[S, S]` the matrix that gives each square what the one below it has, the bottom row 0."""
    return np.eye(game.num_squares, k=-game.cols, dtype=np.float32)


def _float_type() -> int:
    from onnx import TensorProto

    return int(TensorProto.FLOAT)
