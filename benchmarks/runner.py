"""What the experiment runner costs: one trial against a bare loop, and 200 trials in a row."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.program import last_line
from benchmarks.rows import Row, Target, interleaved

__all__ = ["runner"]

ITERATIONS = 25
TRIALS = 200
MEGABYTE = 1e6
SAMPLE_INTERVAL_S = 1.0
ENDING_S = 10.0
EXPERIMENT = Path(__file__).parent.parent / "experiments" / "ppo.yaml"
SETTINGS = ("stop.consecutive_unexploitable_evals=null", f"stop.iterations={ITERATIONS}")

BARE_LOOP = """
from pathlib import Path
from ttt_rllib.cluster.connection import connect, disconnect
from ttt_rllib.config.loading import load_experiment

experiment = load_experiment(Path({file!r}), {settings!r})
connect(None)
from ttt_rllib.rl.algorithm_config import algorithm_config

algorithm = algorithm_config(experiment).build_algo()
for _ in range({iterations}):
    algorithm.train()
algorithm.save_to_path({folder!r})
disconnect()
"""

MANY = """
# Does a run of many short trials leave anything behind?
training: {train_batch_size_per_learner: 512, minibatch_size: 256, num_epochs: 1}
env_runners: {num_envs_per_env_runner: 64}
stop: {iterations: 2}
search:
  training.lr: {loguniform: [2e-4, 1e-2]}
  num_samples: TRIALS
"""


def runner(quick: bool) -> list[Row]:
    """Measure both; in a hurry once, and with few trials."""
    return [*_overhead(1 if quick else 3), *_many(8 if quick else TRIALS)]


def _overhead(runs: int) -> list[Row]:
    def bare() -> float:
        with tempfile.TemporaryDirectory() as folder:
            script = BARE_LOOP.format(
                file=str(EXPERIMENT), settings=SETTINGS, iterations=ITERATIONS, folder=folder
            )
            return _timed("-c", script)

    def train() -> float:
        with tempfile.TemporaryDirectory() as folder:
            options = [word for setting in SETTINGS for word in ("--set", setting)]
            return _timed("-m", "ttt_rllib.train", str(EXPERIMENT), "--storage", folder, *options)

    figures = interleaved({"bare": bare, "train": train}, runs)
    more = [train - bare for train, bare in zip(figures["train"], figures["bare"], strict=True)]
    what = f"ppo.yaml, {ITERATIONS} iterations, cold process: "
    return [
        Row("runner", what + "the same Algorithm in a bare loop", "s", figures["bare"]),
        Row("runner", what + "ttt_rllib.train", "s", figures["train"]),
        Row("runner", what + "what train costs more", "s", more, Target(at_most=5.0)),
    ]


def _timed(*arguments: str) -> float:
    start_s = time.perf_counter()
    last_line(*arguments)
    return time.perf_counter() - start_s


def _many(trials: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "many.yaml"
        file.write_text(MANY.replace("TRIALS", str(trials)), encoding="utf-8")
        start_s = time.perf_counter()
        command = [sys.executable, "-m", "ttt_rllib.train", str(file), "--storage", folder]
        process = subprocess.Popen([*command, "--name", "a"], stdout=subprocess.DEVNULL)  # noqa: S603
        run = Path(folder) / "many" / "a"
        samples, started = _followed(process, run)
        seconds = time.perf_counter() - start_s
        if process.returncode != 0:
            raise RuntimeError(f"the run of {trials} trials ended with {process.returncode}")
        _, left = psutil.wait_procs(started, timeout=ENDING_S)
        kept = len(list(run.glob("trials/*/checkpoint_*")))
        files = sum(path.is_file() for path in run.rglob("*"))
    early = next(sample for sample in samples if sample[0] >= trials // 4)
    late = samples[-1]
    figures = {
        "a trial, s": seconds / trials,
        "memory of the driver at the end, MB": late[1],
        "the same by that after a quarter of the trials": late[1] / early[1],
        "memory of the largest trial process at the end, MB": late[2],
        "the same by that after a first quarter of the trials": late[2] / early[2],
        "open files of the driver by those after a quarter": late[3] / early[3],
        "files in the run directory by trials": files / trials,
        "checkpoints kept by trials": kept / trials,
        "processes left behind": len(left),
    }
    most = {"checkpoints kept by trials": 1.0, "processes left behind": 0.0}
    return [
        Row("runner", f"{trials} short trials: {what}", "", [figure], _at_most(most.get(what)))
        for what, figure in figures.items()
    ]


def _at_most(bound: float | None) -> Target | None:
    return None if bound is None else Target(at_most=bound)


def _followed(
    process: subprocess.Popen[bytes], run: Path
) -> tuple[list[tuple[int, float, float, int]], set[psutil.Process]]:
    """Look at a run every second until it ends.

    Returns:
        Trials begun, MB of driver and of the largest trial, open files of the driver; and all
        processes that were seen below the driver.
    """
    driver, samples = psutil.Process(process.pid), []
    started: set[psutil.Process] = set()
    while process.poll() is None:
        try:
            children = driver.children(recursive=True)
            started.update(children)
            trials = [one for one in children if "SelfPlayTrainable" in " ".join(one.cmdline())]
            largest = max((one.memory_info().rss for one in trials), default=0)
            begun = len(list(run.glob("trials/[0-9]*/")))
            memory = driver.memory_info().rss / MEGABYTE
            if largest:
                samples.append((begun, memory, largest / MEGABYTE, driver.num_fds()))
        except psutil.NoSuchProcess:
            # A process that ended while it was looked at.
            pass
        time.sleep(SAMPLE_INTERVAL_S)
    return samples, started
