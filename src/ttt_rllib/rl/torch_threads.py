"""Sets how many threads torch computes with in the process of an algorithm.

The networks here are small, and OpenMP's threads wait for each other by spinning: beside busy
cores, two threads are five to thirteen times slower than one. Ray tells its actors how many
they have through `OMP_NUM_THREADS`, but not the driver, where torch takes all cores.
"""

from __future__ import annotations

import os
from typing import Any

import torch

__all__ = ["OMP_NUM_THREADS", "set_torch_threads"]

OMP_NUM_THREADS = "OMP_NUM_THREADS"


def set_torch_threads(config: Any) -> None:
    """Compute with one thread in this process, unless told otherwise.

    RLlib's setting takes precedence:
    `config.python_environment(extra_python_environs_for_driver={"OMP_NUM_THREADS": 4})`. RLlib
    itself ignores it on the new API stack. Without it, a process that was started with
    `OMP_NUM_THREADS` keeps the number that torch read from it.

    Args:
        config: The AlgorithmConfig.
    """
    threads = config.extra_python_environs_for_driver.get(OMP_NUM_THREADS)
    if threads is not None:
        torch.set_num_threads(int(threads))
    elif OMP_NUM_THREADS not in os.environ:
        torch.set_num_threads(1)
