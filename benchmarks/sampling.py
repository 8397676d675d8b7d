"""Moves per CPU second of one env runner, with policy and value inference.

The whole `BoardEnvRunner.sample` is measured: openings, inference, actions, advantages,
columns and metrics. CPU seconds of the process, torch on one thread.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

__all__ = ["sampling"]

BOARDS = (64, 512, 1024, 4096)


def sampling(quick: bool) -> dict[str, float]:
    """Print and return the median moves per CPU second for several numbers of boards."""
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig
    from ttt_rllib.rl.runner import BoardEnvRunner

    torch.set_num_threads(1)
    runs, moves = (2, 5_000) if quick else (7, 100_000)
    figures = {}
    print("| boards in lockstep | moves per CPU second (min, median, max) |")
    print("|---|---|")
    for boards in BOARDS:
        config = SelfPlayPPOConfig().env_runners(num_envs_per_env_runner=boards)
        runner = BoardEnvRunner(config=config.debugging(seed=0), worker_index=0)
        runner.sample(num_timesteps=moves // 10)
        rates = sorted(_rate(runner, moves) for _ in range(runs))
        median = statistics.median(rates)
        print(f"| {boards:,} | {rates[0]:,.0f}, {median:,.0f}, {rates[-1]:,.0f} |")
        figures[str(boards)] = median
    return figures


def _rate(runner: Any, moves: int) -> float:
    start_s = time.process_time()
    batches = runner.sample(num_timesteps=moves)
    return float(sum(batch.env_steps() for batch in batches)) / (time.process_time() - start_s)
