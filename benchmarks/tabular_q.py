"""OpenSpiel's tabular Q-learning in self-play: two learners, one for each seat.

Step size 0.1, no discount, 20 % exploration: OpenSpiel's defaults, and those of its own
tic-tac-toe example. Each seat answers for its own positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from open_spiel.python import rl_environment
from open_spiel.python.algorithms.tabular_qlearner import QLearner

from benchmarks.race import Standing, run_contestant
from ttt_envs.game import TIC_TAC_TOE
from ttt_envs.positions import Positions
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import Table

GAMES_BETWEEN_MEASUREMENTS = 2_000


def train(seed: int) -> Iterator[Standing]:
    """Train for ever; now and then yield the moves and the policy so far."""
    np.random.seed(seed)  # noqa: NPY002 - OpenSpiel draws from the global generator
    environment = rl_environment.Environment("tic_tac_toe")
    agents = [QLearner(seat, TIC_TAC_TOE.num_actions) for seat in range(2)]
    questions = _questions(solve_or_raise(TIC_TAC_TOE).positions)
    moves = 0
    while True:
        for _ in range(GAMES_BETWEEN_MEASUREMENTS):
            moves += _play(environment, agents)
        yield moves, lambda: _table(agents, questions)


def _play(environment: Any, agents: list[Any]) -> int:
    moment, moves = environment.reset(), 0
    while not moment.last():
        agent = agents[moment.observations["current_player"]]
        moment = environment.step([agent.step(moment).action])
        moves += 1
    for agent in agents:
        agent.step(moment)
    return moves


def _questions(positions: Positions) -> dict[int, Any]:
    """Return what OpenSpiel's environment shows in each decision position, by row."""
    environment = rl_environment.Environment("tic_tac_toe")
    states = {0: environment.game.new_initial_state()}
    questions = {}
    for row in range(len(positions)):
        if positions.terminal[row]:
            continue
        for action in np.flatnonzero(positions.legal[row]):
            states[int(positions.children[row, action])] = states[row].child(int(action))
        environment.set_state(states[row])
        questions[row] = environment.get_time_step()
    return questions


def _table(agents: list[Any], questions: dict[int, Any]) -> Table:
    positions = solve_or_raise(TIC_TAC_TOE).positions
    table = np.zeros(positions.legal.shape)
    for row, moment in questions.items():
        agent = agents[moment.observations["current_player"]]
        table[row] = agent.step(moment, is_evaluation=True).probs
    return table


if __name__ == "__main__":
    run_contestant(train)
