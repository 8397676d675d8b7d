"""Play whole games on many boards in lockstep.

The module is pure numpy: it takes a function that evaluates positions, one that picks moves, and a
generator, and knows neither RLlib nor torch. Both players of every game feed the learner, except
opponents.
Shapes: `G` games, `n` games still under way at a ply, `M` moves of all games, `A` actions,
`width` inputs of the network (`Inputs.width`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.sampling.action_samplers import ActionSampler, Floats, Mask

__all__ = [
    "Evaluation",
    "Games",
    "Opponents",
    "Ply",
    "Versus",
    "flat_observations",
    "play_games",
]


class Evaluation(NamedTuple):
    """The network's outputs for `n` positions.

    Attributes:
        logits: `[n, A]` float, very negative where illegal.
        values: `[n]` float in about [-1, 1], +1 = the mover wins.
    """

    logits: Floats
    values: Floats


class Opponents(Protocol):
    """All players that the learner meets, by their numbers."""

    def logits(self, observations: npt.NDArray[np.int8], numbers: npt.NDArray[np.int64]) -> Floats:
        """Return logits `[n, A]`, very negative where illegal; anything for those of `choose`.

        Args:
            observations: `[n, width + A]`.
            numbers: `[n]` which opponent moves in each, in ascending order.
        """

    def choose(
        self,
        boards: Boards,
        numbers: npt.NDArray[np.int64],
        actions: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """Overwrite the moves of opponents that have no logits.

        Args:
            boards: `[n]` positions.
            numbers: `[n]` as for `logits`; -1 where the learner moves.
            actions: `[n]` moves; changed.
            rng: The source of randomness.
        """


class Versus(NamedTuple):
    """Which of the games the learner plays against others, and where it sits.

    Attributes:
        opponents: The others.
        of_game: `[G]` number of the opponent, in ascending order; -1 = the learner plays both
            seats.
        learner_is_x: `[G]` bool, the learner moves first; it means nothing where it plays both.
    """

    opponents: Opponents
    of_game: npt.NDArray[np.int64]
    learner_is_x: Mask


class Ply(NamedTuple):
    """One move in each of the games still under way.

    Attributes:
        games: `[n]` numbers of these games.
        observations: `[n, width + A]` int8, see `flat_observations`.
        actions: `[n]` int64.
        logp: `[n]` float32 log-probability of the action.
        explored: `[n]` bool, the action was drawn at random, not from the policy.
        values: `[n]` float32 value estimates for the mover.
        won: `[n]` bool, the move completed a line.
        done: `[n]` bool, the move ended the game.
        is_learners: `[n]` bool, the learner made the move; None = it made all of them. Values
            and log-probabilities of opponents' moves mean nothing.
    """

    games: npt.NDArray[np.intp]
    observations: npt.NDArray[np.int8]
    actions: npt.NDArray[np.int64]
    logp: Floats
    explored: Mask
    values: Floats
    won: npt.NDArray[np.bool_]
    done: npt.NDArray[np.bool_]
    is_learners: Mask | None = None


@dataclass(frozen=True)
class Games:
    """Complete games, ply by ply, and how they ended.

    Attributes:
        plies: The moves; a game takes part from its opening to its last move.
        x_wins: Games won by the first player.
        o_wins: Games won by the second player.
        num_games: All games `G`; the rest are draws.
        versus: The games against opponents; None = the learner plays both seats of all.
    """

    plies: list[Ply]
    x_wins: int
    o_wins: int
    num_games: int
    versus: Versus | None = None

    @property
    def num_moves(self) -> int:
        """Moves of all games, `M`; those of the random openings do not count."""
        return sum(len(ply.games) for ply in self.plies)


def flat_observations(boards: Boards, inputs: Inputs = PLAIN_INPUTS) -> npt.NDArray[np.int8]:
    """`[n, width + A]` int8: what the network sees, then the mask of the moves it may choose.

    With plain inputs that is PettingZoo's observation, flat, and the legal mask. RLlib passes one
    flat Box with the mask inside through all its parts unchanged; it takes nested spaces apart.

    Args:
        boards: `[n]` positions in which the game is not over.
        inputs: What the network sees and may choose.
    """
    planes, allowed = inputs.planes_and_mask(boards)
    return np.concatenate([planes, allowed.view(np.int8)], axis=1)


def play_games(
    openings: Boards,
    evaluate: Callable[[npt.NDArray[np.int8]], Evaluation],
    choose: ActionSampler,
    rng: np.random.Generator,
    *,
    start: ActionSampler | None = None,
    versus: Versus | None = None,
    inputs: Inputs = PLAIN_INPUTS,
) -> Games:
    """Play every game to its end, with one batched evaluation per ply.

    Args:
        openings: `[G]` positions to start from, none of them over.
        evaluate: Maps observations `[n, width + A]` to logits and values.
        choose: Picks the moves.
        rng: The source of all randomness.
        start: Picks the first move of every game; None picks it like the others.
        versus: Which games are played against others; None = the learner plays both seats.
        inputs: What the learner's network sees and may choose.
    """
    plies: list[Ply] = []
    boards, games = openings, np.arange(len(openings))
    x_wins = o_wins = 0
    while len(games):
        observations = flat_observations(boards, inputs)
        chooser = choose if plies or start is None else start
        x_moved = boards.ply % 2 == 0
        movers = None if versus is None else _opponents_to_move(versus, games, x_moved)
        if versus is None or movers is None:
            logits, values = evaluate(observations)
        else:
            logits, values = _evaluate_either(observations, evaluate, versus.opponents, movers)
        legal = observations[:, -logits.shape[1] :].view(np.bool_)
        actions, logp, explored = chooser(logits, legal, rng)
        is_learners = None
        if versus is not None and movers is not None:
            versus.opponents.choose(boards, movers, actions, rng)
            is_learners = movers < 0
        boards, won, done = boards.step(actions)
        plies.append(
            Ply(games, observations, actions, logp, explored, values, won, done, is_learners)
        )
        x_wins += int((won & x_moved).sum())
        o_wins += int((won & ~x_moved).sum())
        games, boards = games[~done], boards[~done]
    return Games(plies, x_wins, o_wins, len(openings), versus)


def _opponents_to_move(
    versus: Versus, games: npt.NDArray[np.intp], x_moves: Mask
) -> npt.NDArray[np.int64]:
    """`[n]` the opponent that is to move in each of the games; -1 = the learner."""
    of_game = versus.of_game[games]
    return np.where(x_moves == versus.learner_is_x[games], -1, of_game)


def _evaluate_either(
    observations: npt.NDArray[np.int8],
    evaluate: Callable[[npt.NDArray[np.int8]], Evaluation],
    opponents: Opponents,
    movers: npt.NDArray[np.int64],
) -> Evaluation:
    """Evaluate each position with the network of the player that is to move in it.

    Args:
        observations: `[n, width + A]`.
        evaluate: The learner's network.
        opponents: The other players.
        movers: `[n]` number of the opponent to move; -1 = the learner.

    Returns:
        Logits of all, and values, which are 0 where an opponent moves.
    """
    own, others = np.flatnonzero(movers < 0), np.flatnonzero(movers >= 0)
    if not len(others):
        return evaluate(observations)
    theirs = opponents.logits(observations[others], movers[others])
    logits = np.empty((len(movers), theirs.shape[1]), np.float32)
    values = np.zeros(len(movers), np.float32)
    logits[others] = theirs
    if len(own):
        logits[own], values[own] = evaluate(observations[own])
    return Evaluation(logits, values)
