"""How much of a search of short trials is not training: starting, bookkeeping, Ray's own work."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.cpu_seconds import cpu_seconds
from benchmarks.rows import Row, Target
from ttt_rllib.metrics import CPU_S
from ttt_rllib.runs.metrics_csv import METRICS_FILE, MetricsCsv

__all__ = ["search"]

TRIALS = 64
QUICK_TRIALS = 6
TRAINABLE = "SelfPlayTrainable"
"""Part of the name that Ray gives to the process of a trial."""
DRIVER = "ttt_rllib.train"

EXPERIMENT = """
# How much of a search of short trials is training?
env_runners: {num_env_runners: 0}
stop: {iterations: 25}
tracking: {wandb: {mode: disabled}}
search:
  training.lr: {loguniform: [2e-4, 1e-2]}
  num_samples: TRIALS
"""
"""Trials of three CPU seconds each."""


def search(quick: bool) -> list[Row]:
    """Search once, with 64 trials, or with a few if in a hurry."""
    trials = QUICK_TRIALS if quick else TRIALS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "many.yaml"
        file.write_text(EXPERIMENT.replace("TRIALS", str(trials)), encoding="utf-8")
        start_s = time.perf_counter()
        words = ["-m", DRIVER, str(file), "--storage", folder, "--name", "a"]
        processes = cpu_seconds(words)
        wall_s = time.perf_counter() - start_s
        files = Path(folder).glob(f"many/a/trials/*/{METRICS_FILE}")
        training_s = [_training_s(file) for file in files]
    if len(training_s) != trials:
        raise RuntimeError(f"{len(training_s)} of {trials} trials have metrics")
    all_s, trained_s = sum(one.cpu_s for one in processes), sum(training_s)
    of_trials = [one.cpu_s for one in processes if TRAINABLE in one.name]
    driver_s = sum(one.cpu_s for one in processes if f"-m {DRIVER}" in one.name)
    figures = {
        ("wall time", "s"): wall_s,
        ("CPU time of all processes", "s"): all_s,
        ("CPU time of the trials' iterations", "s"): trained_s,
        ("CPU time of the trials' processes beside it", "s"): sum(of_trials) - trained_s,
        ("CPU time of the driver", "s"): driver_s,
        ("CPU time of Ray's own processes", "s"): all_s - sum(of_trials) - driver_s,
        ("processes of trials", ""): float(len(of_trials)),
    }
    what = f"{trials} short trials: "
    waste = (all_s - trained_s) / all_s
    # Few trials do not make up for a start.
    target = None if quick else Target(at_most=0.25)
    return [
        *(Row("search", what + name, unit, [one]) for (name, unit), one in figures.items()),
        Row("search", what + "share of the CPU time that is no iteration", "", [waste], target),
    ]


def _training_s(metrics: Path) -> float:
    """Return the CPU seconds that a trial's process used from its first to its last iteration."""
    return sum(float(row[CPU_S]) for row in MetricsCsv(metrics).rows())
