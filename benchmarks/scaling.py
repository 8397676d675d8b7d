"""More env runners, more learners: moves and passes per wall second, and the efficiency.

Env runners of one algorithm sample 200,000 moves together, or the 4,096 of a training
batch; the columns come back to the driver, as in training. Learners (DDP) share a batch.
Efficiency is the speed-up divided by the number of actors; beyond the machine's cores it
can only fall.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.rows import Row, Target, interleaved, ratios

__all__ = ["scaling"]

ENV_RUNNERS = (1, 2, 4)
LEARNERS = (1, 2)
CPUS = 0.1
"""Reserved for each actor; Ray counts, but does not limit."""
ROUNDS = {200_000: 2, 4096: 20}
"""Moves asked for at a time, and how many times in one measurement."""
EPOCHS, MINIBATCH = 4, 1024
LEARNER_MOVES = 16_384


def scaling(quick: bool) -> list[Row]:
    """Measure env runners, and where there is time learners."""
    from ttt_rllib.cluster.connection import connect, disconnect

    connect(None)  # before anything imports ray
    try:
        return _sampling(quick) + ([] if quick else _learning())
    finally:
        disconnect()


def _sampling(quick: bool) -> list[Row]:
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig

    numbers = ENV_RUNNERS[:2] if quick else ENV_RUNNERS
    config = SelfPlayPPOConfig().debugging(seed=0, log_level="ERROR")
    config.env_runners(
        num_env_runners=max(numbers), num_envs_per_env_runner=1024, num_cpus_per_env_runner=CPUS
    )
    algorithm = config.build_algo()
    rows = []
    for moves, rounds in ((min(ROUNDS), 2),) if quick else ROUNDS.items():
        contestants = {
            number: _sampling_rate(algorithm.env_runner_group, number, moves, rounds)
            for number in numbers
        }
        for measure in contestants.values():
            measure()
        figures = interleaved(contestants, 2 if quick else 5)
        names = (f"sampling {moves:,} moves", "env runner", "moves per wall second")
        rows += _rows(names, figures, Target(at_least=1.7) if moves == max(ROUNDS) else None)
    algorithm.stop()
    return rows


def _sampling_rate(group: Any, number: int, moves: int, rounds: int) -> Callable[[], float]:
    share, chosen = math.ceil(moves / number), list(range(1, number + 1))

    def measure() -> float:
        sampled, start_s = 0, time.perf_counter()
        for _ in range(rounds):
            answers = group.foreach_env_runner(
                "sample_games",
                kwargs={"num_moves": share, "epsilon": 0.0},
                remote_worker_ids=chosen,
                local_env_runner=False,
            )
            sampled += sum(sampled.games.num_moves for sampled in answers)
        return sampled / (time.perf_counter() - start_s)

    return measure


def _learning() -> list[Row]:
    from benchmarks.learner import sampled_batch
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig

    batch = sampled_batch(LEARNER_MOVES)
    groups = {}
    for number in LEARNERS:
        config = SelfPlayPPOConfig().debugging(seed=0, log_level="ERROR")
        config.learners(num_learners=number, num_cpus_per_learner=CPUS)
        groups[number] = config.build_learner_group()
    contestants = {number: _learning_rate(group, batch) for number, group in groups.items()}
    for measure in contestants.values():
        measure()
    figures = interleaved(contestants, 5)
    for group in groups.values():
        group.shutdown()
    return _rows(("learning, minibatch 1,024", "learner", "passes per wall second"), figures, None)


def _learning_rate(group: Any, batch: Any) -> Callable[[], float]:
    from ray.rllib.policy.sample_batch import MultiAgentBatch
    from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

    # Unequal shards hang DDP.
    moves = batch.env_steps() // max(LEARNERS) * max(LEARNERS)
    columns = {name: part[:moves] for name, part in batch.policy_batches.items()}
    equal = MultiAgentBatch(columns, moves)

    def measure() -> float:
        start_s = time.perf_counter()
        group.update(
            batch=equal,
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: 0},
            num_epochs=EPOCHS,
            minibatch_size=MINIBATCH,
        )
        return EPOCHS * moves / (time.perf_counter() - start_s)

    return measure


def _rows(
    names: tuple[str, str, str], figures: Mapping[int, Sequence[float]], target: Target | None
) -> list[Row]:
    """Return throughputs, and for each number above 1 speed-up and efficiency."""
    what, actor, unit = names
    rows = [
        Row("scaling", f"{what}, {number} {actor}{'s' * (number > 1)}", unit, each)
        for number, each in figures.items()
    ]
    for number in list(figures)[1:]:
        speed_up = ratios(figures[number], figures[1])
        label = f"{what}, {number} {actor}s against 1"
        rows.append(Row("scaling", label, "x", speed_up, target if number == 2 else None))
        efficiency = [each / number for each in speed_up]
        rows.append(Row("scaling", f"{label}, efficiency", "share", efficiency))
    return rows
