"""The players that do not learn, by their names."""

from __future__ import annotations

from collections.abc import Callable

from ttt_envs.game import Game
from ttt_envs.positions import too_many_positions
from ttt_rllib.agents.baselines import AlphaBetaPolicy, OnePlyPolicy
from ttt_rllib.agents.policies import PerfectPolicy, Policy, RandomPolicy
from ttt_rllib.errors import InputError

__all__ = [
    "ALPHA_BETA_DEPTH",
    "FIXED_PLAYERS",
    "PERFECT",
    "RANDOM",
    "fixed_player",
    "knows_game",
]

ALPHA_BETA_DEPTH = 4
"""The least depth that both makes a double threat (3 plies) and prevents one (4)."""

RANDOM, PERFECT = "random", "perfect"
"""The players by which ratings are anchored."""

FIXED_PLAYERS: dict[str, Callable[[Game], Policy]] = {
    PERFECT: PerfectPolicy,
    RANDOM: RandomPolicy,
    "one_ply": OnePlyPolicy,
    "alpha_beta": lambda game: AlphaBetaPolicy(game, ALPHA_BETA_DEPTH),
}


def knows_game(name: str, game: Game) -> bool:
    """Tell whether a fixed player knows the rules: some only know lines on a board."""
    return game.table is None or name in (PERFECT, RANDOM)


def fixed_player(name: str, game: Game) -> Policy:
    """Return a player that does not learn.

    Args:
        name: A key of `FIXED_PLAYERS`.
        game: The rules.

    Raises:
        InputError: If no perfect player of this game is known, or the player looks for lines and
            the game has none.
    """
    if not knows_game(name, game):
        raise InputError(f"{name}: looks for lines on a board, and {game.title} has none")
    reason = too_many_positions(game) if name == PERFECT else None
    if reason is not None:
        raise InputError(f"{PERFECT}: no perfect player is known: {reason}")
    return FIXED_PLAYERS[name](game)
