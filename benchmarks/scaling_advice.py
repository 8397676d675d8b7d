"""What to run on so many cores, by the model: how many processes for one trial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from benchmarks.scaling_model import Model
from benchmarks.scaling_setting import Setting

__all__ = ["Adviser", "Choice"]

BOARDS = (512, 256, 1024, 128, 2048, 64)
"""Of those that are equally fast the first is chosen: the default, where it makes no difference."""
LEAST_MINIBATCH = 32
EQUAL = 0.98
"""Of settings that are about as fast, the one with the fewest processes is chosen."""


@dataclass(frozen=True)
class Choice:
    """How to run a trial.

    Attributes:
        setting: What to run.
        moves_per_s: Predicted.
        speed_up: Against one process on one core.
        processes: How many compute: the trial's own, env runners and learners.
    """

    setting: Setting
    moves_per_s: float
    speed_up: float
    processes: int

    @property
    def efficiency(self) -> float:
        """Speed-up by processes."""
        return self.speed_up / self.processes


@dataclass(frozen=True)
class Adviser:
    """Chooses processes for one experiment, by the model.

    The moves of an iteration and its gradient steps stay what they are, so that it learns about
    the same; learners share them.

    Attributes:
        model: The fitted model.
        asked: The game, the network, the batch and the minibatch.
        moves_per_game: Mean length of a game.
    """

    model: Model
    asked: Setting
    moves_per_game: float

    def choose(self, cores: int, least_efficiency: float = 0.0) -> Choice:
        """Return the fastest way to run one trial, a process having a core for itself.

        Args:
            cores: How many there are; some may be left over.
            least_efficiency: Only ways with so much speed-up by processes.
        """
        found = [
            choice
            for choice in map(self._choice, self._candidates(cores))
            if choice.efficiency >= least_efficiency
        ]
        fastest = max(choice.moves_per_s for choice in found)
        equal = [choice for choice in found if choice.moves_per_s >= EQUAL * fastest]
        return min(equal, key=lambda choice: choice.processes)

    @cached_property
    def alone_per_s(self) -> float:
        """Moves per second of one process."""
        return max(map(self._moves_per_s, self._candidates(1)))

    def _choice(self, setting: Setting) -> Choice:
        speed = self._moves_per_s(setting)
        return Choice(setting, speed, speed / self.alone_per_s, _processes(setting))

    def _moves_per_s(self, setting: Setting) -> float:
        cores = _processes(setting)
        return self.model.predict(setting, self.moves_per_game, cores).moves_per_s

    def _candidates(self, cores: int) -> Iterator[Setting]:
        for learners in (0, *_powers(2, self.asked.minibatch_size // LEAST_MINIBATCH)):
            most = cores - 1 - learners
            if most >= 0:
                for runners in dict.fromkeys((0, *_powers(1, most), most)):
                    yield from self._with(runners, learners)

    def _with(self, runners: int, learners: int) -> Iterator[Setting]:
        shares = max(1, learners)
        for boards, is_beside in product(BOARDS, (False, True) if runners else (False,)):
            yield replace(
                self.asked,
                num_env_runners=runners,
                num_boards=boards,
                num_learners=learners,
                batch_size=self.asked.batch_size // shares,
                minibatch_size=self.asked.minibatch_size // shares,
                sample_beside_learning=is_beside,
            )


def _powers(first: int, last: int) -> Iterator[int]:
    number = first
    while number <= last:
        yield number
        number *= 2


def _processes(setting: Setting) -> int:
    return 1 + setting.num_env_runners + setting.num_learners
