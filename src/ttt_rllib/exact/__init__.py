"""The exact value of every position of a small game, and exact figures of any policy; numpy only.

A policy is a table `[P, A]` of move probabilities over `ttt_envs.Positions`, zero where a
move is illegal and in all of a terminal row. Values are +1 for a win, 0 for a draw and -1
for a loss, seen by the player to move unless a name says otherwise.
"""

from ttt_rllib.exact.certificate import Certificate, LosingLine, certify
from ttt_rllib.exact.evaluation import ExactReport, evaluate
from ttt_rllib.exact.exploitability import best_response, nash_conv
from ttt_rllib.exact.scores import Outcome, match, score_ceilings
from ttt_rllib.exact.solver import Solution, solve
from ttt_rllib.exact.tables import Table, greedy_table, uniform_table

__all__ = [
    "Certificate",
    "ExactReport",
    "LosingLine",
    "Outcome",
    "Solution",
    "Table",
    "best_response",
    "certify",
    "evaluate",
    "greedy_table",
    "match",
    "nash_conv",
    "score_ceilings",
    "solve",
    "uniform_table",
]
