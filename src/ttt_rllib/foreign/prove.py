"""Proves anybody's agent: what `ttt_rllib.prove` is, and the command is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ttt_envs.game import Game
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import Report, evaluate_agent
from ttt_rllib.exact.walks import MAX_POSITIONS, SEATS, Seat
from ttt_rllib.foreign.games import game_named
from ttt_rllib.foreign.recognition import recognise

__all__ = ["prove"]


def prove(
    policy: Any,
    *,
    game: Game | str | Mapping[str, Any] | None = None,
    seat: Seat | None = None,
    takes: str | None = None,
    max_positions: int = MAX_POSITIONS,
) -> Report:
    """Measure an agent that was not made here, and prove what can be proved about it.

    NashConv of its probabilities is OpenSpiel's; the certificate is about its most probable moves.

    Args:
        policy: A function of positions, or of PettingZoo's observations and masks, a model of
            Stable-Baselines3, a policy of OpenSpiel, an RLModule, or the path of an ONNX model or
            of a checkpoint of RLlib.
        game: The rules, a name or settings; None = what the agent declares, else tic-tac-toe.
        seat: The only seat that it plays, "x" or "o"; None = both.
        takes: What a function takes: "boards", "observations", "observation" or "dict"; None = the
            names of its parameters say it.
        max_positions: Positions to which opponents can bring it in a seat, before its walk is
            given up, where the game is too large to solve.

    Returns:
        What `evaluate_agent` returns.

    Raises:
        InputError: If it is no agent, plays another game, or if one of its answers is no policy.
    """
    if seat not in (None, *SEATS):
        raise InputError(f"seat is {seat!r}; it is 'x' or 'o', or None for both")
    rules = None if game is None else game_named(game)
    agent = recognise(policy, rules, takes=takes)
    return evaluate_agent(agent, seat=seat, max_positions=max_positions)
