"""Positions that are counted, compared with those that are made; the bound on larger boards."""

import time

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game, TooManyPositionsError, enumerate_positions
from ttt_envs.position_count import _least_count, position_counts
from ttt_envs.positions import too_many_positions

SMALL = (TIC_TAC_TOE, Game(3, 3, 1), Game(2, 4, 2), Game(1, 6, 2), Game(3, 4, 3), Game(3, 4, 4))


@pytest.mark.parametrize("game", SMALL, ids=str)
def test_the_counts_of_every_ply_are_those_of_the_enumeration(game):
    counts = position_counts(game)
    made = np.diff(enumerate_positions(game).starts).tolist()
    assert counts is not None
    assert [count for count in counts if count] == made


@pytest.mark.parametrize("game", [*SMALL, Game(4, 4, 3), Game(4, 4, 4)], ids=str)
def test_the_bound_of_larger_boards_is_at_most_the_count(game):
    counts = position_counts(game)
    bounds = [_least_count(game, ply) for ply in range(game.num_squares + 1)]
    assert all(bound <= count for bound, count in zip(bounds, counts, strict=True))
    # No line fits the first stones, so there it is the count itself.
    assert bounds[: game.connect] == list(counts[: game.connect])


@pytest.mark.parametrize("game", [Game(4, 4, 4), Game(4, 4, 3), Game(4, 5, 4), Game(1, 17, 3)])
def test_a_game_that_is_too_large_is_refused_before_anything_is_made(game):
    began_s = time.process_time()
    with pytest.raises(TooManyPositionsError, match="more than 4,000,000 positions") as refused:
        enumerate_positions(game)
    assert time.process_time() - began_s < 1.0, "to enumerate until there were too many took 15"
    assert too_many_positions(game) == str(refused.value)


def test_a_game_may_be_too_large_for_its_squares_or_small_enough_with_gravity():
    assert "42 squares" in str(too_many_positions(CONNECT_FOUR))
    assert too_many_positions(Game(4, 4, 4, gravity=True)) is None
    assert too_many_positions(Game(3, 5, 4)) is None, "of 3,414,564 positions"


def test_a_game_that_its_lower_bounds_do_not_decide_is_enumerated_to_tell():
    game = Game(2, 14, 2)
    with pytest.raises(TooManyPositionsError) as refused:
        enumerate_positions(game)
    assert too_many_positions(game) == str(refused.value)
    assert too_many_positions(Game(3, 6, 2)) is None
