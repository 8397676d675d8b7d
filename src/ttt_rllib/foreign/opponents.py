"""Agents that were made elsewhere, as opponents: asked once about every position of a game."""

from __future__ import annotations

from collections.abc import Iterable

from ttt_envs.game import Game
from ttt_rllib.agents.table_policy import TablePolicy, tabulated
from ttt_rllib.errors import InputError
from ttt_rllib.foreign.loading import load
from ttt_rllib.foreign.recognition import recognise

__all__ = ["tabulated_opponents"]


def tabulated_opponents(
    names: Iterable[str], game: Game | None, setting: str
) -> dict[str, TablePolicy]:
    """Return what agents in modules play, by their names.

    Args:
        names: `module:agent` each.
        game: That is played; None = nothing is known of it, so there are no opponents.
        setting: The key that names them, for messages.

    Raises:
        InputError: If one cannot be loaded, is no agent, answers with what is no policy, or if the
            game has too many positions for a table.
    """
    if game is None:
        return {}
    try:
        return {name: tabulated(recognise(load(name), game, name=name), name) for name in names}
    except InputError as error:
        raise InputError(f"{setting}: {error}") from None
