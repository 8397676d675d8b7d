"""How a pool of players stands: payoffs, ratings, equilibrium; and `league.json`, its file.

Shapes: `K` players.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_rllib.agents.fixed_players import PERFECT, RANDOM
from ttt_rllib.errors import InputError
from ttt_rllib.league.members import Member
from ttt_rllib.league.payoffs import Payoffs
from ttt_rllib.league.ratings import elo_gap, elo_ratings, max_entropy_nash
from ttt_rllib.text_files import read_json_file

__all__ = [
    "LEAGUE_FILE",
    "Player",
    "Standing",
    "rated",
    "read_standing",
    "standing_as_json",
    "write_standing",
]

LEAGUE_FILE = "league.json"
FORMAT_VERSION = 1

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Player:
    """Which player it is, without how it plays.

    Attributes:
        name: That of the `Member`.
        sha256: Of everything that decides its moves.
        moves: Moves that a snapshot had been trained with; None for others.
    """

    name: str
    sha256: str
    moves: int | None


@dataclass(frozen=True)
class Standing:
    """How the players of a pool stand.

    Attributes:
        players: All `K`.
        payoffs: Of all pairs.
        ratings: `[K]` Elo points; see `rated`.
        nash_weights: `[K]` the equilibrium of greatest entropy; see `max_entropy_nash`.
    """

    players: tuple[Player, ...]
    payoffs: Payoffs
    ratings: Vector
    nash_weights: Vector

    @property
    def nash_scores(self) -> Vector:
        """`[K]` mean scores against the equilibrium: 0 for its players, else 0 or less."""
        return self.payoffs.scores @ self.nash_weights

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Name, rating, mean score, Nash weight and Nash average as text, in `order`."""
        means = self.payoffs.scores.mean(axis=1)
        return [
            (
                self.players[number].name,
                f"{self.ratings[number]:.0f}",
                _signed(means[number]),
                f"{self.nash_weights[number]:.3f}",
                _signed(self.nash_scores[number]),
            )
            for number in self.order
        ]

    @property
    def order(self) -> list[int]:
        """Numbers of the players, the highest rating first, then the better Nash average."""
        # Equals differ in the last digits.
        ratings, averages = self.ratings.round(6).tolist(), self.nash_scores.round(6).tolist()
        return sorted(range(len(self.players)), key=lambda one: (-ratings[one], -averages[one]))


def _signed(score: float) -> str:
    """Return a score with its sign and three digits; 0 has none of either sign."""
    return f"{round(float(score), 3) + 0.0:+.3f}"


def rated(members: Sequence[Member], payoffs: Payoffs) -> Standing:
    """Rate a pool in which the random player is, and the perfect one if there is one.

    The random player has 0 points, and the perfect one as many as its score against the random
    player says, in any pool; the ratings of all others depend a little on the pool. No other is
    rated above the perfect player, since no player scores more than half the points against it.

    Args:
        members: `K` players.
        payoffs: Their results.
    """
    names = [member.name for member in members]
    scores = payoffs.scores
    random = names.index(RANDOM)
    anchors, highest = {random: 0.0}, None
    if PERFECT in names:
        perfect = names.index(PERFECT)
        highest = anchors[perfect] = elo_gap(float(scores[perfect, random]))
    return Standing(
        players=tuple(Player(member.name, member.sha256, member.moves) for member in members),
        payoffs=payoffs,
        ratings=elo_ratings(scores, anchors, highest=highest),
        nash_weights=max_entropy_nash(scores),
    )


def standing_as_json(standing: Standing) -> dict[str, Any]:
    """Return everything as plain JSON values; the matrices are lists of rows."""
    payoffs = standing.payoffs
    return {
        "format_version": FORMAT_VERSION,
        "exact": payoffs.is_exact,
        "players": [
            {
                "name": player.name,
                "sha256": player.sha256,
                "moves": player.moves,
                "rating": float(rating),
                "nash_weight": float(weight),
                "nash_score": float(score),
            }
            for player, rating, weight, score in zip(
                standing.players,
                standing.ratings,
                standing.nash_weights,
                standing.nash_scores,
                strict=True,
            )
        ],
        "x_wins": payoffs.x_wins.tolist(),
        "draws": payoffs.draws.tolist(),
        "o_wins": payoffs.o_wins.tolist(),
        "scores": payoffs.scores.tolist(),
        "standard_errors": payoffs.standard_errors.tolist(),
    }


def read_standing(path: Path) -> Standing | None:
    """Read `league.json`; None if there is none.

    Raises:
        InputError: If it is damaged, or of another version.
    """
    if not path.is_file():
        return None
    try:
        data = read_json_file(path)
        version = data["format_version"]
        standing = _standing(data) if version == FORMAT_VERSION else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged: {error}") from None
    if standing is None:
        raise InputError(f"{path}: is of format {version}, not {FORMAT_VERSION}")
    return standing


def _standing(data: Mapping[str, Any]) -> Standing:
    players = data["players"]
    matrices = (np.array(data[key], float) for key in ("x_wins", "o_wins", "standard_errors"))
    payoffs = Payoffs(*matrices)
    if {matrix.shape for matrix in vars(payoffs).values()} != {(len(players),) * 2}:
        raise ValueError(f"its matrices are not of {len(players)} players")
    return Standing(
        players=tuple(Player(one["name"], one["sha256"], one["moves"]) for one in players),
        payoffs=payoffs,
        ratings=np.array([one["rating"] for one in players], float),
        nash_weights=np.array([one["nash_weight"] for one in players], float),
    )


def write_standing(standing: Standing, path: Path) -> None:
    """Write `league.json`."""
    path.write_text(json.dumps(standing_as_json(standing), indent=1) + "\n", encoding="utf-8")
