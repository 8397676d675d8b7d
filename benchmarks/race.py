"""How far a learner of any kind gets: moves and seconds until nobody can exploit it.

A contestant is a generator that trains and yields (moves so far, function that returns its
policy as a table). Training is timed, measuring is not. Its file is a program:
`python -m benchmarks.bare_loop --seed 0 --cap-s 60` prints one line of JSON, a `Finish`.
Shapes: `P` positions, `A` actions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from ttt_envs.game import TIC_TAC_TOE
from ttt_rllib.commands import run_command
from ttt_rllib.exact.exploitability import nash_conv
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import Table, greedy_table

__all__ = ["Finish", "Standing", "race", "run_contestant"]

Standing = tuple[int, Callable[[], Table]]
"""Moves so far, and a function that returns the policy `[P, A]`."""


@dataclass(frozen=True)
class Finish:
    """Where a contestant was when it became unexploitable, or ran out of time.

    Attributes:
        moves: Moves sampled, of both players.
        train_s: Wall seconds of training; neither set-up nor measuring counts.
        nash_conv: NashConv of the greedy policy, in [0, 2]; 0 = unexploitable.
        optimal_move_rate: Share of the decision positions with an optimal greedy move.
    """

    moves: int
    train_s: float
    nash_conv: float
    optimal_move_rate: float


def race(standings: Iterator[Standing], cap_s: float) -> Finish:
    """Let a contestant train until it is unexploitable, or for `cap_s` seconds.

    Args:
        standings: The contestant; it is measured each time it yields.
        cap_s: Wall seconds of training.
    """
    truth, train_s = solve_or_raise(TIC_TAC_TOE), 0.0
    while True:
        start_s = time.perf_counter()
        moves, table = next(standings)
        train_s += time.perf_counter() - start_s
        greedy = greedy_table(truth.positions, table())
        exploited = nash_conv(truth.positions, greedy)
        if exploited == 0.0 or train_s >= cap_s:
            decisions = truth.positions.decisions
            optimal = (greedy * truth.solution.optimal).sum(axis=1)[decisions].mean()
            return Finish(moves, train_s, exploited, float(optimal))


def run_contestant(train: Callable[[int], Iterator[Standing]]) -> None:
    """Run a contestant's file as a program."""

    def main(
        seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
        cap_s: Annotated[float, typer.Option(help="Greatest seconds of training.")] = 60.0,
    ) -> None:
        """Train until unexploitable, or for the given time; print the result as JSON."""
        print(json.dumps(asdict(race(train(seed), cap_s))), flush=True)

    run_command(main)
