"""Where the seconds go before the first move: imports, Ray, actors, each in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks.rows import Row, interleaved

__all__ = ["startup"]

IMPORTS = ("torch", "ray.rllib", "ttt_rllib.train")

IMPORT_SCRIPT = """
import json, time
start_s = time.perf_counter()
import {module}
print(json.dumps({{"import {module}": time.perf_counter() - start_s}}))
"""

BUILD_SCRIPT = """
import json, time
from ttt_rllib.cluster import connect, disconnect

clock = [time.perf_counter()]
def lap():
    clock.append(time.perf_counter())
    return clock[-1] - clock[-2]

times = {{}}
connect(None)
times["ray.init, with import ray"] = lap()
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
times["import of ttt_rllib.rl.ppo after it"] = lap()
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
    """Time each step in new processes, in turn."""
    scripts = {module: IMPORT_SCRIPT.format(module=module) for module in IMPORTS}
    for runners in ENV_RUNNERS[-1:] if quick else ENV_RUNNERS:
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
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
        return dict(json.loads(done.stdout.splitlines()[-1]))

    return measure
