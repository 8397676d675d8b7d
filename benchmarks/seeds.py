"""The whole cold command `python -m ttt_rllib.train experiments/NAME.yaml`, seed by seed.

Each run is a process of its own, from nothing to the certificate; its figures are those of
`summary.json`. Training stops after several exact evaluations in a row, which count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import last_line
from benchmarks.rows import Row, Target, interleaved
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.record import read_run

__all__ = [
    "EXPERIMENTS",
    "ColdRun",
    "Question",
    "cold_rows",
    "cold_run",
    "cold_seeds",
    "present",
    "seeds",
]

FOLDER = Path(__file__).parent.parent / "experiments"
PHASES = ("sample_s", "learn_s", "sync_s", "eval_s")


@dataclass(frozen=True)
class Question:
    """An experiment to time.

    Attributes:
        experiment: Name of the file under `experiments/`.
        proof: What the certificate must say: "unexploitable" or "perfect".
        seeds: How many seeds.
        train_s: Target for the seconds of training.
        command_s: Target for the whole command.
    """

    experiment: str
    proof: str
    seeds: int
    train_s: float
    command_s: float | None = None

    @property
    def file(self) -> Path:
        """Where the experiment is."""
        return FOLDER / f"{self.experiment}.yaml"


EXPERIMENTS = (
    Question("ppo", "unexploitable", seeds=5, train_s=10.0, command_s=40.0),
    Question("dqn", "unexploitable", seeds=5, train_s=30.0),
    Question("ppo_perfect", "perfect", seeds=3, train_s=25.0),
)


@dataclass(frozen=True)
class ColdRun:
    """What one command did.

    Attributes:
        moves: Moves sampled.
        setup_s: Seconds from process start to the first iteration.
        train_s: Seconds of training, exact evaluations included.
        command_s: Seconds from process start to exit.
        phases: Seconds of training by phase.
        proven: The certificate says what was asked for.
    """

    moves: int
    setup_s: float
    train_s: float
    command_s: float
    phases: dict[str, float]
    proven: bool


def seeds(quick: bool) -> list[Row]:
    """Time the commands of all experiments that are there, seed by seed."""
    questions = present()[: 1 if quick else None]
    contestants = {question.experiment: cold_seeds(question) for question in questions}
    runs = interleaved(contestants, 1 if quick else max(each.seeds for each in questions))
    return [
        row
        for question in questions
        for row in cold_rows(question, [run for run in runs[question.experiment] if run])
    ]


def present() -> tuple[Question, ...]:
    """Return the questions whose experiments exist."""
    return tuple(question for question in EXPERIMENTS if question.file.is_file())


def cold_seeds(question: Question) -> Callable[[], ColdRun | None]:
    """Return a function that runs the next seed, and None when there are no more."""
    seeds = iter(range(question.seeds))

    def measure() -> ColdRun | None:
        seed = next(seeds, None)
        return None if seed is None else cold_run(question, seed)

    return measure


def cold_run(question: Question, seed: int) -> ColdRun:
    """Run the command once, with nothing warm but the disk's cache."""
    with tempfile.TemporaryDirectory() as storage:
        options = ("--set", f"seed={seed}", "--storage", storage, "--name", "run")
        start_s = time.perf_counter()
        last_line("-m", "ttt_rllib.train", str(question.file), *options)
        command_s = time.perf_counter() - start_s
        run = Path(storage) / question.experiment / "run"
        record = read_run(RunDir(run))
    summary, certificate = record.summary, record.certificate
    assert summary is not None  # noqa: S101 - a command that ended with 0 wrote both
    assert certificate is not None  # noqa: S101
    wall_s = summary.wall_s
    return ColdRun(
        moves=summary.moves,
        setup_s=wall_s.setup_s,
        train_s=wall_s.train_s,
        command_s=command_s,
        phases={name: getattr(wall_s, name) for name in PHASES},
        proven=bool(getattr(certificate, question.proof)),
    )


def cold_rows(question: Question, runs: Sequence[ColdRun]) -> list[Row]:
    """Turn the runs of one experiment into rows."""
    name, proven = question.experiment, [run.proven for run in runs]
    command_target = Target(at_most=question.command_s) if question.command_s else None
    figures: list[tuple[str, str, list[float], Target | None]] = [
        ("moves", "moves", [run.moves for run in runs], None),
        ("training", "s", [run.train_s for run in runs], Target(at_most=question.train_s)),
        *((f"of it {part[:-2]}", "s", [run.phases[part] for run in runs], None) for part in PHASES),
        ("set-up", "s", [run.setup_s for run in runs], None),
        ("whole cold command", "s", [run.command_s for run in runs], command_target),
        (
            f"seeds proven {question.proof}",
            "share",
            [sum(proven) / len(proven)],
            Target(at_least=1.0),
        ),
    ]
    note = f"{sum(proven)} of {len(proven)} seeds proven {question.proof} by certificate"
    return [
        Row("seeds", f"{name}.yaml, {what}", unit, figure, target, note)
        for what, unit, figure, target in figures
    ]
