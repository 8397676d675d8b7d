"""Every metric: its name, unit, meaning and direction. A metric exists only here.

`docs/metrics.md` is this file as a table: `python -m ttt_rllib.metrics > docs/metrics.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["BETTER", "GAUGE_PREFIX", "METRICS", "Metric", "flatten", "markdown_table"]

GAUGE_PREFIX = "ttt_"
"""Begins the names of our gauges; Ray puts `ray_` before it."""


@dataclass(frozen=True)
class Metric:
    """A figure that a run reports once an iteration.

    Attributes:
        name: Group and name, `group/name`.
        unit: Unit or range.
        meaning: One sentence.
        better: Which direction is better, or "" where neither is.
        only: Who reports it, if not everybody: PPO, DQN, games too large for the truth, or
            experiments that stop by proof, or runs whose env runners or learners are actors of
            their own.
        gauge: Whether it is on Ray's metrics port too, for Prometheus.
    """

    name: str
    unit: str
    meaning: str
    better: Literal["lower", "higher", ""] = ""
    only: Literal[
        "",
        "ppo",
        "dqn",
        "large games",
        "runner actors",
        "learner actors",
        "stop.unexploitable_evals",
    ] = ""
    gauge: bool = False

    @property
    def gauge_name(self) -> str:
        """Name of the gauge as it is given to Ray."""
        return GAUGE_PREFIX + self.name.split("/")[1]


METRICS = (
    Metric("perf/iteration", "count", "Training iterations so far, from 1."),
    Metric(
        "play/moves",
        "moves",
        "Plies by both players sampled so far, openings not counted.",
        gauge=True,
    ),
    Metric(
        "perf/train_s", "s", "Seconds of training so far; set-up not counted.", "lower", gauge=True
    ),
    Metric(
        "exact/nash_conv_greedy",
        "0 to 4",
        "NashConv of the greedy policy: best response as X plus best response as O.",
        "lower",
        gauge=True,
    ),
    Metric("exact/nash_conv", "0 to 4", "NashConv of the stochastic policy.", "lower", gauge=True),
    Metric(
        "exact/unexploitable_evals",
        "count",
        "Evaluations in a row, up to this one, with nash_conv_greedy 0.",
        "higher",
        gauge=True,
    ),
    Metric(
        "exact/optimal_move_rate",
        "0 to 1",
        "Share of all decision positions whose greedy move keeps the game value.",
        "higher",
        gauge=True,
    ),
    Metric(
        "exact/losing_positions",
        "positions",
        "Positions worth less than the game value that the greedy agent can be led into.",
        "lower",
        gauge=True,
    ),
    Metric(
        "exact/score_vs_random_x",
        "-1 to 1",
        "Exact mean score of the greedy agent as X against the uniformly random player.",
        "higher",
    ),
    Metric(
        "exact/score_vs_random_o",
        "-1 to 1",
        "Exact mean score of the greedy agent as O against the uniformly random player.",
        "higher",
    ),
    Metric(
        "exact/share_of_ceiling_x",
        "up to 1",
        "score_vs_random_x by the best possible score as X, where that is above 0.",
        "higher",
    ),
    Metric(
        "exact/share_of_ceiling_o",
        "up to 1",
        "score_vs_random_o by the best possible score as O, where that is above 0.",
        "higher",
    ),
    Metric("play/x_win_rate", "0 to 1", "Share of this iteration's sampled games won by X."),
    Metric("play/draw_rate", "0 to 1", "Share of this iteration's sampled games drawn."),
    Metric("play/o_win_rate", "0 to 1", "Share of this iteration's sampled games won by O."),
    Metric("play/moves_per_game", "moves", "Mean moves of a sampled game after its opening."),
    Metric("play/epsilon", "0 to 1", "Share of uniformly random moves while sampling.", only="dqn"),
    Metric(
        "play/score_vs_random",
        "-1 to 1",
        "Sampled mean score of the greedy agent in both seats against the uniformly random "
        "player; only for games too large for exact evaluation.",
        "higher",
        only="large games",
        gauge=True,
    ),
    Metric(
        "play/score_vs_one_ply",
        "-1 to 1",
        "The same sampled score against a player that wins at once, else parries, else plays "
        "at random.",
        "higher",
        only="large games",
        gauge=True,
    ),
    Metric(
        "play/score_vs_alpha_beta",
        "-1 to 1",
        "The same sampled score against a player that searches 4 plies.",
        "higher",
        only="large games",
        gauge=True,
    ),
    Metric(
        "perf/moves_per_s",
        "moves/s",
        "Moves of this iteration divided by its time.",
        "higher",
        gauge=True,
    ),
    Metric("perf/sample_s", "s", "Time of this iteration spent sampling.", "lower", gauge=True),
    Metric(
        "perf/learn_s", "s", "Time of this iteration spent on gradient steps.", "lower", gauge=True
    ),
    Metric(
        "perf/sync_s", "s", "Time of this iteration spent sending weights.", "lower", gauge=True
    ),
    Metric(
        "perf/eval_s", "s", "Time of this iteration spent on exact evaluation.", "lower", gauge=True
    ),
    Metric(
        "perf/cpu_s", "s", "CPU time of this iteration in the trial's process.", "lower", gauge=True
    ),
    Metric("perf/memory_mb", "MB", "Resident memory of the trial's process.", "lower", gauge=True),
    Metric(
        "perf/runner_cpu_s",
        "s",
        "CPU time of this iteration's sampling in all env runner actors.",
        "lower",
        only="runner actors",
        gauge=True,
    ),
    Metric(
        "perf/runner_memory_mb",
        "MB",
        "Resident memory of the greatest env runner actor.",
        "lower",
        only="runner actors",
        gauge=True,
    ),
    Metric(
        "perf/learner_cpu_s",
        "s",
        "CPU time of this iteration's updates in all learner actors.",
        "lower",
        only="learner actors",
        gauge=True,
    ),
    Metric(
        "perf/learner_memory_mb",
        "MB",
        "Resident memory of the greatest learner actor.",
        "lower",
        only="learner actors",
        gauge=True,
    ),
    Metric(
        "learner/policy_loss",
        "",
        "Minus the clipped surrogate objective, mean of the update.",
        only="ppo",
    ),
    Metric("learner/vf_loss", "", "Clipped squared value error, mean of the update.", only="ppo"),
    Metric("learner/entropy", "nat", "Entropy of the policy, mean of the update.", only="ppo"),
    Metric("learner/kl", "nat", "Estimated KL(old, new), mean of the update.", only="ppo"),
    Metric(
        "learner/td_loss",
        "",
        "Loss of DQN's temporal-difference error, mean of the update.",
        only="dqn",
    ),
    Metric(
        "learner/td_error", "", "Mean absolute temporal-difference error of the update.", only="dqn"
    ),
    Metric(
        "learner/q_mean", "-1 to 1", "Mean estimated value of the moves learnt from.", only="dqn"
    ),
    Metric("learner/lr", "", "Learning rate after the update."),
    Metric("learner/entropy_coeff", "", "Entropy coefficient after the update.", only="ppo"),
    Metric(
        "search/penalised_moves",
        "moves",
        "What a search minimises unless told otherwise: moves until stop.unexploitable_evals was "
        "met; before that stop.moves x (1 + nash_conv), so that whoever gets there is better than "
        "whoever does not (penalised average runtime).",
        "lower",
        only="stop.unexploitable_evals",
    ),
)

BETTER = {metric.name: metric.better for metric in METRICS}
"""Which way each metric is better, by its name."""


def flatten(result: Mapping[str, Any]) -> dict[str, float]:
    """Pick the metrics out of a nested result, in the order of `METRICS`.

    Args:
        result: `{group: {name: figure}}`, as the algorithm reports it.
    """
    row = {}
    for metric in METRICS:
        group, name = metric.name.split("/")
        figure = result.get(group, {}).get(name)
        if figure is not None:
            row[metric.name] = float(figure)
    return row


def markdown_table() -> str:
    """Return `docs/metrics.md`."""
    rows = [
        f"| `{metric.name}` | {metric.unit or '-'} | {metric.better or '-'} | "
        f"{metric.only or 'all'} | {metric.meaning} |"
        for metric in METRICS
    ]
    head = (
        "# Metrics",
        "",
        "Every figure a run reports, once an iteration: in `metrics.csv`, at W&B under the same",
        "names, in TensorBoard as `ray/tune/<name>`. Made by `python -m ttt_rllib.metrics`; do not",
        "edit.",
        "",
        "| name | unit or range | better | reported by | meaning |",
        "|---|---|---|---|---|",
    )
    return "\n".join([*head, *rows, *_gauges()]) + "\n"


def _gauges() -> tuple[str, ...]:
    """Return the chapter on Prometheus."""
    return (
        "",
        "## In Prometheus",
        "",
        "Every Ray node has a metrics port (`ray start --metrics-export-port`, else a free one).",
        "That of the driver's node has these gauges: the newest figures of every trial, with the",
        "labels `experiment`, `run` and `trial`, some seconds after the iteration.",
        "",
        *(f"* `ray_{metric.gauge_name}`: `{metric.name}`" for metric in METRICS if metric.gauge),
    )


if __name__ == "__main__":
    sys.stdout.write(markdown_table())
