"""An agent's figures: exact as far as the size of its game allows, else sampled.

`train` calls it at the end of a run and `evaluate` at any time, so both report the same.
It needs neither ray nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ttt_envs.boards import Boards
from ttt_rllib.agents.policies import Policy, policy_table
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.evaluation.sampled import NUM_GAMES, SEED, SampledReport, sampled_report
from ttt_rllib.evaluation.test_positions import optimal_rates
from ttt_rllib.exact.certificate import Certificate, certify
from ttt_rllib.exact.evaluation import NOTHING_KNOWN, ExactReport, evaluate, evaluate_walks
from ttt_rllib.exact.reached import not_walkable_reason
from ttt_rllib.exact.solved_game import SolvedGame, game_value, solved_game
from ttt_rllib.exact.tables import greedy_table
from ttt_rllib.exact.walks import MAX_POSITIONS, OnPly, Seat, walk_both_seats

__all__ = ["Report", "evaluate_agent"]


@dataclass(frozen=True)
class Report(ExactReport):
    """The figures of an agent, exact ones first, and their proof.

    Attributes:
        certificate: What is proved; None where the game cannot be walked.
        sampled: Sampled games against fixed players; None where the game was solved.
        optimal_rates: Shares of labelled positions in which the agent's move keeps the value, by
            metric name; empty where there are none for this game.
        seat: The only seat that the agent plays, about which everything is; None = it plays both.
            Sampled games and labelled positions need both.
    """

    certificate: Certificate | None
    sampled: SampledReport | None
    optimal_rates: dict[str, float]
    seat: Seat | None = None

    def metrics(self) -> dict[str, float]:
        """Return all figures that are known, by their metric names."""
        sampled = self.sampled.metrics() if self.sampled else {}
        return {**super().metrics(), **sampled, **self.optimal_rates}


def evaluate_agent(
    agent: Policy,
    *,
    seat: Seat | None = None,
    seed: int = SEED,
    num_games: int = NUM_GAMES,
    max_positions: int = MAX_POSITIONS,
    on_ply: OnPly = lambda seat, ply, positions: None,
) -> Report:
    """Measure an agent, and prove what can be proved about its most probable moves.

    Args:
        agent: Any policy, as `ttt_rllib.load_agent` returns one.
        seat: The only seat that it plays, "x" or "o"; None = it plays both. It is not asked about
            positions in which the other seat moves.
        seed: Seed of the sampled games, which are played where the game cannot be solved.
        num_games: Number of sampled games against each player; it must be even.
        max_positions: Positions to which opponents can bring it in a seat, before its walk is
            given up; 0 = nothing is walked or proved where the game cannot be solved.
        on_ply: Called after every ply of a walk.
    """
    # Several threads only wait for each other over products of matrices as small as these.
    with threadpool_limits(limits=1, user_api="blas"):
        return _report(agent, seat, seed, num_games, max_positions, on_ply)


def _report(
    agent: Policy, seat: Seat | None, seed: int, num_games: int, max_positions: int, on_ply: OnPly
) -> Report:
    solved = solved_game(agent.game)
    if solved is not None:
        return _solved_report(agent, solved, seat, on_ply)
    exact, certificate = NOTHING_KNOWN, None
    if max_positions and not_walkable_reason(agent.game) is None:
        walks = walk_both_seats(
            agent.game,
            lambda boards: greedy_actions(agent, boards),
            game_value=game_value(agent.game),
            seat=seat,
            max_positions=max_positions,
            on_ply=on_ply,
        )
        exact, certificate = evaluate_walks(walks), certify(walks)
    if seat is not None:
        return Report(
            **vars(exact), certificate=certificate, sampled=None, optimal_rates={}, seat=seat
        )
    sampled = sampled_report(agent, seed=seed, num_games=num_games)
    return Report(
        **vars(exact),
        certificate=certificate,
        sampled=sampled,
        optimal_rates=optimal_rates(agent),
    )


def _solved_report(agent: Policy, solved: SolvedGame, seat: Seat | None, on_ply: OnPly) -> Report:
    positions = solved.positions
    table = policy_table(positions, agent, seat)
    exact = evaluate(solved, table, seat)
    moves = greedy_table(positions, table).argmax(axis=1)

    def move(boards: Boards) -> npt.NDArray[np.intp]:
        return moves[positions.find(boards)]

    walks = walk_both_seats(
        agent.game,
        move,
        game_value=solved.solution.game_value,
        seat=seat,
        # A position may be reached after different numbers of plies, and counts for each.
        max_positions=len(positions) * len(positions.starts),
        on_ply=on_ply,
    )
    certificate = certify(walks, exact.facts)
    return Report(**vars(exact), certificate=certificate, sampled=None, optimal_rates={}, seat=seat)
