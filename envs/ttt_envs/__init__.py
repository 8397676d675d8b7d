"""Tic-tac-toe, Connect Four and similar games, and games of one's own.

Rules, vectorised boards, all positions, PettingZoo env, drawing.

It needs only numpy, gymnasium and pettingzoo, and knows nothing of learning. The PettingZoo
environment is `ttt_envs.aec`; it is not imported here, so that the rules do not load gymnasium.
"""

from ttt_envs.boards import Boards, Step, has_line, random_openings
from ttt_envs.drawing import draw_svg, draw_text
from ttt_envs.game import CONNECT_FOUR, GAMES, TIC_TAC_TOE, Game
from ttt_envs.own_game import OwnGame
from ttt_envs.own_game_loading import load_own_game
from ttt_envs.positions import Positions, TooManyPositionsError, enumerate_positions
from ttt_envs.table_game import DRAW, ONGOING, OwnGameError, TableGame

__all__ = [
    "CONNECT_FOUR",
    "DRAW",
    "GAMES",
    "ONGOING",
    "TIC_TAC_TOE",
    "Boards",
    "Game",
    "OwnGame",
    "OwnGameError",
    "Positions",
    "Step",
    "TableGame",
    "TooManyPositionsError",
    "draw_svg",
    "draw_text",
    "enumerate_positions",
    "has_line",
    "load_own_game",
    "random_openings",
]
