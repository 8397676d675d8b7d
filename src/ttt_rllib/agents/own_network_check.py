"""Whether a user's network can be trained: its class, its weights, and what it answers.

Everything is tried before Ray starts, on random positions. torch is imported only then.
Shapes: `n` positions, `A` actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ttt_envs.boards import random_openings
from ttt_envs.game import Game
from ttt_rllib.agents.bundle import MAX_WEIGHTS_BYTES
from ttt_rllib.agents.own_network import CLASS, board_planes, build_network
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError, error_words

__all__ = ["check_network", "check_own_network", "own_classes"]

POSITIONS = 16
"""Positions on which a network is tried."""

CLOSE = 1e-3
"""Rounding is less, also with another number of rows."""


def own_classes(experiment: Experiment) -> list[tuple[str, str]]:
    """Return the classes that an experiment's trials may have, each with the setting's key."""
    paths = [experiment.model.class_]
    if experiment.search and (searched := experiment.search.space.get(CLASS)):
        paths += searched.values
    return [(CLASS, path) for path in dict.fromkeys(paths) if path is not None]


def check_own_network(experiment: Experiment) -> None:
    """Check the classes that an experiment names, each with the arguments that it names.

    Raises:
        InputError: If one cannot be trained.
    """
    classes = own_classes(experiment)
    if not classes:
        return
    kwargs = dict(experiment.model.kwargs)
    if experiment.search:
        prefix = "model.kwargs."
        space = experiment.search.space
        kwargs |= {
            key.removeprefix(prefix): one.values[0]
            for key, one in space.items()
            if key.startswith(prefix)
        }
    game = experiment.env.game
    assert game is not None  # noqa: S101 - the experiment's check ensures it
    for _, path in classes:
        check_network(path, build_network(path, kwargs, game), game)


def check_network(path: str, network: Any, game: Game) -> None:
    """Check a network's weights and answers.

    Args:
        path: Of its class.
        network: The module.
        game: The rules.

    Raises:
        InputError: If it cannot be trained.
    """
    for problem in (*_wrong_weights(network), *_wrong_answers(network, game)):
        raise InputError(f"{CLASS}: {path} {problem}")


def _wrong_weights(network: Any) -> Iterator[str]:
    import torch

    state = network.state_dict()
    if not any(one.requires_grad for one in network.parameters()):
        yield "has no weights to train; assign its layers to attributes in its constructor"
    for name, tensor in state.items():
        if tensor.dtype != torch.float32:
            yield (
                f"keeps {name} as {str(tensor.dtype).removeprefix('torch.')} in its state_dict; "
                "make it float32, or register it with persistent=False (a batch normalisation "
                "has such a counter: take a layer or group normalisation)"
            )
        elif not torch.isfinite(tensor).all():
            yield f"begins with a weight that is not finite, in {name}; initialise it"
    num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if num_bytes > MAX_WEIGHTS_BYTES:
        yield f"has {num_bytes:,} bytes of weights; an agent has at most {MAX_WEIGHTS_BYTES:,}"


def _wrong_answers(network: Any, game: Game) -> Iterator[str]:
    import torch

    boards = random_openings(game, POSITIONS, (0, game.num_squares - 1), np.random.default_rng(0))
    stones = torch.from_numpy(boards.observe().reshape(len(boards), -1).astype(np.float32))
    planes = board_planes(stones, game)
    try:
        answer, alone, again = network(planes), network(planes[:1]), network(planes)
    except Exception as error:
        # A user's forward pass may raise anything.
        yield (
            f"fails in forward(planes) with planes {list(planes.shape)}, float32: "
            f"{error_words(error)}"
        )
        return
    wrong = _wrong_shape(answer, len(boards), game.num_actions)
    if wrong is not None:
        yield wrong
        return
    if not all(bool(torch.isfinite(one).all()) for one in answer):
        yield "answers with numbers that are not finite; illegal moves are masked for it"
    elif not all(torch.equal(*pair) for pair in zip(answer, again, strict=True)):
        yield "answers differently when it is asked twice; leave randomness out of forward"
    elif not all(
        torch.allclose(one[:1], other, rtol=CLOSE, atol=CLOSE)
        for one, other in zip(answer, alone, strict=True)
    ):
        yield "answers differently for a position alone and among others; treat every row alike"
    elif not all(one.requires_grad for one in answer):
        yield "gives outputs without a gradient; leave no_grad and detach out of forward"


def _wrong_shape(answer: Any, rows: int, num_actions: int) -> str | None:
    """Return what is wrong with what forward returned; None if nothing is."""
    import torch

    right = f"(logits [{rows}, {num_actions}], value [{rows}])"
    if not isinstance(answer, tuple) or not all(isinstance(one, torch.Tensor) for one in answer):
        return f"returns a {type(answer).__name__}; forward must return the tensors {right}"
    shapes = [list(one.shape) for one in answer]
    if shapes != [[rows, num_actions], [rows]]:
        return f"returns shapes {', '.join(map(str, shapes))}; forward must return {right}"
    if any(one.dtype != torch.float32 for one in answer):
        kinds = ", ".join(str(one.dtype).removeprefix("torch.") for one in answer)
        return f"returns {kinds}; forward must return float32"
    return None
