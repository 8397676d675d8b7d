"""The walk over all that opponents can bring an agent to: seconds, positions and memory.

The agent is a player of rules that never learnt: it wins at once, else parries, else takes the
most central column. Trained agents reach more positions, and their networks take longer for a
move; `docs/experiments.md` has their figures.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row, Target
from ttt_envs.boards import Boards
from ttt_envs.game import CONNECT_FOUR, Game
from ttt_envs.threats import threat_actions, winning_actions
from ttt_rllib.agents.baselines import OnePlyPolicy
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.exact.reached import ReachedSet, walk_reached

__all__ = ["walk"]

SMALL = tuple(Game(*size, 4, gravity=True) for size in ((4, 4), (4, 5), (5, 4), (5, 5), (5, 6)))
SMALL_TARGET = Target(at_most=3.0)
LARGE_TARGET = Target(at_most=900.0)
MEMORY_TARGET = Target(at_most=6000.0)
KIB = 1024
"""The system's unit of memory."""


def walk(quick: bool) -> list[Row]:
    """Walk both seats of small boards, and each seat of Connect Four."""
    runs = 1 if quick else 5
    rows = []
    for game in SMALL:
        figures = [_seconds(game) for _ in range(runs)]
        reached = sum(_walk(game, agent_is_x=seat).positions for seat in (True, False))
        what = f"{game.rows} x {game.cols} with gravity, both seats, {reached:,} positions"
        rows.append(Row("walk", what, "CPU s", figures, SMALL_TARGET))
    if quick:
        return rows
    one_ply = OnePlyPolicy(CONNECT_FOUR)
    for player, agent, is_x in (
        ("player of rules as X", rule_player(CONNECT_FOUR), True),
        ("player of rules as O", rule_player(CONNECT_FOUR), False),
        ("one-ply player as O", partial(greedy_actions, one_ply), False),
    ):
        start_s = time.process_time()
        reached = walk_reached(CONNECT_FOUR, agent, agent_is_x=is_x).positions
        seconds = time.process_time() - start_s
        what = f"6 x 7 with gravity, {player}, {reached:,} positions"
        rows.append(Row("walk", what, "CPU s", [seconds], LARGE_TARGET))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / 1e6
        rows.append(Row("walk", "the same, memory at most so far", "MB", [memory], MEMORY_TARGET))
    return rows


def _seconds(game: Game) -> float:
    start_s = time.process_time()
    for is_x in (True, False):
        _walk(game, agent_is_x=is_x)
    return time.process_time() - start_s


def _walk(game: Game, *, agent_is_x: bool) -> ReachedSet:
    return walk_reached(game, rule_player(game), agent_is_x=agent_is_x)


def rule_player(game: Game) -> Callable[[Boards], npt.NDArray[np.intp]]:
    """Return a player that wins at once, else parries, else takes the most central column."""
    middle = (game.cols - 1) / 2
    order = sorted(range(game.cols), key=lambda column: (abs(column - middle), column))
    return partial(_rule_moves, order=order)


def _rule_moves(boards: Boards, order: list[int]) -> npt.NDArray[np.intp]:
    wins, threats = winning_actions(boards), threat_actions(boards)
    choices = np.where(wins != 0, wins, np.where(threats != 0, threats, boards.legal_bits()))
    bits = choices[:, None] >> np.array(order, np.uint64) & np.uint64(1)
    return np.array(order)[bits.argmax(axis=1)]
