"""Plays an agent of Connect Four against perfect play, by bitbully.

    pip install -e '.[judge]'
    python -m benchmarks.perfect_play results/connect_four/<run> [games]

bitbully's licence is the AGPL; see `label_positions`. The perfect player wins as soon as it can
and loses as late as it can, and draws lots among equal moves: an agent that always plays the same
move then still meets many games.
Shapes: `G` games, `n` games in which a player is to move, `A` columns.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

import ttt_rllib
from benchmarks.label_positions import exact_scores
from ttt_envs.boards import Boards
from ttt_envs.game import CONNECT_FOUR
from ttt_envs.keys import position_keys
from ttt_rllib.agents.policies import SeatPolicies

GAMES = 200
SEED = 20261129

Actions = npt.NDArray[np.intp]
Player = Callable[[Boards], Actions]


def main() -> None:
    """Print how many games the agent wins, draws and loses in each seat."""
    path, games = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else GAMES
    agent = ttt_rllib.load_agent(path)
    if agent.game != CONNECT_FOUR or isinstance(agent, SeatPolicies):
        sys.exit(f"error: {path}: is no agent of Connect Four with one network")
    for seat, agent_is_x in (("X", True), ("O", False)):
        start_s = time.perf_counter()
        perfect = PerfectPlayer(np.random.default_rng(SEED))
        with threadpool_limits(1):
            players = (
                (agent.greedy_actions, perfect) if agent_is_x else (perfect, agent.greedy_actions)
            )
            results = play(players, games) * (1 if agent_is_x else -1)
        counts = Counter(results.tolist())
        print(
            f"as {seat}: {counts[1]} won, {counts[0]} drawn, {counts[-1]} lost of {games} "
            f"({time.perf_counter() - start_s:.0f} s)"
        )


class PerfectPlayer:
    """Plays a move with the greatest exact score, drawn from all such moves.

    Args:
        rng: The source of all randomness.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def __call__(self, boards: Boards) -> Actions:
        """Return the moves `[n]`."""
        # The first moves are the same in most of the games, and are judged once.
        _, first, of_game = np.unique(position_keys(boards), return_index=True, return_inverse=True)
        scores = exact_scores(boards[first])[of_game]
        is_best = scores == scores.max(axis=1, keepdims=True)
        return np.where(is_best, self._rng.random(is_best.shape), -1.0).argmax(axis=1)


def play(players: tuple[Player, Player], num_games: int) -> npt.NDArray[np.int8]:
    """Play games of Connect Four from the empty board.

    Args:
        players: X, then O.
        num_games: How many.

    Returns:
        Results `[G]`: 1 = X won, 0 = a draw, -1 = O won.
    """
    results = np.zeros(num_games, np.int8)
    boards, games = Boards.empty(CONNECT_FOUR, num_games), np.arange(num_games)
    ply = 0
    while len(games):
        boards, won, done = boards.step(players[ply % 2](boards))
        results[games[won]] = 1 if ply % 2 == 0 else -1
        boards, games = boards[~done], games[~done]
        ply += 1
    return results


if __name__ == "__main__":
    main()
