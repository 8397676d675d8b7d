"""What every player of a pool scores against every other, exactly wherever the game allows it.

Shapes: `P` positions, `A` actions, `K` players, `n` positions of one ply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.positions import Positions
from ttt_rllib.agents.policies import Policy, policy_table
from ttt_rllib.evaluation.matches import play_match
from ttt_rllib.exact.solved_game import solved_game
from ttt_rllib.exact.tables import Table, check_table

__all__ = [
    "NO_PAYOFFS",
    "PAIR_GAMES",
    "Payoffs",
    "Results",
    "exact_results",
    "payoffs",
    "sampled_results",
]

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

PAIR_GAMES = 200
"""Sampled games of a pair; the standard error of an even match of wins and losses is 0.07."""

VALUES_AT_ONCE = 20_000_000
"""Limits memory: so many opponents times positions are evaluated together, 160 MB of values."""


@dataclass(frozen=True)
class Payoffs:
    """The results of all pairs, both ways round.

    Attributes:
        x_wins: `[K, K]` probability that player `i` wins as X against player `j` as O.
        o_wins: `[K, K]` probability that `j` wins that game; the rest are draws.
        standard_errors: `[K, K]` of `scores`; all 0 where they are exact.
    """

    x_wins: Matrix
    o_wins: Matrix
    standard_errors: Matrix

    def __len__(self) -> int:
        return len(self.x_wins)

    @property
    def is_exact(self) -> bool:
        """Whether they were computed rather than sampled."""
        return not self.standard_errors.any()

    @property
    def draws(self) -> Matrix:
        """`[K, K]` probability that `i` as X draws against `j` as O."""
        return np.maximum(0.0, 1.0 - self.x_wins - self.o_wins)

    @property
    def scores(self) -> Matrix:
        """`[K, K]` mean score of `i` against `j`, both seats with the same weight, in [-1, 1].

        It is antisymmetric, with zeros on the diagonal.
        """
        x_scores = self.x_wins - self.o_wins
        return (x_scores - x_scores.T) / 2.0

    def extended(self, results: Results) -> Payoffs:
        """Return the payoffs with one more player.

        Args:
            results: Its results against the `K` players, and last against itself.
        """
        return Payoffs(
            _bordered(self.x_wins, results.wins_as_x, results.losses_as_o),
            _bordered(self.o_wins, results.losses_as_x, results.wins_as_o),
            _bordered(self.standard_errors, results.standard_errors, results.standard_errors),
        )


class Results(NamedTuple):
    """The results of one player against `K` others, as probabilities.

    Attributes:
        wins_as_x: `[K]` of winning as X.
        losses_as_x: `[K]` of losing as X.
        wins_as_o: `[K]` of winning as O.
        losses_as_o: `[K]` of losing as O.
        standard_errors: `[K]` of `scores`; 0 where they are exact.
    """

    wins_as_x: Vector
    losses_as_x: Vector
    wins_as_o: Vector
    losses_as_o: Vector
    standard_errors: Vector

    @property
    def scores(self) -> Vector:
        """`[K]` mean scores, both seats with the same weight, in [-1, 1]."""
        return (self.wins_as_x - self.losses_as_x + self.wins_as_o - self.losses_as_o) / 2.0

    @property
    def win_rates(self) -> Vector:
        """`[K]` share of the games won, both seats with the same weight."""
        return (self.wins_as_x + self.wins_as_o) / 2.0


def payoffs(policies: Sequence[Policy], *, seed: int = 0, num_games: int = PAIR_GAMES) -> Payoffs:
    """Return the results of all pairs: exact on a solved game, sampled on a larger one.

    Args:
        policies: `K` players of one game, which draw their moves from their probabilities.
        seed: That of the sampled games.
        num_games: Sampled games of a pair; an even number, 2 or more.

    Raises:
        ValueError: If they play different games.
    """
    games = {policy.game for policy in policies}
    if len(games) != 1:
        raise ValueError(f"a pool plays one game; these play {', '.join(map(str, games))}")
    solved = solved_game(policies[0].game)
    found = NO_PAYOFFS
    if solved is None:
        for number, policy in enumerate(policies):
            found = found.extended(
                sampled_results(policy, policies[: number + 1], seed=seed, num_games=num_games)
            )
        return found
    tables = [policy_table(solved.positions, policy) for policy in policies]
    for number, table in enumerate(tables):
        check_table(solved.positions, table)
        found = found.extended(exact_results(solved.positions, table, tables[: number + 1]))
    return found


def exact_results(positions: Positions, table: Table, opponents: Sequence[Table]) -> Results:
    """Return the exact results of one player, by a walk through the whole game.

    Args:
        positions: All positions of the game.
        table: `[P, A]` move probabilities of the player.
        opponents: Those of the `K` others.
    """
    if not opponents:
        return Results(*np.zeros((len(Results._fields), 0)))
    parts = []
    size = max(1, VALUES_AT_ONCE // positions.legal.size)
    for start in range(0, len(opponents), size):
        own, others = table[:, :, None], np.stack(opponents[start : start + size], axis=2)
        wins_as_x, losses_as_x = _sweep(positions, own, others)
        losses_as_o, wins_as_o = _sweep(positions, others, own)
        parts.append([wins_as_x, losses_as_x, wins_as_o, losses_as_o])
    wins_as_x, losses_as_x, wins_as_o, losses_as_o = np.concatenate(parts, axis=1)
    exact = np.zeros(len(opponents))
    return Results(wins_as_x, losses_as_x, wins_as_o, losses_as_o, exact)


def sampled_results(
    policy: Policy, opponents: Sequence[Policy], *, seed: int, num_games: int
) -> Results:
    """Return the results of sampled games, half of those of a pair in each seat.

    Args:
        policy: The player, which draws its moves as the others do.
        opponents: The `K` others.
        seed: All randomness follows from it and from the number of the opponent.
        num_games: Against each; an even number, 2 or more.
    """
    columns = []
    for number, opponent in enumerate(opponents):
        # As many players as there are before this one are in the pool that it joins.
        rng = np.random.default_rng([seed, len(opponents), number])
        one = play_match(policy, opponent, num_games, rng, is_greedy=False)
        x_games, o_games = one.as_x.games, one.as_o.games
        columns.append(
            (
                one.as_x.wins / x_games,
                one.as_x.losses / x_games,
                one.as_o.wins / o_games,
                one.as_o.losses / o_games,
                one.standard_error,
            )
        )
    return Results(*np.array(columns).reshape(-1, len(Results._fields)).T)


def _bordered(matrix: Matrix, row: Vector, column: Vector) -> Matrix:
    """Return the matrix with a last row `[K + 1]`, and a last column `[K + 1]`."""
    count = len(matrix)
    larger = np.zeros((count + 1, count + 1))
    larger[:count, :count] = matrix
    larger[:, count] = column
    larger[count] = row
    return larger


def _sweep(positions: Positions, x_tables: Matrix, o_tables: Matrix) -> tuple[Matrix, Matrix]:
    """`[K]` probabilities that X wins, and that O wins, from the last ply to the first.

    Args:
        positions: All positions of the game.
        x_tables: `[P, A, K]` the players in the first seat, or `[P, A, 1]` one for all.
        o_tables: The same of the second seat.
    """
    count = max(x_tables.shape[2], o_tables.shape[2])
    # A position that is lost for its mover was won by the other player.
    x_wins = np.repeat((positions.lost & ~positions.x_to_move)[:, None] * 1.0, count, axis=1)
    o_wins = np.repeat((positions.lost & positions.x_to_move)[:, None] * 1.0, count, axis=1)
    for rows in reversed(list(positions.plies())):
        playing = np.flatnonzero(~positions.terminal[rows]) + rows.start
        if not len(playing):
            continue
        tables = x_tables if positions.x_to_move[playing[0]] else o_tables
        # An illegal move leads to row -1, with probability 0.
        children, odds = positions.children[playing], tables[playing]
        x_wins[playing] = (odds * x_wins[children]).sum(axis=1)
        o_wins[playing] = (odds * o_wins[children]).sum(axis=1)
    return x_wins[0], o_wins[0]


NO_PAYOFFS = Payoffs(*np.zeros((3, 0, 0)))
"""Those of a pool without players."""
