"""Symmetries of boards against geometry."""

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_envs.symmetry import symmetries


def test_a_board_has_as_many_symmetries_as_geometry_says():
    games = [TIC_TAC_TOE, Game(2, 3, 2), CONNECT_FOUR, Game(1, 4, 2), Game(1, 1, 1)]
    assert [len(symmetries(game)) for game in games] == [8, 4, 2, 2, 1]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(2, 3, 2), Game(3, 3, 3, gravity=True)], ids=str)
def test_symmetries_are_the_rotations_and_reflections_of_numpy(game):
    board = np.arange(game.num_squares).reshape(game.rows, game.cols)
    turned = [np.rot90(side, turns) for side in (board, np.fliplr(board)) for turns in range(4)]
    if game.gravity:
        turned = [board, np.fliplr(board)]
    kept = {tuple(image.ravel().tolist()) for image in turned if image.shape == board.shape}
    assert set(symmetries(game)) == kept
