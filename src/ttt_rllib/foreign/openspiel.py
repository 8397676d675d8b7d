"""Policies of OpenSpiel, which know a position as a state that moves have led to.

pyspiel is imported only when such a policy is given.
Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ttt_envs.boards import Boards
from ttt_envs.game import TIC_TAC_TOE, Game
from ttt_rllib.errors import InputError
from ttt_rllib.exact.tables import Table
from ttt_rllib.foreign.checked import Foreign
from ttt_rllib.foreign.games import agreed_game
from ttt_rllib.foreign.lines import line_to

__all__ = ["is_openspiel", "openspiel_agent"]

SAME = 1e-9
"""Probabilities this close are equal: the same sum in another order."""

REPEATS = 8
"""How often an agent that draws its answers is asked until it gives another one."""


def is_openspiel(agent: Any) -> bool:
    """Return whether an object is a policy of OpenSpiel, in Python or in C++."""
    return callable(getattr(agent, "action_probabilities", None))


def openspiel_agent(agent: Any, wanted: Game | None, name: str) -> Foreign:
    """Return a policy of OpenSpiel's tic_tac_toe, connect_four or mnk, whose moves are ours.

    Args:
        agent: It has `action_probabilities(state)`.
        wanted: The game; None = that of the policy, else tic-tac-toe.
        name: What people call the agent.

    Raises:
        InputError: If it plays another game.
    """
    declared = getattr(agent, "game", None)
    game = agreed_game(wanted, None if declared is None else _game_of(declared, name), name)
    states = _States(agent, declared or _load(game), name)
    return Foreign("a policy of OpenSpiel", game, states.probabilities)


class _States:
    """Asks a policy about the states that lines of moves lead to.

    Args:
        policy: The policy.
        game: OpenSpiel's game.
        name: What people call the agent.
    """

    def __init__(self, policy: Any, game: Any, name: str) -> None:
        self._policy, self._game, self._name = policy, game, name
        self._draws = False

    def probabilities(self, boards: Boards) -> Table:
        """Return probabilities `[B, A]`.

        Raises:
            InputError: If the policy plays one seat only, or if its answer depends on the moves
                that have led to a position.
        """
        table = np.zeros((len(boards), boards.game.num_actions))
        for row in range(len(boards)):
            board = boards[row : row + 1]
            self._check_seat(board)
            line, other = line_to(board), line_to(board, from_the_right=True)
            table[row] = self._after(line, len(table[row]))
            if other != line and not self._draws:
                self._check_history(table[row], line, other)
        return table

    def _after(self, line: tuple[int, ...], num_actions: int) -> Table:
        state = self._game.new_initial_state()
        for action in line:
            state.apply_action(action)
        row = np.zeros(num_actions)
        for action, probability in dict(self._policy.action_probabilities(state)).items():
            row[action] = probability
        return row

    def _check_seat(self, board: Boards) -> None:
        players = getattr(self._policy, "player_ids", None)
        if players is not None and int(board.ply[0]) % 2 not in {int(one) for one in players}:
            seat = "ox"[0 in {int(one) for one in players}]
            raise InputError(f"{self._name}: plays only as {seat.upper()}; add --seat {seat}")

    def _check_history(self, row: Table, line: tuple[int, ...], other: tuple[int, ...]) -> None:
        if _is_same(row, self._after(other, len(row))):
            return
        again = (self._after(line, len(row)) for _ in range(REPEATS))
        # An agent that draws its answers is found where all agents are asked twice.
        self._draws = not all(_is_same(row, one) for one in again)
        if not self._draws:
            raise InputError(
                f"{self._name}: answers after the moves {_words(line)} and after {_words(other)}, "
                "which lead to the same position, are not the same; a proof is about positions: "
                "give a policy that does not look at the moves before"
            )


def _is_same(row: Table, other: Table) -> bool:
    return bool(np.allclose(row, other, rtol=0.0, atol=SAME))


def _words(line: tuple[int, ...]) -> str:
    return " ".join(map(str, line))


def _game_of(spiel: Any, name: str) -> Game:
    kind, settings = spiel.get_type().short_name, spiel.get_parameters()
    if kind == "tic_tac_toe":
        return TIC_TAC_TOE
    if kind == "connect_four":
        rows, cols = settings.get("rows", 6), settings.get("columns", 7)
        return Game(rows, cols, settings.get("x_in_row", 4), gravity=True)
    if kind == "mnk":
        return Game(settings["n"], settings["m"], settings["k"])
    raise InputError(
        f"{name}: plays OpenSpiel's {kind}, whose rules are not known here; those of tic_tac_toe, "
        "connect_four and mnk are"
    )


def _load(game: Game) -> Any:
    import pyspiel

    if game == TIC_TAC_TOE:
        return pyspiel.load_game("tic_tac_toe")
    if game.gravity:
        settings = {"rows": game.rows, "columns": game.cols, "x_in_row": game.connect}
        return pyspiel.load_game("connect_four", settings)
    return pyspiel.load_game("mnk", {"m": game.cols, "n": game.rows, "k": game.connect})
