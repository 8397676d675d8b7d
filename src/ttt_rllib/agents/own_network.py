"""Agents whose network is a user's own: any `torch.nn.Module` from a board to logits and a value.

    Net(game, **kwargs)             the class
    planes  [n, rows, cols, 2]      float32 in {0, 1}: stones of the mover, then of the opponent
    logits  [n, A], value [n]       float32; illegal moves are masked here, +1 = the mover wins

Its answers come from its own forward pass, or from the ONNX model in the agent's bundle where the
class cannot be imported. torch and onnxruntime are imported only when it is asked.
Shapes: `B` and `n` positions, `S` squares, `A` actions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.onnx_session import onnx_session
from ttt_rllib.agents.policies import Weights
from ttt_rllib.config.own_code import import_own, source_of, source_sha256
from ttt_rllib.errors import InputError, error_words
from ttt_rllib.exact.tables import Table

__all__ = [
    "CLASS",
    "Answers",
    "Model",
    "OwnNetwork",
    "OwnNetworkPolicy",
    "answering_module",
    "board_planes",
    "build_network",
    "export_model",
    "own_answers",
    "torch_answers",
]

CLASS = "model.class"
"""The setting that names the class."""

EQUAL = 1e-4
"""Moves whose probability is less than this share below the greatest are equally probable."""

OPSET = 17
"""Operator set of the exported model; torch's tracing exporter knows it in all its versions."""

ROWS = 4096
"""Positions at a time."""

# -inf would turn a row without a legal action into NaN.
ILLEGAL = float(np.finfo(np.float32).min)

Floats = npt.NDArray[np.floating[Any]]
Answers = Callable[[npt.NDArray[np.float32], npt.NDArray[np.bool_]], tuple[Floats, Floats]]
"""From stones `[n, 2 S]` and legal mask `[n, A]` to probabilities `[n, A]` and values `[n]`."""


@dataclass(frozen=True)
class OwnNetwork:
    """Which network it is.

    Attributes:
        path: Of the class, `module:Net`.
        kwargs: Its arguments beside the game, as JSON has them.
        source_sha256: Of the file that defines it.
    """

    path: str
    kwargs: dict[str, Any]
    source_sha256: str

    @property
    def described(self) -> str:
        """How it is called, such as "my_module:Net(channels=16)"."""
        return f"{self.path}({', '.join(f'{name}={one!r}' for name, one in self.kwargs.items())})"


class Model(NamedTuple):
    """An agent's ONNX model.

    Attributes:
        path: Its file.
        weights_sha256: Hash of the agent's weights, which the model has noted.
    """

    path: Path
    weights_sha256: str


