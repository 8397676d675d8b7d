"""ONNX models: ours, and those that have inputs and outputs of the same names.

onnxruntime is imported only when a model is given.
Shapes: `B` positions, `S` squares, `A` actions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.onnx import INSTALL
from ttt_rllib.agents.onnx_session import onnx_session
from ttt_rllib.errors import InputError, error_words
from ttt_rllib.foreign.checked import Foreign
from ttt_rllib.foreign.games import agreed_game
from ttt_rllib.foreign.observations import ACTION_MASK, OBSERVATION

__all__ = ["ONNX_SUFFIX", "onnx_agent"]

ONNX_SUFFIX = ".onnx"
PROBABILITIES, LOGITS = "probabilities", "logits"
"""The outputs that can be asked for; illegal moves are left out of logits here."""

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(bool)": np.bool_,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}

Array = npt.NDArray[Any]


def onnx_agent(path: Path, wanted: Game | None, name: str) -> Foreign:
    """Return a model in a file.

    Args:
        path: The file. The model has the input "observation", `[B, 2 S]` or `[B, rows, cols, 2]`,
            mostly "action_mask" `[B, A]`, and the output "probabilities" or "logits" `[B, A]`.
        wanted: The game; None = the one that the model names, else tic-tac-toe.
        name: What people call the agent.

    Raises:
        InputError: If it is no such model, or one of another game.
    """
    session = _session(path, name)
    game = agreed_game(wanted, _declared_game(session, name), name)
    feeds = {one.name: _feed(one, game, name) for one in session.get_inputs()}
    output = _output(session, name)

    def ask(boards: Boards) -> Array:
        (answer,) = session.run([output], {key: feed(boards) for key, feed in feeds.items()})
        return _softmax(answer, boards) if output == LOGITS else np.asarray(answer)

    return Foreign("an ONNX model", game, ask)


def _session(path: Path, name: str) -> Any:
    try:
        return onnx_session(path, name)
    except ModuleNotFoundError:
        raise InputError(f"{name}: needs onnxruntime, which is not installed; {INSTALL}") from None


def _declared_game(session: Any, name: str) -> Game | None:
    about = session.get_modelmeta().custom_metadata_map.get("game")
    if about is None:
        return None
    try:
        return Game(**json.loads(about))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name}: its metadata name no game: {error_words(error)}; export it again"
        ) from None


def _feed(declared: Any, game: Game, name: str) -> Callable[[Boards], Array]:
    if declared.name not in (OBSERVATION, ACTION_MASK) or declared.type not in TYPES:
        raise InputError(
            f"{name}: has an input {declared.name!r} of {declared.type}; its inputs are to be "
            f"{OBSERVATION!r} and {ACTION_MASK!r}, of numbers or switches"
        )
    dtype = TYPES[declared.type]
    show: Callable[[Boards], Array]
    shape: tuple[int, ...]
    if declared.name == ACTION_MASK:
        show, shape = Boards.legal_mask, (game.num_actions,)
    elif len(declared.shape) == 2:
        show, shape = _flat, (2 * game.num_squares,)
    else:
        show, shape = Boards.observe, (game.rows, game.cols, 2)
    batch, *sizes = declared.shape
    # A size that a name stands for is any.
    wrong = [a for a, b in zip(sizes, shape, strict=False) if isinstance(a, int) and a != b]
    if wrong or len(sizes) != len(shape) or isinstance(batch, int):
        raise InputError(
            f"{name}: its {declared.name} has the shape {declared.shape}; for {game.title} it is "
            f"['batch', {', '.join(map(str, shape))}]: export it so, or name its game with --game"
        )
    return lambda boards: show(boards).astype(dtype)


def _output(session: Any, name: str) -> str:
    names = [one.name for one in session.get_outputs()]
    for known in (PROBABILITIES, LOGITS):
        if known in names:
            return known
    raise InputError(
        f"{name}: its outputs are {', '.join(names)}; name one {PROBABILITIES} or {LOGITS}"
    )


def _flat(boards: Boards) -> Array:
    return boards.observe().reshape(len(boards), -1)


def _softmax(logits: Array, boards: Boards) -> Array:
    """Return probabilities `[B, A]` of logits, among the legal moves."""
    if np.shape(logits) != (len(boards), boards.game.num_actions):
        return np.asarray(logits)
    masked = np.where(boards.legal_mask(), logits.astype(np.float64), -np.inf)
    odds = np.exp(masked - masked.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
