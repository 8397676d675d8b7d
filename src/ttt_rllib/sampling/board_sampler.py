"""Samples whole games of self-play, reproducibly.

Random numbers are drawn from (seed, worker, weights number, call), so a sampler that is restarted
or resumed needs no generator state and never repeats itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.boards import Boards, random_openings
from ttt_envs.game import Game
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.mlp import Head
from ttt_rllib.agents.policies import Policy
from ttt_rllib.sampling.action_samplers import (
    ActionSampler,
    exploring_start_actions,
    greedy_actions,
    sample_actions,
)
from ttt_rllib.sampling.columns import Columns
from ttt_rllib.sampling.network import ILLEGAL_LOGIT
from ttt_rllib.sampling.opponents import OpponentPlayers
from ttt_rllib.sampling.rollout import Evaluation, Games, Versus, play_games

__all__ = ["BoardSampler", "SampledGames", "SamplerSettings"]

Evaluate = Callable[[npt.NDArray[np.int8]], Evaluation]


@dataclass(frozen=True)
class SamplerSettings:
    """What decides which games are played; it can be pickled without RLlib.

    Attributes:
        game: The rules.
        random_plies: Least and greatest number of random opening plies.
        exploring_starts: Share of games whose first move is random.
        num_boards: Boards played at a time.
        seed: Numbers that all randomness follows from; None draws them, differently every time.
        explore: Whether to sample as `exploration` says, or to take the most probable move.
        columns: Turns complete games into what the learner needs.
        exploration: Returns, for a share of random moves, the sampler of moves.
        opponents_share: Share of the boards on which the learner plays opponents, once there are
            any, in [0, 1].
        refuted_starts: Share of the boards that begin in a position given to `start_from`.
        head: By which of its heads the network chooses its moves.
        inputs: What the network sees and may choose.
    """

    game: Game
    random_plies: tuple[int, int]
    exploring_starts: float
    num_boards: int
    seed: tuple[int, ...] | None
    explore: bool
    columns: Callable[[Games], Columns]
    exploration: Callable[[float], ActionSampler]
    opponents_share: float = 0.0
    refuted_starts: float = 0.0
    head: Head = "policy"
    inputs: Inputs = PLAIN_INPUTS


class SampledGames(NamedTuple):
    """What was sampled.

    Attributes:
        columns: What the learner needs; possibly fewer rows than there were moves.
        num_moves: Moves of all games.
        num_games: Games.
        x_wins: Games won by the first player.
        o_wins: Games won by the second player.
    """

    columns: Columns
    num_moves: int
    num_games: int
    x_wins: int
    o_wins: int


class BoardSampler:
    """Plays whole games until there are enough.

    Args:
        settings: What to play.
        worker_index: Number of the worker, which has random numbers unlike those of all others.
    """

    def __init__(self, settings: SamplerSettings, worker_index: int) -> None:
        self.settings = settings
        self._players = OpponentPlayers((), settings.game.num_actions)
        self._starts: Boards | None = None
        self._weights_seq_no = 0
        self._calls = 0
        # Without a seed every worker draws its own; with one, all randomness follows from it.
        seed = settings.seed or (int(np.random.SeedSequence().generate_state(1)[0]),)
        self._entropy = (*seed, worker_index)

    def play_against(self, opponents: Sequence[Policy]) -> None:
        """Let the learner play these from now on, each on the same number of boards.

        Args:
            opponents: The other players; none = the learner plays both seats everywhere.
        """
        self._players = OpponentPlayers(
            opponents,
            self.settings.game.num_actions,
            head=self.settings.head,
            inputs=self.settings.inputs,
        )

    def start_from(self, positions: Boards | None) -> None:
        """Let a share of the games begin in these positions; None = in none.

        Args:
            positions: In which no game is over.
        """
        self._starts = positions

    @property
    def weights_seq_no(self) -> int:
        """The number of the weights with which the next games are played."""
        return self._weights_seq_no

    @weights_seq_no.setter
    def weights_seq_no(self, number: int) -> None:
        if number != self._weights_seq_no:
            self._weights_seq_no, self._calls = number, 0

    def sample(
        self,
        evaluate: Evaluate,
        *,
        num_moves: int = 0,
        num_games: int = 0,
        epsilon: float = 0.0,
        explore: bool | None = None,
        random_actions: bool = False,
        call: int | None = None,
    ) -> SampledGames:
        """Play complete games until there are enough moves and games.

        Args:
            evaluate: The network.
            num_moves: Least number of moves.
            num_games: Least number of games; without either, one round of all boards.
            epsilon: Share of random moves, for algorithms that explore by it.
            explore: Whether to explore; None = as in the settings.
            random_actions: Whether to play uniformly at random instead, among the moves that
                the network may choose.
            call: How many times these weights have been played with before; None counts here.
        """
        columns: list[Columns] = []
        moves = games = x_wins = o_wins = 0
        rng = self._next_generator(call)
        evaluate = self._evaluate_uniformly if random_actions else evaluate
        choose, start = self._choosers(epsilon, explore, random_actions)
        while not columns or moves < num_moves or games < num_games:
            boards = self.settings.num_boards
            if num_moves and not num_games:
                # About as many games as moves are missing, and at first certainly not too many:
                # a small share of a batch must not grow to a game on every board.
                games_per_move = games / moves if moves else 1.0 / self.settings.game.max_plies
                boards = min(boards, math.ceil((num_moves - moves) * games_per_move))
            openings = self._openings(boards, rng)
            versus = self._versus(boards, rng)
            played = play_games(
                openings,
                evaluate,
                choose,
                rng,
                start=start,
                versus=versus,
                inputs=self.settings.inputs,
            )
            columns.append(self.settings.columns(played))
            moves += played.num_moves
            games += played.num_games
            x_wins += played.x_wins
            o_wins += played.o_wins
        merged = {key: np.concatenate([part[key] for part in columns]) for key in columns[0]}
        return SampledGames(merged, moves, games, x_wins, o_wins)

    def _openings(self, num_boards: int, rng: np.random.Generator) -> Boards:
        """Return positions to begin with: random ones, and some of those that were given."""
        settings = self.settings
        openings = random_openings(settings.game, num_boards, settings.random_plies, rng)
        if self._starts is None or not settings.refuted_starts:
            return openings
        # Rounded up or down at random, so that the mean over many batches is right.
        count = int(num_boards * settings.refuted_starts + rng.random())
        given = self._starts[rng.integers(len(self._starts), size=count)]
        openings.mover[:count], openings.opponent[:count] = given.mover, given.opponent
        return openings

    def _versus(self, num_boards: int, rng: np.random.Generator) -> Versus | None:
        """Share the boards out among the opponents, and balance the learner's seats on each."""
        count = len(self._players)
        if not count or not self.settings.opponents_share:
            return None
        # Rounded up or down at random, so that the mean over many batches is right.
        num_games = int(num_boards * self.settings.opponents_share + rng.random())
        of_game = np.full(num_boards, -1)
        # In ascending order; whose share is rounded up changes from batch to batch.
        dealt = np.sort((np.arange(num_games) + rng.integers(count)) % count)
        of_game[num_boards - num_games :] = dealt
        learner_is_x = (np.arange(num_boards) + rng.integers(2)) % 2 == 0
        return Versus(self._players, of_game, learner_is_x)

    def _choosers(
        self, epsilon: float, explore: bool | None, random_actions: bool
    ) -> tuple[ActionSampler, ActionSampler | None]:
        """Return the sampler of moves, and that of a game's first move if it differs."""
        if random_actions:
            return sample_actions, None
        if not (self.settings.explore if explore is None else explore):
            return greedy_actions, None
        share = self.settings.exploring_starts
        start = partial(exploring_start_actions, share=share) if share else None
        return self.settings.exploration(epsilon), start

    def _evaluate_uniformly(self, observations: npt.NDArray[np.int8]) -> Evaluation:
        legal = observations[:, -self.settings.game.num_actions :]
        logits = (1.0 - legal.astype(np.float32)) * np.float32(ILLEGAL_LOGIT)
        return Evaluation(logits, np.zeros(len(observations), np.float32))

    def _next_generator(self, call: int | None) -> np.random.Generator:
        position = (self._weights_seq_no, self._calls if call is None else call)
        self._calls = position[1] + 1
        return np.random.default_rng([*self._entropy, *position])
