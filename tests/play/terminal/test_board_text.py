"""Bars in the terminal, drawn by hand."""

import pytest

from ttt_envs import TIC_TAC_TOE, Boards
from ttt_rllib.agents.policies import RandomPolicy
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.position import analyse
from ttt_rllib.play.terminal.board_text import ansi, balance_text, move_bars

CORNERED = (0, 4, 8, 1, 7, 6)
"""X to move at 2, 3 and 5: only 2, which also makes a line, parries O's 2, 4, 6."""


class Uneven(RandomPolicy):
    """Plays 2 with nine tenths, 5 with a tenth, and 3 never."""

    def __call__(self, boards: Boards):
        chances = super().__call__(boards)
        chances[:] = 0.0
        chances[:, 2], chances[:, 5] = 0.9, 0.1
        return chances


def bars(policy, paint=None):
    moves = analyse(GameRecord(TIC_TAC_TOE, CORNERED), policy(TIC_TAC_TOE)).moves
    return (move_bars(moves) if paint is None else move_bars(moves, paint)).splitlines()


def test_a_bar_is_as_long_as_the_move_is_probable_the_longest_first():
    assert [line[:20] for line in bars(Uneven)] == [
        "2 ###########.  90 %",
        "5 #...........  10 %",
        "3 ............   0 %",
    ]
    assert [line[2:20] for line in bars(RandomPolicy)] == ["####........  33 %"] * 3


def test_a_bar_is_followed_by_what_the_move_leads_to_in_its_colour():
    words = [line[20:].strip() for line in bars(Uneven)]
    assert words == ["draws", "loses in 1", "loses in 1"]
    painted = bars(Uneven, ansi)
    assert painted[0].endswith("\x1b[33mdraws\x1b[0m")
    assert painted[1].endswith("\x1b[31mloses in 1\x1b[0m")


@pytest.mark.parametrize(
    ("value", "place"),
    [(-1.0, 0), (-0.5, 6), (0.0, 12), (0.25, 15), (1.0, 24), (-7.0, 0), (7.0, 24)],
)
def test_the_mark_stands_between_loss_and_win_where_the_value_is(value, place):
    assert balance_text(value) == f"loss {'-' * place}#{'-' * (24 - place)} win"


def test_the_mark_has_the_colour_of_the_nearest_result():
    assert [balance_text(value, ansi).count("\x1b[36m") for value in (0.4, 0.6)] == [0, 1]
    assert "\x1b[31m#" in balance_text(-0.9, ansi)
