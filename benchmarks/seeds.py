"""The whole cold command `python -m ttt_rllib.train experiments/ppo.yaml`, seed by seed.

Makes the table of `docs/experiments.md`. Each run is a process of its own, from nothing to
the certificate; its figures are those of `summary.json`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["seeds"]

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "ppo.yaml"
PHASES = ("setup_s", "train_s", "sample_s", "learn_s", "sync_s", "eval_s")


def seeds(quick: bool) -> dict[str, Any]:
    """Print and return moves, phases and verdict of each seed, and the medians."""
    rows = []
    print("| seed | moves | set-up s | training s | of it sample, learn, sync, eval s | ", end="")
    print("whole command s | certificate |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as storage:
        for seed in range(1 if quick else 5):
            row = _train(seed, Path(storage))
            rows.append(row)
            parts = ", ".join(f"{row[name]:.2f}" for name in PHASES[2:])
            print(
                f"| {seed} | {row['moves']:,} | {row['setup_s']:.1f} | {row['train_s']:.1f} | "
                f"{parts} | {row['command_s']:.1f} | {row['certificate']} |",
                flush=True,
            )
    medians = {
        name: statistics.median(row[name] for row in rows)
        for name in ("moves", "setup_s", "train_s", "command_s")
    }
    print(
        f"| median | {medians['moves']:,.0f} | {medians['setup_s']:.1f} | "
        f"{medians['train_s']:.1f} | | {medians['command_s']:.1f} | |"
    )
    return {"runs": rows, "medians": medians}


def _train(seed: int, storage: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "ttt_rllib.train", str(EXPERIMENT)]
    options = ["--set", f"seed={seed}", "--storage", str(storage), "--name", f"seed-{seed}"]
    start_s = time.perf_counter()
    subprocess.run([*command, *options], check=True, capture_output=True)  # noqa: S603 - ours
    command_s = time.perf_counter() - start_s
    run = storage / EXPERIMENT.stem / f"seed-{seed}"
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    certificate = json.loads((run / "certificate.json").read_text(encoding="utf-8"))
    verdict = "unexploitable" if certificate["unexploitable"] else "exploitable"
    return {
        "seed": seed,
        "moves": summary["moves"],
        **{name: summary["wall_s"][name] for name in PHASES},
        "command_s": command_s,
        "certificate": verdict,
    }
