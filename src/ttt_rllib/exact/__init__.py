"""Exact figures of a policy and their proof; of a small game, the value of every position too.

numpy only. Of a game of any size, a walk over the positions that a deterministic agent can be led
to gives its best response and its certificate.

A policy is a table `[P, A]` of move probabilities over `ttt_envs.Positions`, zero where a
move is illegal and in all of a terminal row. Values are +1 for a win, 0 for a draw and -1
for a loss, seen by the player to move unless a name says otherwise.
"""

from ttt_rllib.exact.certificate import Certificate, LosingLine, certify
from ttt_rllib.exact.evaluation import ExactReport, evaluate, evaluate_walks
from ttt_rllib.exact.exploitability import best_response, nash_conv
from ttt_rllib.exact.scores import Outcome, match, score_ceilings
from ttt_rllib.exact.solver import Solution, solve
from ttt_rllib.exact.tables import Table, greedy_table, uniform_table
from ttt_rllib.exact.walks import Walks, walk_both_seats

__all__ = [
    "Certificate",
    "ExactReport",
    "LosingLine",
    "Outcome",
    "Solution",
    "Table",
    "Walks",
    "best_response",
    "certify",
    "evaluate",
    "evaluate_walks",
    "greedy_table",
    "match",
    "nash_conv",
    "score_ceilings",
    "solve",
    "uniform_table",
    "walk_both_seats",
]
