"""RLModules of anybody, from a checkpoint or at hand: their answers to observations.

Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.core import Columns
from ray.rllib.core.rl_module import MultiRLModule, RLModule

from ttt_rllib.errors import InputError, error_words

__all__ = ["answer", "load_module", "only_module"]

Array = npt.NDArray[Any]


def load_module(path: Path, name: str) -> RLModule:
    """Load a module that RLlib has saved.

    Args:
        path: The folder of the module, or of several.
        name: What people call the agent.

    Raises:
        InputError: If its class cannot be imported, or as `only_module`.
    """
    try:
        with warnings.catch_warnings():
            # RLlib warns of what it deprecates in itself.
            warnings.simplefilter("ignore", DeprecationWarning)
            module = RLModule.from_checkpoint(path.absolute())
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name}: the checkpoint needs the module {error.name}, which is not here; run this "
            "where it was trained"
        ) from error
    except Exception as error:
        # What is unpickled there may raise anything.
        raise InputError(
            f"{name}: the checkpoint cannot be loaded: {error_words(error)}"
        ) from error
    return only_module(module, name, path)


def only_module(module: RLModule, name: str, path: Path | None = None) -> RLModule:
    """Return a module that can be asked, alone.

    Args:
        module: It may be a `MultiRLModule` of one.
        name: What people call the agent.
        path: Where it was loaded from.

    Raises:
        InputError: If there are several, or if it remembers earlier observations.
    """
    if isinstance(module, MultiRLModule):
        names = list(module.keys())
        if len(names) != 1:
            where = "" if path is None else f": {path / names[0]}" if names else ""
            raise InputError(
                f"{name}: holds the modules {', '.join(names) or 'of nobody'}; give one of them"
                f"{where}, with --seat where each plays its own"
            )
        module = module[names[0]]
    if module.is_stateful():
        raise InputError(
            f"{name}: remembers earlier observations; a proof is about positions: give a module "
            "without a state"
        )
    module.eval()
    return module


def answer(module: RLModule, observations: Any) -> Array:
    """Return a module's probabilities `[B, A]`, or its moves `[B]` where it has none.

    Args:
        module: It was returned by `load_module` or `only_module`.
        observations: `[B, ...]`, or a dict of such arrays, as its observation space has them.

    Raises:
        KeyError: If it gives neither logits nor actions.
    """
    with torch.no_grad():
        outputs = module.forward_inference({Columns.OBS: _tensors(observations)})
    if Columns.ACTION_DIST_INPUTS not in outputs:
        return np.asarray(outputs[Columns.ACTIONS].cpu().numpy())
    logits = outputs[Columns.ACTION_DIST_INPUTS]
    return np.asarray(torch.softmax(logits.double(), dim=-1).cpu().numpy())


def _tensors(observations: Any) -> Any:
    if isinstance(observations, Mapping):
        return {key: torch.as_tensor(value) for key, value in observations.items()}
    return torch.as_tensor(observations)
