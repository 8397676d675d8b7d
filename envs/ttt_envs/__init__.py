"""Tic-tac-toe, Connect Four and similar games: rules, vectorised boards, PettingZoo env, drawing.

It needs only numpy, gymnasium and pettingzoo, and knows nothing of learning. The PettingZoo
environment is `ttt_envs.aec`; it is not imported here, so that the rules do not load gymnasium.
"""

from ttt_envs.boards import Boards, Step, has_line, random_openings
from ttt_envs.drawing import draw_svg, draw_text
from ttt_envs.game import CONNECT_FOUR, GAMES, TIC_TAC_TOE, Game
from ttt_envs.positions import Positions, TooManyPositionsError, enumerate_positions

__all__ = [
    "CONNECT_FOUR",
    "GAMES",
    "TIC_TAC_TOE",
    "Boards",
    "Game",
    "Positions",
    "Step",
    "TooManyPositionsError",
    "draw_svg",
    "draw_text",
    "enumerate_positions",
    "has_line",
    "random_openings",
]
