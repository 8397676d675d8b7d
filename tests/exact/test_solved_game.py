"""Games that are solved once, and those that are too large."""

import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game, TooManyPositionsError
from ttt_rllib.exact import solved_game as solved_game_module
from ttt_rllib.exact.solved_game import solve_or_raise


def test_a_game_is_solved_once():
    assert solve_or_raise(TIC_TAC_TOE) is solve_or_raise(TIC_TAC_TOE)


def test_connect_four_cannot_be_solved():
    with pytest.raises(TooManyPositionsError, match="42 squares"):
        solve_or_raise(CONNECT_FOUR)


def test_a_game_too_large_is_known_to_be_without_being_solved(monkeypatch):
    calls = []
    monkeypatch.setattr(
        solved_game_module,
        "solve_or_raise",
        lambda game: calls.append(game) or solve_or_raise(game),
    )
    game = Game(5, 7, 4)
    assert [solved_game_module.solved_game(game) for _ in range(3)] == [None, None, None]
    assert calls == []
    assert solved_game_module.solved_game(TIC_TAC_TOE) is not None
    assert calls == [TIC_TAC_TOE]
