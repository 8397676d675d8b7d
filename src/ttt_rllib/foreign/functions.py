"""Functions and objects that are called; what they take is declared, never guessed.

The names of the parameters without a default say it, or the word `takes`:

    boards                        `ttt_envs.Boards`, a batch
    observations, action_masks    `[B, rows, cols, 2]` and `[B, A]` int8, a batch
    observation, action_mask      the same of one position, without B
    observation                   PettingZoo's dict of the two, of one position

The answer is probabilities `[B, A]` or moves `[B]`; of one position `[A]` or a number.
Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.errors import InputError, did_you_mean
from ttt_rllib.foreign.checked import Ask, Foreign, as_array
from ttt_rllib.foreign.games import agreed_game
from ttt_rllib.foreign.observations import ACTION_MASK, OBSERVATION

__all__ = ["FORMS", "function_agent", "parameters_of", "policy_agent"]

FORMS: dict[str, tuple[str, ...]] = {
    "boards": ("boards",),
    "observations": ("observations", "action_masks"),
    "observation": ("observation", "action_mask"),
    "dict": ("observation",),
}
"""The parameters that declare what an agent takes, by the word for it."""

KINDS = {
    "boards": "a function of positions",
    "observations": "a function of batches of observations and masks",
    "observation": "a function of an observation and a mask",
    "dict": "a function of PettingZoo's observations",
}


def policy_agent(agent: Any, wanted: Game | None, name: str) -> Foreign:
    """Return a policy of this package, or one of its form: it has a `game` and takes boards.

    Raises:
        InputError: If it plays another game than the one that is wanted.
    """
    return Foreign("a policy with rules of its own", agreed_game(wanted, agent.game, name), agent)


def function_agent(agent: Any, wanted: Game | None, name: str, takes: str | None) -> Foreign:
    """Return a function that is called as its parameters declare.

    Args:
        agent: The function, or an object that can be called.
        wanted: The game; None = tic-tac-toe.
        name: What people call the agent.
        takes: A key of `FORMS`; None = the names of its parameters say it.

    Raises:
        InputError: If nothing says what it takes.
    """
    form = _form(agent, name) if takes is None else takes
    if form not in FORMS:
        raise InputError(f"takes is {form!r}{did_you_mean(form, list(FORMS))}")
    return Foreign(KINDS[form], agreed_game(wanted, None, name), _ask(agent, form, name))


def parameters_of(agent: Any) -> tuple[str, ...] | None:
    """Return the names of the parameters without a default; None where nobody can tell them."""
    try:
        parameters = inspect.signature(agent).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters):
        return None
    return tuple(one.name for one in parameters if one.default is one.empty)


def _form(agent: Any, name: str) -> str:
    names = parameters_of(agent)
    for form, declared in FORMS.items():
        if names == declared:
            return form
    given = "cannot be told" if names is None else f"are ({', '.join(names)})"
    known = " or ".join(f"({', '.join(one)})" for one in FORMS.values())
    raise InputError(
        f"{name}: its parameters {given}; name them {known}, which says what the agent is shown"
    )


def _ask(agent: Callable[..., Any], form: str, name: str) -> Ask:
    if form == "boards":
        return agent
    if form == "observations":
        return lambda boards: agent(boards.observe(), boards.legal_mask().astype(np.int8))
    return lambda boards: _stacked(_one_by_one(agent, form, boards), name)


def _one_by_one(agent: Callable[..., Any], form: str, boards: Boards) -> Iterator[Any]:
    masks = boards.legal_mask().astype(np.int8)
    for observation, mask in zip(boards.observe(), masks, strict=True):
        if form == "dict":
            yield as_array(agent({OBSERVATION: observation, ACTION_MASK: mask}))
        else:
            yield as_array(agent(observation, mask))


def _stacked(answers: Iterator[Any], name: str) -> Any:
    found = list(answers)
    shapes = sorted({answer.shape for answer in found})
    if len(shapes) > 1:
        raise InputError(
            f"{name}: answers one position with the shape {shapes[0]} and another with {shapes[1]};"
            " give probabilities of all moves everywhere, or a move everywhere"
        )
    return np.stack(found)
