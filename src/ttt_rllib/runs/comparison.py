"""Runs side by side: those that differ in their seed alone are one group.

Shapes: `N` runs of a group, `G` points on the axis of moves.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from ttt_rllib.errors import InputError, abbreviated
from ttt_rllib.metrics import MOVES, NASH_CONV_GREEDY
from ttt_rllib.runs.certificate_json import Claim
from ttt_rllib.runs.lock import is_locked
from ttt_rllib.runs.milestones import first_evaluation, held_from
from ttt_rllib.runs.record import RunRecord
from ttt_rllib.runs.seed_statistics import FEW_SEEDS, Estimate, estimate, interval, iqm

__all__ = ["ComparedRun", "Group", "SeedCurve", "compared", "group_runs", "remarks"]

Array = npt.NDArray[np.float64]

POINTS = 120
"""Points of a curve over the moves of a group."""

WHERE_IT_RUNS = ("seed", "tracking", "ray", "max_failures")
"""Settings in which the runs of a group may differ: they decide nothing that is learnt."""

PROVED: tuple[Claim, ...] = ("unexploitable", "perfect")


@dataclass(frozen=True)
class ComparedRun:
    """A run, and when it first had what it proved in the end.

    Attributes:
        record: What its files say.
        is_running: Whether a process is at work on it.
    """

    record: RunRecord
    is_running: bool

    @property
    def name(self) -> str:
        """Experiment and run id."""
        path = self.record.run.path
        return f"{path.parent.name}/{path.name}"

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.record.experiment.seed

    @property
    def status(self) -> str:
        """How it ended, or that it has not."""
        return "running" if self.is_running else self.record.status

    @property
    def verdict(self) -> Claim | None:
        """What is proved about the agent that it trained; None if nothing is."""
        certificate = self.record.certificate
        return certificate.claim if certificate and self.record.verdict else None

    @property
    def is_proved(self) -> bool:
        """Whether no opponent can beat its agent."""
        return self.verdict in PROVED

    @cached_property
    def proof(self) -> tuple[float, float]:
        """Moves and seconds of training until the first evaluation with NashConv 0.

        Those at the end, if the proof came only then; infinite if there is none.
        """
        if not self.is_proved:
            return math.inf, math.inf
        found = first_evaluation(self.record, NASH_CONV_GREEDY, 0.0)
        if found is None:
            return math.inf, math.inf
        return found.moves, math.inf if found.train_s is None else found.train_s


@dataclass(frozen=True)
class SeedCurve:
    """A metric over moves.

    Attributes:
        moves: `[G]` ascending.
        iqm: `[G]` interquartile means of the runs.
        band: `[G]` lower and upper ends of the intervals; None with few runs.
        n: Number of runs.
    """

    moves: Array
    iqm: Array
    band: tuple[Array, Array] | None
    n: int


@dataclass(frozen=True)
class Group:
    """Runs with the same settings but for their seed.

    Attributes:
        experiment: The name of the experiment.
        differing: Settings by dotted keys in which it differs from groups of the same name.
        runs: By seed.
    """

    experiment: str
    differing: Mapping[str, Any]
    runs: tuple[ComparedRun, ...]

    @property
    def label(self) -> str:
        """Its name for people."""
        words = [f"{key}={abbreviated(value)}" for key, value in self.differing.items()]
        return " ".join([self.experiment, *words])

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every run."""
        return tuple(run.seed for run in self.runs)

    @property
    def num_proved(self) -> int:
        """How many runs trained an agent that is proved."""
        return sum(run.is_proved for run in self.runs)

    @property
    def median_proof(self) -> tuple[float | None, float | None]:
        """Medians of moves and seconds to the proof; None if it took longer than any limit.

        A run without a proof counts as longer than all others: without it, a group of which few
        runs get there would look fast.
        """
        medians = [median(run.proof[place] for run in self.runs) for place in (0, 1)]
        moves, train_s = (one if math.isfinite(one) else None for one in medians)
        return moves, train_s

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """The final figures of the runs, by metric."""
        names = dict.fromkeys(name for run in self.runs for name in run.record.metrics)
        return {name: estimate(self._finals(name)) for name in names}

    def _finals(self, name: str) -> Array:
        metrics = (run.record.metrics for run in self.runs)
        return np.array([one[name] for one in metrics if name in one], dtype=np.float64)

    def curve(self, metric: str) -> SeedCurve | None:
        """Return a metric over moves, as far as all runs have it; None if one has none.

        A run that is done keeps its last figure: its agent stays as it is. The curve ends where
        a run ends that is not done.
        """
        points = [_points(run, metric) for run in self.runs]
        if not all(len(moves) for moves, _ in points):
            return None
        start = max(moves[0] for moves, _ in points)
        lasts = [moves[-1] for moves, _ in points]
        pairs = zip(lasts, self.runs, strict=True)
        ends = [last for last, run in pairs if run.status != "done"]
        end = min(ends, default=max(lasts))
        if end < start:
            return None
        grid = np.linspace(start, end, POINTS if end > start else 1)
        figures = np.stack([np.interp(grid, *one) for one in points])
        return SeedCurve(grid, iqm(figures), interval(figures), len(points))


