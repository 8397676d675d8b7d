"""The whole cold command on `ppo.yaml`, this version beside an earlier one, in turns.

After `git worktree add ../before 980206a`: `BEFORE=../before python -m benchmarks cold`.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.cpu_seconds import cpu_seconds
from benchmarks.rows import Row, Target, ratios

__all__ = ["cold"]

NOW = Path(__file__).parent.parent
TARGET = Target(at_most=0.55)
NOTE = "BEFORE names a checkout of an earlier version; published: 980206a"


def cold(quick: bool) -> list[Row]:
    """Measure wall and CPU seconds, from the start of the process to the certificate."""
    earlier = os.environ.get("BEFORE")
    trees = {"now": NOW, **({"before": Path(earlier).resolve()} if earlier else {})}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in trees}
    for _ in range(1 if quick else 3):
        for name, tree in trees.items():
            seconds[name].append(_run(tree))
    rows = []
    for place, unit in enumerate(("s", "CPU s")):
        figures = {name: [run[place] for run in runs] for name, runs in seconds.items()}
        what = f"ppo.yaml, whole cold command, {('wall', 'CPU of all processes')[place]}"
        rows += [Row("cold", f"{what}, {name}", unit, runs) for name, runs in figures.items()]
        if earlier:
            quotients = ratios(figures["now"], figures["before"])
            rows.append(Row("cold", f"{what}, now / before", "x", quotients, TARGET, note=NOTE))
    return rows


def _run(tree: Path) -> tuple[float, float]:
    """Train once with the code of a checkout; return wall and CPU seconds."""
    paths = os.pathsep.join(str(path) for path in (tree / "src", tree / "envs", tree))
    os.environ["PYTHONPATH"] = paths
    with tempfile.TemporaryDirectory() as storage:
        start_s = time.perf_counter()
        experiment = str(tree / "experiments" / "ppo.yaml")
        times = cpu_seconds(["-m", "ttt_rllib.train", experiment, "--storage", storage])
        return time.perf_counter() - start_s, sum(one.cpu_s for one in times)
