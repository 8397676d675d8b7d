"""What the tests of foreign agents share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE, Game
from ttt_envs.boards import Boards
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import Table


class TablePlayer:
    """Answers from a table of random probabilities, in any form.

    Args:
        game: The rules.
        seed: Of the table.
    """

    def __init__(self, game: Game, seed: int) -> None:
        self.positions = solve_or_raise(game).positions
        odds = np.random.default_rng(seed).random(self.positions.legal.shape)
        odds = np.where(self.positions.legal, odds, 0.0)
        self.table: Table = odds / np.maximum(odds.sum(axis=1, keepdims=True), 1e-300)

    def rows(self, boards: Boards) -> Table:
        """Return its probabilities."""
        return self.table[self.positions.find(boards)]

    def seen(self, observations: Any) -> Table:
        """Return its probabilities in the positions that PettingZoo's observations show."""
        return self.rows(Boards.of_stones(self.positions.game, np.asarray(observations, np.int8)))


@pytest.fixture(scope="session")
def table_player() -> Callable[..., TablePlayer]:
    """Return a function that makes a player of random probabilities."""

    def make(game: Game = TIC_TAC_TOE, seed: int = 0) -> TablePlayer:
        return TablePlayer(game, seed)

    return make