def compared(record: RunRecord) -> ComparedRun:
    """Return a run to compare.

    Raises:
        InputError: If it is a search, whose trials differ in more than their seed.
    """
    if record.experiment.search is not None:
        raise InputError(
            f"{record.run.path}: is a search, whose trials its report compares; give runs of one "
            "trial"
        )
    return ComparedRun(record, is_locked(record.run.path))


def group_runs(runs: Sequence[ComparedRun]) -> tuple[Group, ...]:
    """Return the groups, in the order of their first runs."""
    found: dict[str, list[ComparedRun]] = {}
    for run in runs:
        found.setdefault(json.dumps(_settings(run)), []).append(run)
    members = [sorted(group, key=lambda run: (run.seed, run.name)) for group in found.values()]
    names = [group[0].record.experiment.name for group in members]
    flat = [dict(_flat(_settings(group[0]))) for group in members]
    groups = []
    for number, name in enumerate(names):
        mates = [one for one, other in zip(flat, names, strict=True) if other == name]
        keys = dict.fromkeys(key for one in mates for key in one)
        differing = [key for key in keys if len({json.dumps(one.get(key)) for one in mates}) > 1]
        values = {key: flat[number].get(key) for key in differing}
        groups.append(Group(name, values, tuple(members[number])))
    return tuple(groups)


def remarks(groups: Sequence[Group]) -> Iterator[str]:
    """Yield what a reader has to know to read the figures right, a sentence each."""
    for group in groups:
        yield from _remarks(group)
    if len({group.runs[0].record.experiment.env.model_dump_json() for group in groups}) > 1:
        yield "The groups play different games, whose figures cannot be compared."
    few = [group for group in groups if 1 < len(group.runs) < FEW_SEEDS]
    if few:
        yield (
            f"With fewer than {FEW_SEEDS} seeds the intervals are rough, and rather too narrow; "
            "with fewer than 3 there are none."
        )


def _remarks(group: Group) -> Iterator[str]:
    for seed, count in Counter(group.seeds).items():
        if count > 1:
            yield (
                f"{group.label}: seed {seed} occurs {count} times; such runs are not independent, "
                "and the interval is too narrow."
            )
    for run in group.runs:
        if run.status != "done":
            yield f"{run.name} is {run.status}: its figures so far count."
        if run.is_proved:
            yield from _lost_proof(run)
    summaries = [run.record.summary for run in group.runs]
    commits = {summary.git_commit for summary in summaries if summary and summary.git_commit}
    if len(commits) > 1:
        yield f"{group.label}: its runs are of {len(commits)} different commits."


def _lost_proof(run: ComparedRun) -> Iterator[str]:
    first, last = (at(run.record, NASH_CONV_GREEDY, 0.0) for at in (first_evaluation, held_from))
    if first is not None and last is not None and last.moves > first.moves:
        yield (
            f"{run.name} was unexploitable after {first.moves:,} moves, then lost that again, and "
            f"has it for good from {last.moves:,} moves on."
        )


def _points(run: ComparedRun, metric: str) -> tuple[Array, Array]:
    """Return `[P]` moves and figures of the iterations that have the metric."""
    curves = run.record.curves
    moves, figures = curves[MOVES], curves[metric]
    known = np.isfinite(moves) & np.isfinite(figures)
    return moves[known], figures[known]


def _settings(run: ComparedRun) -> dict[str, Any]:
    return run.record.experiment.model_dump(mode="json", exclude=set(WHERE_IT_RUNS))


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield key, value
        return
    for name, inner in value.items():
        yield from _flat(inner, f"{key}.{name}" if key else name)
