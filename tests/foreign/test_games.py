"""Which game is meant, by name and by settings, and what is no game."""

import re

import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.errors import InputError
from ttt_rllib.foreign.games import agreed_game, game_named


@pytest.mark.parametrize(
    ("words", "game"),
    [
        ("tictactoe", TIC_TAC_TOE),
        ("tic_tac_toe", TIC_TAC_TOE),
        ("Connect-Four", CONNECT_FOUR),
        ("rows=4,cols=4,connect=4,gravity=true", Game(4, 4, 4, gravity=True)),
        ("rows=4, connect=3", Game(4, 3, 3)),
        ({"rows": 2, "cols": 4}, Game(2, 4, 3)),
        (CONNECT_FOUR, CONNECT_FOUR),
    ],
)
def test_a_game_is_named_by_its_name_or_its_settings(words, game):
    assert game_named(words) == game


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("conect_four", "did you mean connect_four?"),
        ("rows=4,columns=4", "'columns' is no setting of a game; did you mean cols?"),
        ("rows=four", "rows is 'four'; it is a number, as in rows=4,"),
        ("gravity=1", "gravity is '1'; it is true or false"),
        ("rows=4,rows=5", "rows is there twice"),
        ("rows=9,cols=9", "a board has 1 to 64 squares"),
        ({"row": 3}, "unexpected keyword argument 'row'"),
    ],
)
def test_what_is_no_game_gets_a_sentence_with_the_remedy(words, remedy):
    with pytest.raises(InputError, match=re.escape(remedy)):
        game_named(words)


def test_the_game_is_the_wanted_one_the_declared_one_or_tic_tac_toe():
    assert agreed_game(None, None, "it") == TIC_TAC_TOE
    assert agreed_game(CONNECT_FOUR, None, "it") == CONNECT_FOUR
    assert agreed_game(None, CONNECT_FOUR, "it") == CONNECT_FOUR
    with pytest.raises(InputError, match="it: plays Connect Four, not Tic-tac-toe; leave the game"):
        agreed_game(TIC_TAC_TOE, CONNECT_FOUR, "it")
