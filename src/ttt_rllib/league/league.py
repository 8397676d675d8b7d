"""A league: old selves and fixed players, against which the learner plays beside itself.

Whatever happens in it follows from its seed, its state and the learner's weights, so a run that is
resumed continues with the same members, opponents and ratings. numpy only.
Shapes: `K` members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ttt_envs.game import Game
from ttt_rllib.agents.afterstates import network_policy
from ttt_rllib.agents.bundle import policy_sha256
from ttt_rllib.agents.fixed_players import PERFECT, RANDOM
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.policies import NetworkPolicy, Policy, Weights, policy_table
from ttt_rllib.exact.exploitability import sweep
from ttt_rllib.exact.solved_game import solve_or_raise, solved_game
from ttt_rllib.exact.tables import Table
from ttt_rllib.league.matchmaking import pfsp_odds, shares_of_opponents, uniform_odds
from ttt_rllib.league.members import Member, find_player, snapshot
from ttt_rllib.league.payoffs import NO_PAYOFFS, Payoffs, Results, exact_results, sampled_results
from ttt_rllib.league.standing import Standing, rated
from ttt_rllib.metrics import (
    LEAGUE_MEAN_SCORE,
    LEAGUE_MIN_SCORE,
    LEAGUE_NASH_SCORE,
    LEAGUE_RATING,
    LEAGUE_SNAPSHOTS,
    LEAGUE_WIN_RATE,
)

__all__ = ["LEARNER", "OPPONENTS_AT_ONCE", "League", "LeagueSettings"]

OPPONENTS_AT_ONCE = 4
"""Opponents between two swaps, each with the same share of the boards; one may be drawn twice.
More would mean more evaluations of fewer boards each."""

SAMPLED_GAMES = 100
"""Games of a pair where the game is too large for exact payoffs."""

TABLE_BYTES = 256_000_000
"""Memory for the members' tables: thousands for tic-tac-toe, a few for the largest solved game."""

ROUNDING = 1e-9
"""Scores this close are equal; the exact sums of equals differ in the last digits."""

LEARNER = "learner"
"""Name of the agent that is being trained, among those of the members."""


@dataclass(frozen=True)
class LeagueSettings:
    """How a league works; the words are ML-Agents' and AlphaStar's.

    Attributes:
        matchmaking: Whom the learner plays: the newest snapshots, all of them, or those that it
            needs most (`matchmaking.pfsp_odds`).
        window: Number of snapshots that are drawn from, with `latest_or_window`.
        play_against_latest_model_ratio: Share of the boards on which the learner plays both seats,
            in [0, 1].
        save_steps: Moves between snapshots.
        swap_steps: Moves between changes of the opponents.
        pfsp_weighting: A key of `matchmaking.WEIGHTINGS`.
        promotion: What makes the learner a snapshot when one is due: its mean score against the
            snapshots that may be drawn, a NashConv that is no greater than their mean, or nothing.
        promotion_score: Least mean score, in [-1, 1]; draws count 0.
        members: Opponents from the start.
        seed: All randomness follows from it.
    """

    matchmaking: Literal["latest_or_window", "uniform", "pfsp"] = "latest_or_window"
    window: int = 10
    play_against_latest_model_ratio: float = 0.5
    save_steps: int = 20_000
    swap_steps: int = 10_000
    pfsp_weighting: Literal["hard", "variance"] = "hard"
    promotion: Literal["score", "exploitability", "always"] = "score"
    promotion_score: float = 0.0
    members: tuple[Member, ...] = ()
    seed: int = 0

    @property
    def opponents_share(self) -> float:
        """Share of the boards on which the learner plays opponents."""
        return 1.0 - self.play_against_latest_model_ratio


