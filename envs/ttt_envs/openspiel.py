"""OpenSpiel's deterministic games of two players who see everything, enumerated through pyspiel.

OpenSpiel is an optional package, imported when one of its games is asked for.
Shapes: `S` states, `A` actions, `W` numbers of an observation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_envs.rules_table import NO_CHILD
from ttt_envs.table_game import (
    DRAW,
    MAX_ACTIONS,
    MAX_POSITIONS,
    ONGOING,
    OwnGameError,
    StateGraph,
    TableGame,
    table_game,
)

__all__ = ["openspiel_game"]


def openspiel_game(reference: str, name: str) -> TableGame:
    """Return a game of OpenSpiel's.

    The result is who has won, not by how much.

    Args:
        reference: Where it comes from, for the bundle.
        name: What OpenSpiel calls it, such as "tic_tac_toe" or "nim(pile_sizes=1;3;5)".

    Raises:
        OwnGameError: If OpenSpiel is missing, has no such game, or one of another kind.
    """
    try:
        import pyspiel
    except ImportError:
        raise OwnGameError("OpenSpiel is not installed: pip install open_spiel") from None
    try:
        game = pyspiel.load_game(name)
    except pyspiel.SpielError as error:
        sentence, _, _ = str(error).partition(". ")
        raise OwnGameError(f"OpenSpiel says: {sentence}") from None
    _check_kind(game.get_type(), game, pyspiel)
    return table_game(_explore(game), reference, f"OpenSpiel's {name}")


def _check_kind(kind: Any, game: Any, pyspiel: Any) -> None:
    if (
        game.num_players() != 2
        or kind.dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL
        or kind.chance_mode != pyspiel.GameType.ChanceMode.DETERMINISTIC
        or kind.information != pyspiel.GameType.Information.PERFECT_INFORMATION
        or kind.utility != pyspiel.GameType.Utility.ZERO_SUM
    ):
        raise OwnGameError(
            "is no deterministic zero-sum game of two players who move in turn and see everything"
        )
    if game.num_distinct_actions() > MAX_ACTIONS:
        raise OwnGameError(
            f"it has {game.num_distinct_actions()} actions; at most {MAX_ACTIONS} are handled"
        )
    if not kind.provides_observation_tensor:
        raise OwnGameError("OpenSpiel has no observation tensor for it")


def _explore(game: Any) -> StateGraph:
    root = game.new_initial_state()
    # A state's text is what tells it apart: its history would not merge equal positions.
    numbers, states = {_key(root): 0}, [root]
    children: list[npt.NDArray[np.int32]] = []
    while len(children) < len(states):
        state = states[len(children)]
        row = np.full(game.num_distinct_actions(), NO_CHILD, np.int32)
        for action in () if state.is_terminal() else state.legal_actions():
            after = state.child(action)
            number = numbers.setdefault(_key(after), len(states))
            if number == len(states):
                if number == MAX_POSITIONS:
                    raise OwnGameError(f"it has more than {MAX_POSITIONS:,} positions")
                states.append(after)
            elif states[number].legal_actions() != after.legal_actions():
                raise OwnGameError(f"OpenSpiel writes two positions alike, such as {_key(after)}")
            row[action] = number
        children.append(row)

    def see(rows: npt.NDArray[np.intp], players: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        pairs = zip(rows.tolist(), players.tolist(), strict=True)
        seen = np.array([states[row].observation_tensor(player) for row, player in pairs])
        if not (seen == seen.astype(np.int8)).all():
            raise OwnGameError("its observations are no whole numbers from -128 to 127")
        # Most tensors do not say whose move it is.
        return np.concatenate([seen, players[:, None]], axis=1).astype(np.int8)

    return StateGraph(
        children=np.array(children),
        player=np.array([max(state.current_player(), 0) for state in states], np.int8),
        winner=np.array([_winner(state) for state in states], np.int8),
        see=see,
        draw=lambda row: str(states[row]),
        move_names=tuple(map(str, range(game.num_distinct_actions()))),
    )


def _key(state: Any) -> str:
    return f"{state} {state.current_player()}"


def _winner(state: Any) -> int:
    if not state.is_terminal():
        return ONGOING
    first = state.returns()[0]
    return DRAW if first == 0 else int(first < 0)
