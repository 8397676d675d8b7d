"""Where the seconds go before the first move: imports, Ray, actors, each in a new process."""

from __future__ import annotations

import json
from collections.abc import Callable

from benchmarks.program import last_line
from benchmarks.rows import Row, interleaved

__all__ = ["startup"]

IMPORTS = ("torch", "ray.rllib", "ttt_rllib.train.command")

IMPORT_SCRIPT = """
import json, time
start_s = time.perf_counter()
import {module}
print(json.dumps({{"import {module}": time.perf_counter() - start_s}}))
"""

BUILD_SCRIPT = """
import json, time
from ttt_rllib.cluster.connection import connect, disconnect

clock = [time.perf_counter()]
def lap():
    clock.append(time.perf_counter())
    return clock[-1] - clock[-2]

times = {{}}
connect(None)
times["ray.init, with import ray"] = lap()
import torch
torch.set_num_threads(1)  # as Ray does in an actor of one CPU, such as a trial
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
times["import torch and ttt_rllib.rl.ppo after it"] = lap()
config = SelfPlayPPOConfig().env_runners(
    num_env_runners={runners}, num_cpus_per_env_runner=0.5, num_envs_per_env_runner=512
)
config.training(train_batch_size_per_learner=4096, minibatch_size=1024, num_epochs=4)
algorithm = config.debugging(log_level="ERROR").build_algo()
times["build, {runners} env runners"] = lap()
algorithm.train()
times["first iteration, {runners} env runners"] = lap()
algorithm.train()
times["second iteration, {runners} env runners"] = lap()
print(json.dumps(times))
disconnect()
"""

ENV_RUNNERS = (0, 2)


def startup(quick: bool) -> list[Row]:
    """Time each step in new processes, in turn; in a hurry the imports alone."""
    scripts = {module: IMPORT_SCRIPT.format(module=module) for module in IMPORTS}
    for runners in () if quick else ENV_RUNNERS:
        scripts[f"build {runners}"] = BUILD_SCRIPT.format(runners=runners)
    contestants = {name: _timed(script) for name, script in scripts.items()}
    runs = interleaved(contestants, 1 if quick else 3)
    figures: dict[str, list[float]] = {}
    for each in runs.values():
        for times in each:
            for step, seconds in times.items():
                figures.setdefault(step, []).append(seconds)
    return [Row("startup", step, "s", seconds) for step, seconds in figures.items()]


def _timed(script: str) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        return dict(json.loads(last_line("-c", script)))

    return measure
