"""The perfect player of Connect Four, against itself and against random play."""

import numpy as np
import pytest

pytest.importorskip("bitbully")

from benchmarks.perfect_play import PerfectPlayer, play

pytestmark = pytest.mark.long


def random_player(boards):
    return boards.random_actions(np.random.default_rng(0))


def test_the_first_player_wins_with_its_21st_stone_and_any_other_player_loses():
    perfect = PerfectPlayer(np.random.default_rng(0))
    plies = []

    def counted(boards):
        plies.append(int(boards.ply[0]))
        return perfect(boards)

    # Allis, "A Knowledge-based Approach of Connect-Four", 1988: X wins, with its 21st stone.
    assert play((counted, counted), 4).tolist() == [1] * 4
    assert max(plies) == 40
    assert play((perfect, random_player), 8).tolist() == [1] * 8
    assert play((random_player, perfect), 8).tolist() == [-1] * 8
