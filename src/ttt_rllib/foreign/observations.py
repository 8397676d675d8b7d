"""What an agent that declares its spaces is shown of a position.

The layouts are those of PettingZoo's board games. Spaces of gymnasium and of gym look alike, so
that none of them is imported here.
Shapes: `B` positions, `S` squares, `A` actions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.errors import InputError

__all__ = ["ACTION_MASK", "OBSERVATION", "observer"]

OBSERVATION, ACTION_MASK = "observation", "action_mask"

Array = npt.NDArray[Any]


def observer(
    game: Game, observation_space: Any, action_space: Any, name: str
) -> Callable[[Boards], Any]:
    """Return what shows positions as an agent's observation space wants them.

    Args:
        game: The rules.
        observation_space: A Box of shape `[rows, cols, 2]`, `[2 S]` or `[2 S + A]`, the last with
            the mask at the end, or a Dict with such a Box as "observation" and with "action_mask".
        action_space: Discrete, with the actions of the game.
        name: What people call the agent.

    Raises:
        InputError: If the spaces are others, which mostly are those of another game.
    """
    count = getattr(action_space, "n", None)
    if count != game.num_actions:
        raise InputError(
            f"{name}: its action space is {action_space}, but {game.title} has "
            f"{game.num_actions} moves; name the game that it plays with --game"
        )
    spaces = getattr(observation_space, "spaces", None)
    if spaces is None:
        show = _boxed(game, observation_space, name)
        return lambda boards: show(boards)
    if set(spaces) != {OBSERVATION, ACTION_MASK}:
        raise InputError(
            f"{name}: its observation space has {', '.join(map(str, spaces))}; known are "
            f"{OBSERVATION} and {ACTION_MASK}, or a Box alone: prove a function that translates"
        )
    show = _boxed(game, spaces[OBSERVATION], name)
    mask_type = spaces[ACTION_MASK].dtype or np.int8
    return lambda boards: {
        OBSERVATION: show(boards),
        ACTION_MASK: boards.legal_mask().astype(mask_type),
    }


def _boxed(game: Game, space: Any, name: str) -> Callable[[Boards], Array]:
    shape, dtype = tuple(space.shape or ()), space.dtype
    squares, actions = game.num_squares, game.num_actions
    layouts: dict[tuple[int, ...], Callable[[Boards], Array]] = {
        (2 * squares + actions,): _with_mask,
        (2 * squares,): lambda boards: boards.observe().reshape(len(boards), -1),
        (game.rows, game.cols, 2): lambda boards: boards.observe(),
    }
    if shape not in layouts:
        known = ", ".join(str(list(one)) for one in reversed(layouts))
        raise InputError(
            f"{name}: its observations have the shape {list(shape)}; those of {game.title} have "
            f"{known}: name the game that it plays with --game, or prove a function that translates"
        )
    layout = layouts[shape]
    return lambda boards: layout(boards).astype(dtype)


def _with_mask(boards: Boards) -> Array:
    stones = boards.observe().reshape(len(boards), -1)
    return np.concatenate([stones, boards.legal_mask().astype(np.int8)], axis=1)