@dataclass(frozen=True)
class OwnNetworkPolicy:
    """Plays by a user's network.

    Its arithmetic is float32, which rounds differently from processor to processor and with the
    number of rows. So moves whose probabilities differ by less than a ten-thousandth of the
    greatest count as equal, and the lowest number of equals is the greedy move.

    Attributes:
        game: The rules.
        network: Which network it is.
        weights: The module's `state_dict`, float32.
        answers: Asks the network.
        model: The ONNX model of this agent, if it was loaded from a bundle with one.
    """

    game: Game
    network: OwnNetwork
    weights: Weights
    answers: Answers = field(compare=False, repr=False)
    model: Model | None = field(default=None, compare=False, repr=False)

    def __call__(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`, of which almost equal ones of the best are equal."""
        chances = self.probabilities(boards)
        best = chances.max(axis=1, keepdims=True)
        chances = np.where(chances >= best * (1.0 - EQUAL), best, chances)
        return chances / chances.sum(axis=1, keepdims=True)

    def greedy_actions(self, boards: Boards) -> npt.NDArray[np.intp]:
        """Return the most probable moves `[B]`, the lowest number of equals."""
        return self(boards).argmax(axis=1)

    def probabilities(self, boards: Boards) -> Table:
        """Return the network's probabilities `[B, A]` as they are, 0 where illegal."""
        return self._ask(boards)[0].astype(np.float64)

    def values(self, boards: Boards) -> Floats:
        """Return the estimates `[B]` of the value, +1 = the mover wins."""
        return self._ask(boards)[1]

    def logits(self, boards: Boards) -> Floats:
        """Return log-probabilities `[B, A]`, which are logits but for a constant of each row."""
        return np.log(np.maximum(self.probabilities(boards), np.finfo(np.float32).tiny))

    @property
    def inputs(self) -> Inputs:
        """What it sees: the stones alone."""
        return PLAIN_INPUTS

    @property
    def has_q_head(self) -> bool:
        """Its outputs for the moves are no values."""
        return False

    def _ask(self, boards: Boards) -> tuple[Floats, Floats]:
        """Return probabilities `[B, A]` and values `[B]`.

        Raises:
            FloatingPointError: If one is not finite.
        """
        stones = boards.observe().reshape(len(boards), 2 * self.game.num_squares)
        legal = boards.legal_mask()
        chances = np.empty((len(boards), self.game.num_actions), np.float32)
        values = np.empty(len(boards), np.float32)
        for start in range(0, len(boards), ROWS):
            rows = slice(start, start + ROWS)
            chances[rows], values[rows] = self.answers(stones[rows].astype(np.float32), legal[rows])
        if not (np.isfinite(chances).all() and np.isfinite(values).all()):
            raise FloatingPointError(f"{self.network.described}: an output is not finite")
        return chances, values


def build_network(path: str, kwargs: Mapping[str, Any], game: Game) -> Any:
    """Import a class and build the network, in the mode for evaluation.

    Nothing but a class of `torch.nn.Module` is called: an agent's bundle, which may come from
    anywhere, names it with its arguments.

    Raises:
        InputError: If there is no such class, or it cannot be built.
    """
    from torch import nn

    found = import_own(CLASS, path)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(
            f"{CLASS}: {path} is {_kind(found)}; it must be a class derived from torch.nn.Module"
        )
    try:
        return found(game, **kwargs).eval()
    except Exception as error:
        # A user's constructor may raise anything.
        raise InputError(
            f"{CLASS}: {path} cannot be built as Net(game, **kwargs) with model.kwargs "
            f"{dict(kwargs)}: {error_words(error)}"
        ) from error


def board_planes(stones: Any, game: Game) -> Any:
    """Return stones `[n, 2 S]`, a tensor, as the network sees them, `[n, rows, cols, 2]`."""
    return stones.reshape(-1, game.rows, game.cols, 2)


def answering_module(network: Any, game: Game) -> Any:
    """Return a torch module from stones and legal mask to probabilities and values.

    Args:
        network: The user's.
        game: The rules.
    """
    import torch
    from torch import Tensor, nn

    class Answering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, stones: Tensor, legal: Tensor) -> tuple[Tensor, Tensor]:
            logits, values = self.network(board_planes(stones, game))
            return torch.where(legal, logits, ILLEGAL).softmax(dim=1), values

    return Answering().eval()


def torch_answers(network: Any, game: Game) -> Answers:
    """Return what asks a torch module, with the weights that it has then."""
    import torch

    module = answering_module(network, game)

    def answers(
        stones: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        with torch.inference_mode():
            chances, values = module(torch.from_numpy(stones), torch.from_numpy(legal))
        return chances.numpy(), values.numpy()

    return answers


def own_answers(
    game: Game, network: OwnNetwork, weights: Weights, model: Model | None = None
) -> Answers:
    """Return what asks the network of an agent that was loaded; nothing is imported yet.

    Its class is taken where it can be found with the source that the agent was trained with, else
    its ONNX model.

    Args:
        game: The rules.
        network: Which network it is.
        weights: Its weights.
        model: The agent's ONNX model; None if it has none.

    Raises:
        ValueError: If it has neither.
    """
    reason = _why_not_importable(network)
    if reason is None:
        return _FromClass(game, network, weights, model)
    if model is None:
        raise ValueError(
            f"{reason}, and there is no ONNX model of the agent; start the command where that "
            "module is, or train with pip install onnx onnxruntime"
        )
    if find_spec("onnxruntime") is None:
        raise ValueError(f"{reason}, and its ONNX model needs onnxruntime: pip install onnxruntime")
    return _FromModel(model)


def export_model(policy: OwnNetworkPolicy) -> bytes:
    """Return the agent as an ONNX model, as torch exports it.

    Torch's tracing exporter does it, which needs no further package, unlike the newer one.

    Raises:
        InputError: If the class cannot be imported, or torch cannot export the network.
    """
    import torch

    module = answering_module(_module(policy.game, policy.network, policy.weights), policy.game)
    stones = torch.zeros(2, 2 * policy.game.num_squares)
    legal = torch.ones(2, policy.game.num_actions, dtype=torch.bool)
    names = ("observation", "action_mask", "probabilities", "value")
    file = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Of the exporter's age; and of traces, which are compared with the network afterwards.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (stones, legal),
                file,  # type: ignore[arg-type]  # the tracing exporter takes it
                dynamo=False,
                opset_version=OPSET,
                input_names=names[:2],
                output_names=names[2:],
                dynamic_axes={name: {0: "batch"} for name in names},
            )
    except Exception as error:
        # The exporter raises whatever the network's operators make of its tracing.
        raise InputError(
            f"{policy.network.path} cannot be exported to ONNX by torch: {error_words(error)}"
        ) from error
    return file.getvalue()


def _module(game: Game, network: OwnNetwork, weights: Weights) -> Any:
    """Return the user's module with the agent's weights.

    Raises:
        InputError: If the class cannot be imported, or has other weights.
    """
    import torch

    module = build_network(network.path, network.kwargs, game)
    try:
        module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    except RuntimeError as error:
        raise InputError(
            f"{CLASS}: the agent's weights are not those of {network.described}: "
            f"{error_words(error)}"
        ) from error
    return module


class _FromClass:
    """Asks the user's module, which is built when it is asked first."""

    def __init__(
        self, game: Game, network: OwnNetwork, weights: Weights, model: Model | None
    ) -> None:
        self._game, self._network, self._weights, self._model = game, network, weights, model

    def __call__(
        self, stones: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        return self._answers(stones, legal)

    @cached_property
    def _answers(self) -> Answers:
        try:
            return torch_answers(_module(self._game, self._network, self._weights), self._game)
        except InputError:
            # What the module imports may be missing, although the module itself is not.
            if self._model is None or find_spec("onnxruntime") is None:
                raise
            return _FromModel(self._model)


class _FromModel:
    """Asks an ONNX model, which is read when it is asked first."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __call__(
        self, stones: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        feed = {"observation": stones, "action_mask": legal}
        chances, values = self._session.run(["probabilities", "value"], feed)
        return chances, values

    @cached_property
    def _session(self) -> Any:
        path = self._model.path
        session = onnx_session(path)
        about = session.get_modelmeta().custom_metadata_map
        if about.get("weights_sha256") != self._model.weights_sha256:
            raise InputError(f"{path}: is the model of another agent; export this one again")
        return session


def _why_not_importable(network: OwnNetwork) -> str | None:
    """Return why the class cannot be taken, as a clause; None if it can.

    The source is compared before it is imported: an agent's file must not decide what runs here.
    """
    try:
        source = source_of(CLASS, network.path)
        # What this process has imported may be gone from the disk.
        sha256 = source_sha256(source) if source is not None and source.is_file() else None
    except (InputError, OSError) as error:
        return str(error)
    if sha256 is None:
        return f"{network.path} is not found here"
    if sha256 != network.source_sha256:
        return f"{source} is not the file that the agent was trained with"
    return None if find_spec("torch") else f"{network.path} needs torch, which is not installed"


def _kind(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"a {type(found).__name__}"
