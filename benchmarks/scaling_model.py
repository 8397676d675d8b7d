"""A model of one PPO iteration, fitted to measured ones, that predicts larger clusters.

An iteration takes turns: the env runners sample, the learners learn, the weights go back, and
RLlib keeps its books; the env runners are asked for the next moves before the last of these, or
before learning. Each phase is a sum of terms with a rate that is 0 or greater (`TERMS`);
the rates come from least squares on relative errors, phase by phase. The model knows nothing of
Ray: it sees `Setting`s and `Timing`s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.scaling_setting import GAMES, Phases, Setting, Timing

__all__ = ["TERMS", "Model", "Term", "fit", "lockstep_steps"]


@dataclass(frozen=True)
class Term:
    """One term of a phase: a rate, which is fitted, times an amount.

    Attributes:
        symbol: As in the report's equations.
        unit: Of the rate.
        meaning: What takes the time.
    """

    symbol: str
    unit: str
    meaning: str


TERMS: Mapping[str, tuple[Term, ...]] = {
    "runner": (
        Term("a_call", "s per call", "a call of an env runner, with its new weights"),
        Term("a_step", "s per step", "a step of all boards of an env runner"),
        Term("a_move", "s per move", "a move, whatever the game"),
        Term("a_byte", "s per byte", "a byte of a move's observation: rules, columns"),
        Term("a_flop", "s per FLOP", "an operation of the network's forward pass"),
    ),
    "collect": (
        Term("c_call", "s per iteration", "asking the env runners and waiting for the last"),
        Term("c_runner", "s per runner", "the answer of one env runner"),
        Term("c_byte", "s per byte", "a byte of a move on its way into the batch"),
        Term("c_wait", "", "waiting for the slowest of several, by the time one waits anyway"),
    ),
    "local": (Term("f", "", "sampling in the trial's process by that of an env runner"),),
    "learn": (
        Term("l_call", "s per iteration", "an update, whatever its size"),
        Term("l_move", "s per move", "a move in one pass: losses"),
        Term("l_byte", "s per byte", "a byte of a move in one pass: shuffling"),
        Term("l_flop", "s per FLOP", "an operation of the forward pass, with its gradient"),
        Term("l_step", "s per step", "a gradient step"),
        Term("l_weight", "s per byte", "a byte of the network in a gradient step: Adam"),
    ),
    "distribute": (
        Term("d_call", "s per update", "an update by learners in other processes"),
        Term("d_byte", "s per byte", "a byte of a move on its way to a learner"),
        Term("d_one", "", "learning in another process by that in the trial's"),
        Term("d_many", "", "the same where several learners share the work (autograd, DDP)"),
        Term("d_step", "s per step", "averaging the gradients of one step"),
        Term("d_weight", "s per byte", "a byte of the network in that"),
    ),
    "sync": (
        Term("y_call", "s per iteration", "taking the weights from the learner"),
        Term("y_runner", "s per runner", "handing them to one env runner"),
        Term("y_weight", "s per byte", "a byte of the network"),
    ),
    "rest": (
        Term("r_call", "s per iteration", "RLlib's metrics and results"),
        Term("r_runner", "s per runner", "those of one env runner"),
    ),
}
"""The terms of each phase, in the order of its amounts."""


def lockstep_steps(setting: Setting, share: float, moves_per_game: float) -> float:
    """Return how many times an env runner steps all of its boards for its share of the moves.

    Args:
        setting: What is run.
        share: Moves of one env runner.
        moves_per_game: Mean length of a game.
    """
    squares = GAMES[setting.game].num_squares
    # At first as many games as cannot be too many, then about as many as are missing.
    first = min(setting.num_boards, share / squares)
    missing = max(0.0, share - first * moves_per_game)
    rounds = 1.0 + max(1.0, missing / (setting.num_boards * moves_per_game)) + SHORT_ROUNDS
    return rounds * squares


SHORT_ROUNDS = 0.3
"""Rounds of a few boards that follow, on average, since games differ in length."""


def _runner_amounts(setting: Setting, moves: float, moves_per_game: float) -> list[float]:
    """Of one sampling process."""
    share = moves / setting.samplers
    steps = lockstep_steps(setting, share, moves_per_game)
    return [1.0, steps, share, share * setting.observation_bytes, share * setting.flops]


def _collect_amounts(setting: Setting, moves: float, waiting_s: float) -> list[float]:
    slowest_s = waiting_s if setting.num_env_runners > 1 else 0.0
    return [1.0, setting.num_env_runners, moves * setting.row_bytes, slowest_s]


def _waiting_s(setting: Setting, cpu_s: float, timing: Phases, cores: int) -> float:
    """Return how long the algorithm waits for env runners that need `cpu_s` all together."""
    meanwhile_s = timing.rest_s
    if setting.sample_beside_learning:
        meanwhile_s += timing.learn_s + timing.sync_s
        # A core is busy with learning.
        cores = max(1, cores - setting.learners)
    return max(0.0, cpu_s / min(setting.samplers, cores) - meanwhile_s)


def _learn_amounts(setting: Setting, moves: float) -> list[float]:
    """Of one learner."""
    share = moves / setting.learners
    steps = setting.num_epochs * max(1, round(share / setting.minibatch_size))
    passes = setting.num_epochs * share
    bytes_ = setting.observation_bytes
    return [
        1.0,
        passes,
        passes * bytes_,
        passes * setting.flops,
        steps,
        steps * setting.weight_bytes,
    ]


def _sync_amounts(setting: Setting) -> list[float]:
    return [1.0, setting.num_env_runners, setting.weight_bytes]


def _rest_amounts(setting: Setting) -> list[float]:
    return [1.0, setting.num_env_runners]


@dataclass(frozen=True)
class Model:
    """The fitted rates.

    Attributes:
        rates: Of each phase in `TERMS`, in their order; a phase that was not measured is absent.
    """

    rates: Mapping[str, tuple[float, ...]]

    def predict(
        self, setting: Setting, moves_per_game: float, cores: int, moves: float | None = None
    ) -> Phases:
        """Predict an iteration on a machine, or a cluster, of so many cores of the same kind.

        Args:
            setting: What is run.
            moves_per_game: Mean length of a game.
            cores: Where there are more processes than these, they share them.
            moves: Moves of the iteration; None = those of the setting.
        """
        moves = float(setting.moves) if moves is None else moves
        others = Phases(
            moves=moves,
            sample_s=0.0,
            learn_s=self._learn_s(setting, moves, cores),
            sync_s=self._sum("sync", _sync_amounts(setting)),
            rest_s=self._sum("rest", _rest_amounts(setting)),
        )
        cpu_s = self.runner_cpu_s(setting, moves, moves_per_game)
        return replace(others, sample_s=self._sample_s(setting, cpu_s, others, cores))

    def trials_per_s(
        self, setting: Setting, moves_per_game: float, cores: int, trials: int
    ) -> float:
        """Return the moves per second of several trials of one process each, side by side."""
        one = self.predict(setting, moves_per_game, 1)
        return one.moves_per_s * min(trials, cores)

    def runner_cpu_s(self, setting: Setting, moves: float, moves_per_game: float) -> float:
        """Return the CPU seconds of all sampling processes."""
        amounts = _runner_amounts(setting, moves, moves_per_game)
        return setting.samplers * self._sum("runner", amounts)

    def _sample_s(self, setting: Setting, cpu_s: float, others: Phases, cores: int) -> float:
        if setting.num_env_runners == 0:
            return self.rates["local"][0] * cpu_s
        waiting_s = _waiting_s(setting, cpu_s, others, cores)
        return waiting_s + self._sum("collect", _collect_amounts(setting, others.moves, waiting_s))

    def _learn_s(self, setting: Setting, moves: float, cores: int) -> float:
        if setting.num_learners == 0:
            return self._sum("learn", _learn_amounts(setting, moves))
        return self._sum("distribute", self.distribute_amounts(setting, moves, cores))

    def distribute_amounts(self, setting: Setting, moves: float, cores: int) -> list[float]:
        """Return the amounts of the phase "distribute", two of which are other phases' seconds."""
        amounts = _learn_amounts(setting, moves)
        crowd = setting.learners / min(setting.learners, cores)
        alone_s = self._sum("learn", amounts) * crowd
        if setting.num_learners == 1:
            return [1.0, moves * setting.row_bytes, alone_s, 0.0, 0.0, 0.0]
        steps = amounts[4]
        averaged = (steps, steps * setting.weight_bytes)
        return [1.0, moves * setting.row_bytes, 0.0, alone_s, *averaged]

    def _sum(self, phase: str, amounts: Sequence[float]) -> float:
        return sum(rate * amount for rate, amount in zip(self.rates[phase], amounts, strict=True))


