"""What remote env runners cost: to start, to lose, and to ask for moves when they are many."""

from __future__ import annotations

import json

from benchmarks.program import last_line
from benchmarks.rows import Row, Target

__all__ = ["env_runners"]

SCRIPT = """
import json, os, signal, statistics, time
import psutil
from ttt_rllib.cluster.connection import connect, disconnect

connect(None)
from ttt_rllib.rl.ppo import SelfPlayPPOConfig

def build(number):
    config = SelfPlayPPOConfig().debugging(seed=0, log_level="ERROR")
    config.env_runners(num_env_runners=number, num_cpus_per_env_runner=1 / 64)
    config.training(train_batch_size_per_learner=4096, minibatch_size=1024, num_epochs=1)
    return config.self_play(exact_evaluation_interval=0).build_algo()

def processes(algorithm):
    ask = lambda runner: os.getpid()
    numbers = algorithm.env_runner_group.foreach_env_runner(ask, local_env_runner=False)
    return [psutil.Process(number) for number in numbers]

figures = {{"cpu_s": [], "megabytes": [], "again_s": []}}
algorithm = build(2)
algorithm.train()
for one in processes(algorithm):
    figures["cpu_s"].append(sum(one.cpu_times()[:2]))
    figures["megabytes"].append(one.memory_info().rss / 1e6)
group = algorithm.env_runner_group
for _ in range({kills}):
    restarts = group.num_remote_worker_restarts()
    processes(algorithm)[0].send_signal(signal.SIGKILL)
    start_s = time.perf_counter()
    while group.num_remote_worker_restarts() == restarts or group.num_healthy_remote_workers() < 2:
        algorithm.train()
    algorithm.train()
    figures["again_s"].append(time.perf_counter() - start_s)
algorithm.stop()

def driver_ms(number):
    algorithm = build(number)
    for _ in range(3):
        algorithm.train()
    used_ms = []
    for _ in range({iterations}):
        start_s = time.process_time()
        algorithm.train()
        used_ms.append(1e3 * (time.process_time() - start_s))
    algorithm.stop()
    return statistics.median(used_ms)

few, many = {few}, {many}
figures["driver_ms"] = [
    (driver_ms(many) - driver_ms(few)) / (many - few) for _ in range({pairs})
]
disconnect()
print(json.dumps(figures))
"""

FEW, MANY, QUICK_MANY = 4, 64, 8


def env_runners(quick: bool) -> list[Row]:
    """Measure in one cluster on this machine; in a hurry once, and with few of them."""
    many = QUICK_MANY if quick else MANY
    counts = {
        "kills": 1 if quick else 5,
        "iterations": 3 if quick else 20,
        "pairs": 1 if quick else 3,
    }
    figures = json.loads(last_line("-c", SCRIPT.format(few=FEW, many=many, **counts)))

    def row(what: str, unit: str, key: str, at_most: float, note: str = "") -> Row:
        return Row("env_runners", what, unit, figures[key], Target(at_most=at_most), note)

    return [
        row("an env runner, CPU time to its first moves", "s", "cpu_s", 2.0),
        row("an env runner, resident memory", "MB", "megabytes", 130.0),
        row("from SIGKILL to moves of its successor", "s", "again_s", 3.0),
        row(
            f"{many} env runners, CPU time of the driver for each and iteration",
            "ms",
            "driver_ms",
            2.0,
            f"the difference to {FEW} env runners that play the same batch of 4,096 moves",
        ),
    ]
