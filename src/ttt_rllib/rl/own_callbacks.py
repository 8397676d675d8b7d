"""Callbacks of a user's own: classes derived from RLlib's `RLlibCallback`.

A config holds functions that make them, so that each process imports them from the run's copy of
their module. Nothing of RLlib is imported here, as it takes seconds; their own modules do that.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.own_code import import_own, make_findable
from ttt_rllib.errors import InputError, error_words
from ttt_rllib.metrics import CUSTOM_GROUP

__all__ = [
    "BOARD_HOOKS",
    "PETTINGZOO_HOOKS",
    "callback_paths",
    "check_callbacks",
    "check_own_figures",
    "own_callbacks",
]

SETTING = "callbacks"
BASE = ("ray.rllib.callbacks.callbacks", "RLlibCallback")

BOARD_HOOKS = (
    "on_algorithm_init",
    "on_train_result",
    "on_checkpoint_loaded",
    "on_env_runners_recreated",
)
"""What is called wherever a trial runs."""
PETTINGZOO_HOOKS = (
    *BOARD_HOOKS,
    "on_environment_created",
    "on_episode_created",
    "on_episode_start",
    "on_episode_step",
    "on_episode_end",
    "on_sample_end",
)
"""What is called where RLlib's own env runners play, too."""


def callback_paths(experiment: Experiment) -> list[tuple[str, str]]:
    """Return the callbacks that an experiment names, each with the setting's key."""
    return [(SETTING, path) for path in experiment.callbacks]


def check_callbacks(experiment: Experiment) -> None:
    """Import the callbacks that an experiment names, and check what they override.

    Raises:
        InputError: If one is no class of callbacks, or overrides what is never called.
    """
    called = PETTINGZOO_HOOKS if experiment.on_pettingzoo else BOARD_HOOKS
    for path in experiment.callbacks:
        found, base = _class_and_base(path)
        hooks = [name for name in dir(base) if name.startswith("on_")]
        changed = [name for name in hooks if getattr(found, name) is not getattr(base, name)]
        vain = [name for name in changed if name not in called]
        if vain:
            raise InputError(f"{SETTING}: {path} overrides {vain[0]}, which {_why_not(vain[0])}")
        try:
            inspect.signature(found).bind()
        except TypeError:
            raise InputError(
                f"{SETTING}: {path} needs arguments; RLlib makes it without any: give them defaults"
            ) from None


def own_callbacks(
    existing: Any, paths: Sequence[str], code: Path | None
) -> list[Callable[[], Any]]:
    """Return what makes the callbacks of a config, as RLlib takes them.

    Args:
        existing: The class of callbacks that the config has already.
        paths: `module:Class` each.
        code: A run's folder with copies of the modules; None = they are imported from where they
            are found.
    """
    place = None if code is None else str(code)
    return [existing, *(partial(_callback, path, place) for path in paths)]


def check_own_figures(result: dict[str, Any]) -> None:
    """Leave out figures that callbacks logged without a value, and refuse what is no number.

    Args:
        result: Of an iteration, after all callbacks; changed in place, as they do.

    Raises:
        InputError: If something in `result["custom"]` is no number.
    """
    own = result.get(CUSTOM_GROUP, {})
    for name, figure in own.items():
        if not isinstance(figure, Real) or math.isinf(figure):
            raise InputError(
                f'{SETTING}: result["{CUSTOM_GROUP}"]["{name}"] is {figure!r}; give a number'
            )
    result[CUSTOM_GROUP] = {name: one for name, one in own.items() if not math.isnan(one)}


def _callback(path: str, code: str | None) -> Any:
    if code is not None:
        make_findable(Path(code), first=True)
    found, _ = _class_and_base(path)
    try:
        return found()
    except Exception as error:
        # A user's constructor may raise anything.
        raise InputError(f"{SETTING}: {path} cannot be made: {error_words(error)}") from error


def _class_and_base(path: str) -> tuple[type[Any], type[Any]]:
    found = import_own(SETTING, path)
    parents = found.__mro__ if isinstance(found, type) else ()
    for parent in parents:
        if (parent.__module__, parent.__name__) == BASE:
            return found, parent
    kind = "a class" if parents else f"a {type(found).__name__}"
    raise InputError(
        f"{SETTING}: {path} is {kind}; it must be a class derived from {'.'.join(BASE)}"
    )


def _why_not(hook: str) -> str:
    """Return why a method is never called, and the remedy, as a clause."""
    if hook.startswith("on_evaluate"):
        return (
            "is never called, as the agent is evaluated exactly; measure it by evaluation.metrics"
        )
    if hook in PETTINGZOO_HOOKS:
        return (
            "is never called on our boards, whose env runners play arrays of boards and no "
            "episodes of RLlib's; use on_train_result, or play on env.pettingzoo"
        )
    return f"is never called; of RLlib's methods take {', '.join(BOARD_HOOKS)}"