def fit(
    measured: Mapping[Setting, Timing], cores: int, learning: Mapping[Setting, float] | None = None
) -> Model:
    """Fit all rates by least squares on relative errors.

    Args:
        measured: Whole iterations with learning in the trial's process; the caller leaves out
            what the model is checked on.
        cores: Those of the machine.
        learning: Seconds of updates by learners in other processes, on exactly as many moves as
            the setting says; without any, nothing can be predicted for them.
    """
    remote = {one: time for one, time in measured.items() if one.num_env_runners > 0}
    local = {one: time for one, time in measured.items() if one.num_env_runners == 0}
    rates: dict[str, tuple[float, ...]] = {}
    rates["runner"] = _rates(
        [_runner_amounts(one, time.moves, time.moves_per_game) for one, time in remote.items()],
        [time.runner_cpu_s / one.samplers for one, time in remote.items()],
    )
    rates["learn"] = _rates(
        [_learn_amounts(one, time.moves) for one, time in measured.items()],
        [time.learn_s for time in measured.values()],
    )
    rates["sync"] = _rates(
        [_sync_amounts(one) for one in remote], [time.sync_s for time in remote.values()]
    )
    rates["rest"] = _rates(
        [_rest_amounts(one) for one in measured], [time.rest_s for time in measured.values()]
    )
    model = Model(rates)
    waiting = [
        _waiting_s(one, model.runner_cpu_s(one, time.moves, time.moves_per_game), time, cores)
        for one, time in remote.items()
    ]
    rates["collect"] = _rates(
        [
            _collect_amounts(one, time.moves, waiting_s)
            for (one, time), waiting_s in zip(remote.items(), waiting, strict=True)
        ],
        [time.sample_s for time in remote.values()],
        waiting,
    )
    if local:
        rates["local"] = _rates(
            [
                [model.runner_cpu_s(one, time.moves, time.moves_per_game)]
                for one, time in local.items()
            ],
            [time.sample_s for time in local.values()],
        )
    if learning:
        rates["distribute"] = _rates(
            [model.distribute_amounts(one, one.moves, cores) for one in learning],
            list(learning.values()),
        )
    return model


def _rates(
    amounts: Sequence[Sequence[float]],
    seconds: Sequence[float],
    explained: Sequence[float] | None = None,
) -> tuple[float, ...]:
    """Return the rates, none below 0, with the least squares of relative errors.

    Args:
        amounts: Of each measurement.
        seconds: What it took.
        explained: The part of the seconds that other rates explain.
    """
    from scipy.optimize import nnls

    total = np.asarray(seconds, dtype=float)
    left = total - np.asarray(explained if explained is not None else np.zeros_like(total))
    design = np.asarray(amounts, dtype=float) / total[:, None]
    # Rates differ by a factor of a billion: columns of the same size keep it well conditioned.
    scale = np.linalg.norm(design, axis=0)
    scale[scale == 0.0] = 1.0
    found: npt.NDArray[Any] = nnls(design / scale, left / total)[0] / scale
    return tuple(float(rate) for rate in found)
