"""A setting of PPO self-play that is measured, and what one of its iterations took."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ttt_envs.game import CONNECT_FOUR, TIC_TAC_TOE, Game

__all__ = ["GAMES", "SCALAR_BYTES", "Phases", "Setting", "Timing"]

GAMES = {game.name: game for game in (TIC_TAC_TOE, Game(4, 4, 4), CONNECT_FOUR)}
"""What is measured, by name."""

SCALAR_BYTES = 21
"""A move's action (8), log-probability, advantage and value target (4 each), and a flag."""


@dataclass(frozen=True)
class Setting:
    """What decides how long an iteration takes; the names are those of an experiment.

    Attributes:
        game: Name of one of `GAMES`.
        hidden_sizes: Units of the network's hidden layers.
        num_env_runners: Actors that sample; 0 = the trial's own process does.
        num_boards: Boards of each env runner.
        num_learners: Actors that learn; 0 = the trial's own process does.
        batch_size: Least number of moves per learner and iteration.
        minibatch_size: Approximate number of moves per gradient step of a learner.
        num_epochs: Passes over a batch.
        sample_beside_learning: Whether env runners sample while the learners learn.
    """

    game: str
    hidden_sizes: tuple[int, ...] = (128, 128)
    num_env_runners: int = 2
    num_boards: int = 512
    num_learners: int = 0
    batch_size: int = 4096
    minibatch_size: int = 1024
    num_epochs: int = 4
    sample_beside_learning: bool = False

    @property
    def observation_bytes(self) -> int:
        """Bytes of a move's observation and legal mask."""
        game = GAMES[self.game]
        return 2 * game.num_squares + game.num_actions

    @property
    def row_bytes(self) -> int:
        """Bytes of a move on its way to the learner."""
        return self.observation_bytes + SCALAR_BYTES

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass per move."""
        return sum(2 * inputs * outputs for inputs, outputs in self._layers)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the network."""
        return sum(4 * (inputs + 1) * outputs for inputs, outputs in self._layers)

    @property
    def _layers(self) -> list[tuple[int, int]]:
        game = GAMES[self.game]
        # Both heads together: a logit per action, and the value.
        sizes = (2 * game.num_squares, *self.hidden_sizes, game.num_actions + 1)
        return list(pairwise(sizes))

    @property
    def samplers(self) -> int:
        """Processes that sample."""
        return max(1, self.num_env_runners)

    @property
    def learners(self) -> int:
        """Processes that learn."""
        return max(1, self.num_learners)

    @property
    def moves(self) -> int:
        """Moves of an iteration; whole games make them a percent or so more."""
        return self.batch_size * self.learners

    @property
    def name(self) -> str:
        """The setting in words."""
        runners = f"{self.num_env_runners} x {self.num_boards:,} boards"
        layers = " x ".join(map(str, self.hidden_sizes))
        batch = f"batch {self.batch_size:,} / {self.minibatch_size:,}"
        learners = f", {self.num_learners} learners" if self.num_learners else ""
        beside = ", beside learning" * self.sample_beside_learning
        return f"{GAMES[self.game].title}, {runners}, network {layers}, {batch}{learners}{beside}"


@dataclass(frozen=True)
class Phases:
    """What one iteration takes, phase by phase.

    Attributes:
        moves: Moves sampled.
        sample_s: Wall seconds of waiting for moves and of putting them together.
        learn_s: Wall seconds of learning.
        sync_s: Wall seconds of handing the weights out.
        rest_s: Wall seconds of everything else.
    """

    moves: float
    sample_s: float
    learn_s: float
    sync_s: float
    rest_s: float

    @property
    def wall_s(self) -> float:
        """Wall seconds of the iteration."""
        return self.sample_s + self.learn_s + self.sync_s + self.rest_s

    @property
    def moves_per_s(self) -> float:
        """Moves per wall second."""
        return self.moves / self.wall_s


@dataclass(frozen=True)
class Timing(Phases):
    """What one iteration took.

    Attributes:
        moves_per_game: Mean length of a game.
        runner_cpu_s: CPU seconds of all env runners; 0 where there is none.
        driver_cpu_s: CPU seconds of the trial's own process.
    """

    moves_per_game: float
    runner_cpu_s: float
    driver_cpu_s: float

    @property
    def moves_per_cpu_s(self) -> float:
        """Moves per CPU second of the trial's process and its env runners."""
        return self.moves / (self.runner_cpu_s + self.driver_cpu_s)
