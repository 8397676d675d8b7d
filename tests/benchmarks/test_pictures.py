"""The game of the README's picture against what every book says about the openings."""

from benchmarks.pictures import shown_game
from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.policies import PerfectPolicy

CENTRE, CORNERS, EDGES = {4}, {0, 2, 6, 8}, {1, 3, 5, 7}


def test_the_picture_shows_a_reply_that_loses_to_the_agents_own_opening():
    opening, reply = shown_game(PerfectPolicy(TIC_TAC_TOE))
    assert opening in CORNERS | CENTRE
    assert reply in (EDGES if opening in CENTRE else CORNERS | EDGES)
