"""Moves per wall second of whole training iterations, ours and stock, at equal settings.

Both algorithms stand in the same Ray, each with 2 env runners of its own, and train in
turn; the one not training is idle. No exact evaluation: stock has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from benchmarks.rows import Row, Target, interleaved, ratios

__all__ = ["end_to_end"]

OURS, STOCK = "SelfPlayPPO", "stock PPO"
UNITS = {"wall_s": "wall second", "cpu_s": "CPU second"}
NOTE = "batch 4,096, minibatch 256, 2 epochs, 2 env runners"
SETTINGS = {
    "train_batch_size_per_learner": 4096,
    "minibatch_size": 256,
    "num_epochs": 2,
    "lr": 1e-4,
    "entropy_coeff": 0.01,
    "grad_clip": 0.5,
}
NUM_ENV_RUNNERS = 2
NUM_BOARDS = 512
"""The default of an experiment; `benchmarks.stock` holds the best number for stock."""
CPUS = 0.25
"""Reserved for each actor, so that both algorithms fit into two cores at once."""
OUR_ITERATIONS = 10
"""As one takes a fraction of a second; stock takes several for one."""


def end_to_end(quick: bool) -> list[Row]:
    """Train both for some iterations, in turn."""
    from ttt_rllib.cluster.connection import connect, disconnect

    connect(None)  # before anything imports ray
    import torch

    from benchmarks.stock import stock_config
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig

    torch.set_num_threads(1)  # as Ray does in an actor of one CPU, such as a trial
    try:
        config = SelfPlayPPOConfig().self_play(exact_evaluation_interval=0)
        ours = _build(config.env_runners(num_envs_per_env_runner=NUM_BOARDS))
        stock = _build(stock_config())
        contestants = {OURS: _rate(ours, OUR_ITERATIONS), STOCK: _rate(stock, 1)}
        rates = interleaved(contestants, 1 if quick else 5)
        for algorithm in (ours, stock):
            algorithm.stop()
    finally:
        disconnect()
    rows = []
    for clock, target in (("wall_s", Target(at_least=25.0)), ("cpu_s", Target(at_least=40.0))):
        figures = {name: [rate[clock] for rate in each] for name, each in rates.items()}
        unit = f"moves per {UNITS[clock]}"
        rows.append(Row("end_to_end", OURS, unit, figures[OURS], note=NOTE))
        rows.append(Row("end_to_end", STOCK, unit, figures[STOCK], note=f"{NOTE}; 64 envs each"))
        quotients = ratios(figures[OURS], figures[STOCK])
        what = f"{OURS} / {STOCK}, by {UNITS[clock]}s"
        rows.append(Row("end_to_end", what, "x", quotients, target))
    return rows


def _build(config: Any) -> Any:
    config.training(**SETTINGS)
    config.env_runners(num_env_runners=NUM_ENV_RUNNERS, num_cpus_per_env_runner=CPUS)
    config.debugging(seed=0, log_level="ERROR")
    algorithm = config.build_algo()
    algorithm.train()
    return algorithm


def _rate(algorithm: Any, iterations: int) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        moves, wall_s, cpu_s = _moves(algorithm), time.perf_counter(), _cpu_s()
        for _ in range(iterations):
            algorithm.train()
        moves = _moves(algorithm) - moves
        wall_s, cpu_s = time.perf_counter() - wall_s, _cpu_s() - cpu_s
        return {"wall_s": moves / wall_s, "cpu_s": moves / cpu_s}

    return measure


def _cpu_s() -> float:
    """Return the CPU seconds so far of this process and of Ray, which is its child."""
    import psutil

    this, total_s = psutil.Process(), 0.0
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total_s += times.user + times.system
    return total_s


def _moves(algorithm: Any) -> int:
    from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

    return int(algorithm.metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)))
