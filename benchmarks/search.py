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

EXPERIMENT = """
# How much of a search of short trials is training?
training: {lr: [[0, 3e-3], [200_000, 2e-4]]}
env_runners: {num_env_runners: 0}
stop: {iterations: 25}
tracking: {wandb: {mode: disabled}}
search:
  training.lr: {loguniform: [2e-4, 1e-2]}
  num_samples: TRIALS
"""


def search(quick: bool) -> list[Row]:
    """Search once, with 64 trials, or with a few if in a hurry."""
    trials = QUICK_TRIALS if quick else TRIALS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "many.yaml"
        file.write_text(EXPERIMENT.replace("TRIALS", str(trials)), encoding="utf-8")
        start_s = time.perf_counter()
        words = ["-m", "ttt_rllib.train", str(file), "--storage", folder, "--name", "a"]
        processes = cpu_seconds(words)
        wall_s = time.perf_counter() - start_s
        training_s = [
            _training_s(path) for path in Path(folder).glob(f"many/a/trials/*/{METRICS_FILE}")
        ]
    if len(training_s) != trials:
        raise RuntimeError(f"{len(training_s)} of {trials} trials have metrics")
    for one in sorted(processes, key=lambda one: -one.cpu_s):
        print(f"{one.cpu_s:8.2f} {one.name[:150]}")
    in_all_s, trained_s = sum(one.cpu_s for one in processes), sum(training_s)
    what = f"{trials} short trials: "
    waste = (in_all_s - trained_s) / in_all_s
    return [
        Row("search", what + "wall time", "s", [wall_s]),
        Row("search", what + "CPU time of all processes", "s", [in_all_s]),
        Row("search", what + "of this in the trials' iterations", "s", [trained_s]),
        Row("search", what + "share that was not", "", [waste], Target(at_most=0.25)),
    ]


def _training_s(metrics: Path) -> float:
    """Return the CPU seconds that a trial's process used from its first to its last iteration."""
    return sum(float(row[CPU_S]) for row in MetricsCsv(metrics).rows())