class League:
    """Members, and which of them play now.

    The random player, and the perfect one where it is known, belong to the pool that is rated even
    where they are no opponents.

    Args:
        settings: How it works.
        game: The rules.
    """

    def __init__(self, settings: LeagueSettings, game: Game) -> None:
        self._settings, self._game = settings, game
        fixed = settings.members
        self._tables: dict[str, Table] = {}
        anchors = [find_player(name, game) for name in (RANDOM, *_perfect(game))]
        self._num_anchors = len(anchors)
        given = {member.sha256: member for member in (*anchors, *fixed)}
        self._pool = list(given.values())
        numbers = {member.sha256: number for number, member in enumerate(self._pool)}
        self._fixed = tuple(dict.fromkeys(numbers[member.sha256] for member in fixed))
        self._snapshots: list[int] = []
        self._payoffs = NO_PAYOFFS
        for number, member in enumerate(self._pool):
            self._payoffs = self._payoffs.extended(self._results(member, self._pool[: number + 1]))
        self._next_save, self._next_swap = settings.save_steps, 0
        self._swaps = 0
        self._opponents: tuple[int, ...] = ()

    @property
    def opponents(self) -> tuple[Member, ...]:
        """Those that play until the next swap, each with the same share of the boards."""
        return tuple(self._pool[number] for number in self._opponents)

    @property
    def snapshots(self) -> tuple[Member, ...]:
        """The frozen selves of the learner, the oldest first."""
        return tuple(self._pool[number] for number in self._snapshots)

    def find(self, sha256: str) -> Member:
        """Return the player with this hash.

        Raises:
            StopIteration: If there is none.
        """
        return next(member for member in self._pool if member.sha256 == sha256)

    def update(self, policy: NetworkPolicy, moves: int) -> dict[str, float]:
        """Take note of an iteration: add a snapshot and change the opponents if that is due.

        A snapshot that is not promoted is tried again when opponents or snapshots are due next.

        Args:
            policy: The learner, after the iteration.
            moves: Moves that it has been trained with.

        Returns:
            The league's metrics, as far as they are new.
        """
        is_save, is_swap = moves >= self._next_save, moves >= self._next_swap
        figures: dict[str, float] = {}
        if is_save or is_swap:
            learner = snapshot(policy, moves)
            candidates = self._candidates()
            results = self._results(learner, [self._pool[number] for number in candidates])
            figures |= _score_figures(results)
            if is_save:
                wait = self._settings.save_steps
                if self._is_promoted(learner, results, candidates):
                    self._add(learner)
                    figures |= self._rating_figures()
                else:
                    wait = min(wait, self._settings.swap_steps)
                self._next_save = _next_multiple(moves, wait)
            if is_swap:
                self._swap(results, candidates)
                self._next_swap = _next_multiple(moves, self._settings.swap_steps)
        return {**figures, LEAGUE_SNAPSHOTS: float(len(self._snapshots))}

    def standing(self, policy: Policy) -> Standing:
        """Return how the learner and all others stand.

        Args:
            policy: The learner.
        """
        members = (*self._pool, Member(LEARNER, policy, policy_sha256(policy)))
        return rated(members, self._payoffs.extended(self._results(members[-1], members)))

    def get_state(self) -> dict[str, Any]:
        """Return everything that is not a setting, as plain values and arrays."""
        return {
            "snapshots": [
                {"moves": one.moves, "sha256": one.sha256, "weights": _weights(one)}
                for one in self.snapshots
            ],
            "pool": [member.sha256 for member in self._pool],
            "payoffs": tuple(vars(self._payoffs).values()),
            "opponents": self._opponents,
            "next_save": self._next_save,
            "next_swap": self._next_swap,
            "swaps": self._swaps,
        }

    def set_state(
        self, state: Mapping[str, Any], activation: str, inputs: Inputs = PLAIN_INPUTS
    ) -> None:
        """Take over a state made by `get_state`.

        Args:
            state: The state.
            activation: That of the snapshots' networks.
            inputs: Those of the snapshots' networks.

        Raises:
            ValueError: If a snapshot is not what it was when it was saved, or a player that was
                given by its path has changed.
        """
        first = len(self._pool) - len(self._snapshots)
        pool = self._pool[:first]
        for saved in state["snapshots"]:
            policy = network_policy(self._game, dict(saved["weights"]), activation, inputs)
            pool.append(snapshot(policy, saved["moves"]))
        wrong = [
            (member.name, sha256)
            for member, sha256 in zip(pool, state["pool"], strict=True)
            if member.sha256 != sha256
        ]
        if wrong:
            name, sha256 = wrong[0]
            raise ValueError(f"{name} of the league is not the player whose hash is {sha256}")
        self._pool = pool
        self._snapshots = list(range(first, len(pool)))
        self._payoffs = Payoffs(*state["payoffs"])
        self._opponents = tuple(state["opponents"])
        self._next_save, self._next_swap = state["next_save"], state["next_swap"]
        self._swaps = state["swaps"]
        self._tables = {}

    def _add(self, member: Member) -> None:
        number = len(self._pool)
        self._pool.append(member)
        self._snapshots.append(number)
        self._payoffs = self._payoffs.extended(self._results(member, self._pool))

    def _candidates(self) -> list[int]:
        """Return the numbers of those that may be drawn as opponents."""
        snapshots = self._snapshots
        if self._settings.matchmaking == "latest_or_window":
            snapshots = snapshots[-self._settings.window :]
        return [*self._fixed, *snapshots]

    def _swap(self, results: Results, candidates: list[int]) -> None:
        """Draw the opponents of the next moves, among them perhaps a snapshot made just now."""
        scores = results.scores
        if (now := self._candidates()) != candidates:
            # The newest is the learner itself.
            known = dict(zip(candidates, scores.tolist(), strict=True))
            scores = np.array([known.get(number, 0.0) for number in now])
        self._opponents = ()
        if now:
            odds = uniform_odds(len(now))
            if self._settings.matchmaking == "pfsp":
                odds = pfsp_odds(scores, self._settings.pfsp_weighting)
            rng = np.random.default_rng([self._settings.seed, self._swaps])
            drawn = shares_of_opponents(odds, OPPONENTS_AT_ONCE, rng)
            self._opponents = tuple(now[number] for number in drawn)
        self._swaps += 1

    def _is_promoted(self, learner: Member, results: Results, candidates: list[int]) -> bool:
        """Tell whether the learner is good enough to be an opponent of those that come.

        It is compared with snapshots only: no learner that explores scores enough against a perfect
        player.
        """
        snapshots = set(self._snapshots)
        places = [place for place, one in enumerate(candidates) if one in snapshots]
        if self._settings.promotion == "always" or not places:
            return True
        if self._settings.promotion == "score":
            mean = float(results.scores[places].mean())
            return mean >= self._settings.promotion_score - ROUNDING
        rivals = [self._nash_conv(self._pool[candidates[place]]) for place in places]
        return self._nash_conv(learner) <= float(np.mean(rivals)) + ROUNDING

    def _rating_figures(self) -> dict[str, float]:
        """Return how the newest snapshot, which is the learner, is rated."""
        standing = rated(self._pool, self._payoffs)
        return {
            LEAGUE_RATING: float(standing.ratings[-1]),
            LEAGUE_NASH_SCORE: float(standing.nash_scores[-1]),
        }

    def _results(self, member: Member, opponents: Sequence[Member]) -> Results:
        """`[K]` results of a player against others, exact where the game allows it."""
        solved = solved_game(self._game)
        if solved is None:
            policies = [opponent.policy for opponent in opponents]
            return sampled_results(
                member.policy, policies, seed=self._settings.seed, num_games=SAMPLED_GAMES
            )
        table = self._table(member)
        # In parts, since the tables of many members may be more than fit the memory.
        size = max(1, TABLE_BYTES // table.nbytes)
        parts = [
            exact_results(
                solved.positions,
                table,
                [self._table(opponent) for opponent in opponents[start : start + size]],
            )
            for start in range(0, max(1, len(opponents)), size)
        ]
        return Results(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _nash_conv(self, member: Member) -> float:
        return sweep(solve_or_raise(self._game).positions, self._table(member)).nash_conv

    def _table(self, member: Member) -> Table:
        """Return a player as a table; kept as long as there is room."""
        table = self._tables.pop(member.sha256, None)
        if table is None:
            table = policy_table(solve_or_raise(self._game).positions, member.policy)
        # Last in the order, so that those not needed for the longest time go first.
        self._tables[member.sha256] = table
        while len(self._tables) * table.nbytes > max(TABLE_BYTES, table.nbytes):
            del self._tables[next(iter(self._tables))]
        return table


def _score_figures(results: Results) -> dict[str, float]:
    if not len(results.scores):
        return {}
    return {
        LEAGUE_MEAN_SCORE: float(results.scores.mean()),
        LEAGUE_MIN_SCORE: float(results.scores.min()),
        LEAGUE_WIN_RATE: float(results.win_rates.mean()),
    }


def _perfect(game: Game) -> tuple[str, ...]:
    return () if solved_game(game) is None else (PERFECT,)


def _weights(member: Member) -> Weights:
    assert isinstance(member.policy, NetworkPolicy)  # noqa: S101 - for the type checker
    return member.policy.weights


def _next_multiple(moves: int, steps: int) -> int:
    return (moves // steps + 1) * steps
