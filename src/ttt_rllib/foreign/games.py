"""Which game is meant: by name, by settings, or as the agent itself declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ttt_envs.game import GAMES, TIC_TAC_TOE, Game
from ttt_rllib.errors import InputError, did_you_mean

__all__ = ["agreed_game", "game_named"]

SWITCHES = {"true": True, "false": False}
EXAMPLE = "rows=4,cols=4,connect=4,gravity=true"


def game_named(game: Game | str | Mapping[str, Any]) -> Game:
    """Return the rules.

    Args:
        game: The rules, a name such as "connect_four", settings such as
            "rows=4,cols=4,connect=4,gravity=true", or the same as a mapping.

    Raises:
        InputError: If there is no such game.
    """
    if isinstance(game, Game):
        return game
    if isinstance(game, str):
        # "tictactoe" is what PettingZoo calls it.
        by_letters = {name.replace("_", ""): rules for name, rules in GAMES.items()}
        found = by_letters.get(game.lower().replace("_", "").replace("-", ""))
        if found is not None:
            return found
        if "=" not in game:
            raise InputError(f"game: there is no {game!r}{did_you_mean(game, [*GAMES, EXAMPLE])}")
        settings: dict[str, Any] = _settings(game)
    else:
        settings = dict(game)
    try:
        return Game(**settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"game: {error}; write it as in {EXAMPLE}") from None


def agreed_game(wanted: Game | None, declared: Game | None, name: str) -> Game:
    """Return the game that is wanted, if the agent plays it.

    Args:
        wanted: None = the agent's own, or tic-tac-toe where it does not say.
        declared: What the agent says that it plays; None = nothing.
        name: What people call the agent.

    Raises:
        InputError: If it plays another one.
    """
    if declared is None:
        return wanted or TIC_TAC_TOE
    if wanted is not None and wanted != declared:
        raise InputError(
            f"{name}: plays {declared.title}, not {wanted.title}; leave the game out to prove it "
            "at its own"
        )
    return declared


def _settings(text: str) -> dict[str, int | bool]:
    known = [field.name for field in fields(Game)]
    settings: dict[str, int | bool] = {}
    for part in text.split(","):
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in known:
            raise InputError(f"game: {key!r} is no setting of a game{did_you_mean(key, known)}")
        if key in settings:
            raise InputError(f"game: {key} is there twice; give it once")
        if key == "gravity" and value.lower() in SWITCHES:
            settings[key] = SWITCHES[value.lower()]
        elif key != "gravity" and value.isascii() and value.isdecimal() and len(value) < 4:
            settings[key] = int(value)
        else:
            right = "true or false" if key == "gravity" else "a number"
            raise InputError(f"game: {key} is {value!r}; it is {right}, as in {EXAMPLE}")
    return settings
