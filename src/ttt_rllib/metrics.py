"""Every metric: its name, unit, meaning and direction. A metric exists only here.

`docs/metrics.md` is this file as a table: `python -m ttt_rllib.metrics > docs/metrics.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

__all__ = [
    "BEST_RESPONSE_O",
    "BEST_RESPONSE_X",
    "BETTER",
    "CONSECUTIVE_UNEXPLOITABLE_EVALS",
    "CPU_S",
    "CUSTOM",
    "CUSTOM_GROUP",
    "CUSTOM_MEANING",
    "DRAW_RATE",
    "ENTROPY",
    "ENTROPY_COEFF",
    "ENV_RUNNER_RESTARTS",
    "EPSILON",
    "EVAL_S",
    "EXACT_GROUPS",
    "GAUGE_PREFIX",
    "ITERATION",
    "KL",
    "LAST_RESULT_TIME_S",
    "LATE_ENV_RUNNERS",
    "LEAGUE_MEAN_SCORE",
    "LEAGUE_MIN_SCORE",
    "LEAGUE_NASH_SCORE",
    "LEAGUE_RATING",
    "LEAGUE_S",
    "LEAGUE_SNAPSHOTS",
    "LEAGUE_WIN_RATE",
    "LEARNER_CPU_S",
    "LEARNER_MEMORY_MB",
    "LEARN_S",
    "LIVE_METRICS",
    "LOSING_POSITIONS",
    "LR",
    "MEMORY_MB",
    "METRICS",
    "MOVES",
    "MOVES_PER_GAME",
    "MOVES_PER_S",
    "NASH_CONV",
    "NASH_CONV_GREEDY",
    "NORMALIZED_SCORE_O",
    "NORMALIZED_SCORE_X",
    "OF_THE_TABLE",
    "OPTIMAL_MOVE_RATE",
    "OPTIMAL_RATE_BY_PLIES",
    "OPTIMAL_RATE_DECISIVE",
    "OPTIMAL_RATE_ONLY_MOVE",
    "OPTIMAL_RATE_QUIET",
    "O_WIN_RATE",
    "PENALISED_MOVES",
    "POLICY_LOSS",
    "Q_MEAN",
    "REFUTED_REPLY_RATE",
    "RENAMED_METRICS",
    "RETURN_MEAN",
    "RETURN_MEANING",
    "RUNNER_CPU_S",
    "RUNNER_LABEL",
    "RUNNER_MEMORY_MB",
    "RUNNER_MOVES",
    "RUNNER_SAMPLE_S",
    "SAMPLE_S",
    "SCORE_VS_ALPHA_BETA",
    "SCORE_VS_ONE_PLY",
    "SCORE_VS_RANDOM",
    "SCORE_VS_RANDOM_O",
    "SCORE_VS_RANDOM_X",
    "SHORTEST_REFUTATION",
    "STRENGTH_GROUPS",
    "SYNC_S",
    "TD_ERROR",
    "TD_LOSS",
    "TRAIN_S",
    "VF_LOSS",
    "X_WIN_RATE",
    "LiveMetric",
    "Metric",
    "RunLabels",
    "agents_paid",
    "custom_metrics",
    "flatten",
    "markdown_table",
    "nest",
    "penalised_moves",
]

ITERATION = "perf/iteration"
TRAIN_S = "perf/train_s"
MOVES_PER_S = "perf/moves_per_s"
SAMPLE_S = "perf/sample_s"
LEARN_S = "perf/learn_s"
SYNC_S = "perf/sync_s"
LEAGUE_S = "perf/league_s"
EVAL_S = "perf/eval_s"
CPU_S = "perf/cpu_s"
MEMORY_MB = "perf/memory_mb"
RUNNER_CPU_S = "perf/runner_cpu_s"
RUNNER_MEMORY_MB = "perf/runner_memory_mb"
LEARNER_CPU_S = "perf/learner_cpu_s"
LEARNER_MEMORY_MB = "perf/learner_memory_mb"
ENV_RUNNER_RESTARTS = "perf/env_runner_restarts"
LATE_ENV_RUNNERS = "perf/late_env_runners"

MOVES = "play/moves"
X_WIN_RATE = "play/x_win_rate"
DRAW_RATE = "play/draw_rate"
O_WIN_RATE = "play/o_win_rate"
MOVES_PER_GAME = "play/moves_per_game"
EPSILON = "play/epsilon"

NASH_CONV_GREEDY = "exact/nash_conv_greedy"
NASH_CONV = "exact/nash_conv"
CONSECUTIVE_UNEXPLOITABLE_EVALS = "exact/consecutive_unexploitable_evals"
OPTIMAL_MOVE_RATE = "exact/optimal_move_rate"
BEST_RESPONSE_X = "exact/best_response_x"
BEST_RESPONSE_O = "exact/best_response_o"
REFUTED_REPLY_RATE = "exact/refuted_reply_rate"
SHORTEST_REFUTATION = "exact/shortest_refutation"
LOSING_POSITIONS = "exact/losing_positions"
SCORE_VS_RANDOM_X = "exact/score_vs_random_x"
SCORE_VS_RANDOM_O = "exact/score_vs_random_o"
NORMALIZED_SCORE_X = "exact/normalized_score_x"
NORMALIZED_SCORE_O = "exact/normalized_score_o"

SCORE_VS_RANDOM = "eval/score_vs_random"
SCORE_VS_ONE_PLY = "eval/score_vs_one_ply"
SCORE_VS_ALPHA_BETA = "eval/score_vs_alpha_beta"
OPTIMAL_RATE_DECISIVE = "eval/optimal_rate_decisive"
OPTIMAL_RATE_QUIET = "eval/optimal_rate_quiet"
OPTIMAL_RATE_ONLY_MOVE = "eval/optimal_rate_only_move"
OPTIMAL_RATE_BY_PLIES = {
    "eval/optimal_rate_ply_0_7": (0, 7),
    "eval/optimal_rate_ply_8_15": (8, 15),
    "eval/optimal_rate_ply_16_23": (16, 23),
    "eval/optimal_rate_ply_24_31": (24, 31),
    "eval/optimal_rate_ply_32_40": (32, 40),
}
"""The least and the greatest number of stones on the board, by the name of the metric."""

LEAGUE_SNAPSHOTS = "league/snapshots"
LEAGUE_MEAN_SCORE = "league/mean_score"
LEAGUE_MIN_SCORE = "league/min_score"
LEAGUE_WIN_RATE = "league/win_rate"
LEAGUE_RATING = "league/rating"
LEAGUE_NASH_SCORE = "league/nash_score"

RETURN_MEAN = "eval/return_mean/"
"""Begins the name of a metric of each agent of a PettingZoo environment; its name follows."""
RETURN_MEANING = (
    "Mean return of this agent in the games of this iteration, as the environment paid it."
)

CUSTOM = "custom/"
"""Begins the name of a metric of a user's own; the name in evaluation.metrics follows."""
CUSTOM_GROUP = CUSTOM.rstrip("/")
CUSTOM_MEANING = "Your own figure, from evaluation.metrics or a callback."

POLICY_LOSS = "learner/policy_loss"
VF_LOSS = "learner/vf_loss"
ENTROPY = "learner/entropy"
KL = "learner/kl"
TD_LOSS = "learner/td_loss"
TD_ERROR = "learner/td_error"
Q_MEAN = "learner/q_mean"
LR = "learner/lr"
ENTROPY_COEFF = "learner/entropy_coeff"

PENALISED_MOVES = "search/penalised_moves"

GREATEST_NASH_CONV = 2.0
"""That of an agent that loses every game in both seats to its best opponents."""

GAUGE_PREFIX = "ttt_"
"""Prefix of the names of our gauges; Ray puts `ray_` before it."""


@dataclass(frozen=True)
class Metric:
    """A figure that a run reports once per iteration.

    Attributes:
        name: Group and name, `group/name`.
        unit: Unit or range.
        meaning: One sentence.
        better: Which direction is better, or "" where neither is.
        only: Which runs report it, if not all: those of PPO, DQN or TD, of games too large for
            exact evaluation, of games with labelled test positions, those with a league, those that
            stop when unexploitable, those of games that two players play against each other, or
            those whose env runners or learners are separate actors.
        gauge: Whether it is also on Ray's metrics port, for Prometheus.
    """

    name: str
    unit: str
    meaning: str
    better: Literal["lower", "higher", ""] = ""
    only: Literal[
        "",
        "ppo",
        "dqn",
        "ppo, td",
        "dqn, td",
        "large games",
        "labelled games",
        "league",
        "zero-sum games",
        "runner actors",
        "learner actors",
        "stop.consecutive_unexploitable_evals",
    ] = ""
    gauge: bool = False

    @property
    def gauge_name(self) -> str:
        """Name of the gauge as it is given to Ray."""
        return GAUGE_PREFIX + self.name.split("/")[1]


METRICS = (
    Metric(ITERATION, "count", "Training iterations so far, from 1."),
    Metric(
        MOVES,
        "moves",
        "Plies by both players sampled so far, openings not counted.",
        gauge=True,
    ),
    Metric(TRAIN_S, "s", "Seconds of training so far; set-up not counted.", "lower", gauge=True),
    Metric(
        NASH_CONV_GREEDY,
        "0 to 2",
        "NashConv of the greedy policy: best response as X plus best response as O.",
        "lower",
        gauge=True,
    ),
    Metric(NASH_CONV, "0 to 2", "NashConv of the stochastic policy.", "lower", gauge=True),
    Metric(
        CONSECUTIVE_UNEXPLOITABLE_EVALS,
        "count",
        "Evaluations in a row, up to this one, with nash_conv_greedy 0.",
        "higher",
        gauge=True,
    ),
    Metric(
        OPTIMAL_MOVE_RATE,
        "0 to 1",
        "Share of all decision positions whose greedy move keeps the game value.",
        "higher",
        gauge=True,
    ),
    Metric(
        LOSING_POSITIONS,
        "positions",
        "Positions worth less than the game value that the greedy agent can be led into.",
        "lower",
        gauge=True,
    ),
    Metric(
        BEST_RESPONSE_X,
        "-1 to 1",
        "Score of the best opponent that plays X against the greedy agent.",
        "lower",
    ),
    Metric(
        BEST_RESPONSE_O,
        "-1 to 1",
        "Score of the best opponent that plays O against the greedy agent.",
        "lower",
    ),
    Metric(
        REFUTED_REPLY_RATE,
        "0 to 1",
        "Share of the opponents' moves in all positions they can bring about after which the "
        "greedy agent still gets the game value.",
        "higher",
        only="large games",
    ),
    Metric(
        SHORTEST_REFUTATION,
        "plies",
        "Shortest game found in which the greedy agent does not get the game value.",
        "higher",
        only="large games",
    ),
    Metric(
        SCORE_VS_RANDOM_X,
        "-1 to 1",
        "Exact mean score of the greedy agent as X against the uniformly random player.",
        "higher",
    ),
    Metric(
        SCORE_VS_RANDOM_O,
        "-1 to 1",
        "Exact mean score of the greedy agent as O against the uniformly random player.",
        "higher",
    ),
    Metric(
        NORMALIZED_SCORE_X,
        "up to 1",
        "score_vs_random_x by the best possible score as X, where that is above 0.",
        "higher",
    ),
    Metric(
        NORMALIZED_SCORE_O,
        "up to 1",
        "score_vs_random_o by the best possible score as O, where that is above 0.",
        "higher",
    ),
    Metric(
        X_WIN_RATE,
        "0 to 1",
        "Share of this iteration's sampled games won by the player who moved first.",
        only="zero-sum games",
    ),
    Metric(
        DRAW_RATE,
        "0 to 1",
        "Share of this iteration's sampled games in which both players got the same.",
    ),
    Metric(
        O_WIN_RATE,
        "0 to 1",
        "Share of this iteration's sampled games won by the player who moved second.",
        only="zero-sum games",
    ),
    Metric(MOVES_PER_GAME, "moves", "Mean moves of a sampled game after its opening."),
    Metric(EPSILON, "0 to 1", "Share of uniformly random moves while sampling.", only="dqn, td"),
    Metric(
        SCORE_VS_RANDOM,
        "-1 to 1",
        "Sampled mean score of the greedy agent in both seats against the uniformly random "
        "player; only for games too large for exact evaluation.",
        "higher",
        only="large games",
        gauge=True,
    ),
    Metric(
        SCORE_VS_ONE_PLY,
        "-1 to 1",
        "The same sampled score against a player that wins at once, else parries, else plays "
        "at random.",
        "higher",
        only="large games",
        gauge=True,
    ),
    Metric(
        SCORE_VS_ALPHA_BETA,
        "-1 to 1",
        "The same sampled score against a player that searches 4 plies.",
        "higher",
        only="large games",
        gauge=True,
    ),
    Metric(
        OPTIMAL_RATE_DECISIVE,
        "0 to 1",
        "Share of the labelled test positions whose moves differ in value in which the greedy move "
        "keeps the value.",
        "higher",
        only="labelled games",
        gauge=True,
    ),
    Metric(
        OPTIMAL_RATE_QUIET,
        "0 to 1",
        "The same share of those in which neither player could win at once.",
        "higher",
        only="labelled games",
        gauge=True,
    ),
    Metric(
        OPTIMAL_RATE_ONLY_MOVE,
        "0 to 1",
        "The same share of the quiet ones in which exactly one move keeps the value.",
        "higher",
        only="labelled games",
        gauge=True,
    ),
    *(
        Metric(
            name,
            "0 to 1",
            f"The same share of all with moves that differ in value and {first} to {last} stones.",
            "higher",
            only="labelled games",
        )
        for name, (first, last) in OPTIMAL_RATE_BY_PLIES.items()
    ),
    Metric(
        LEAGUE_SNAPSHOTS,
        "count",
        "Frozen earlier selves of the learner in the league.",
        only="league",
        gauge=True,
    ),
    Metric(
        LEAGUE_MEAN_SCORE,
        "-1 to 1",
        "Mean score of the learner's policy (DQN: greedy) against all members that may be drawn as "
        "opponents, both seats alike; exact where the game is solved.",
        "higher",
        only="league",
        gauge=True,
    ),
    Metric(
        LEAGUE_MIN_SCORE,
        "-1 to 1",
        "The same score against the member that does best.",
        "higher",
        only="league",
        gauge=True,
    ),
    Metric(
        LEAGUE_WIN_RATE,
        "0 to 1",
        "Mean share of the games that the learner wins against the same members.",
        "higher",
        only="league",
    ),
    Metric(
        LEAGUE_RATING,
        "Elo points",
        "Elo rating of the newest snapshot in the pool of all members: 0 is the random player, and "
        "no player is rated above the perfect one.",
        "higher",
        only="league",
        gauge=True,
    ),
    Metric(
        LEAGUE_NASH_SCORE,
        "-1 to 0",
        "Nash average of the newest snapshot: its mean score against the equilibrium of the pool; "
        "0 = it belongs to it.",
        "higher",
        only="league",
    ),
    Metric(
        MOVES_PER_S,
        "moves/s",
        "Moves of this iteration divided by its time.",
        "higher",
        gauge=True,
    ),
    Metric(SAMPLE_S, "s", "Time of this iteration spent sampling.", "lower", gauge=True),
    Metric(LEARN_S, "s", "Time of this iteration spent on gradient steps.", "lower", gauge=True),
    Metric(SYNC_S, "s", "Time of this iteration spent sending weights.", "lower", gauge=True),
    Metric(
        LEAGUE_S,
        "s",
        "Time of this iteration spent on the league: payoffs, ratings, opponents.",
        "lower",
        only="league",
        gauge=True,
    ),
    Metric(EVAL_S, "s", "Time of this iteration spent on exact evaluation.", "lower", gauge=True),
    Metric(CPU_S, "s", "CPU time of this iteration in the trial's process.", "lower", gauge=True),
    Metric(MEMORY_MB, "MB", "Resident memory of the trial's process.", "lower", gauge=True),
    Metric(
        RUNNER_CPU_S,
        "s",
        "CPU time of this iteration's sampling in all env runner actors.",
        "lower",
        only="runner actors",
        gauge=True,
    ),
    Metric(
        RUNNER_MEMORY_MB,
        "MB",
        "Resident memory of the largest env runner actor.",
        "lower",
        only="runner actors",
        gauge=True,
    ),
    Metric(
        LEARNER_CPU_S,
        "s",
        "CPU time of this iteration's updates in all learner actors.",
        "lower",
        only="learner actors",
        gauge=True,
    ),
    Metric(
        LEARNER_MEMORY_MB,
        "MB",
        "Resident memory of the largest learner actor.",
        "lower",
        only="learner actors",
        gauge=True,
    ),
    Metric(
        ENV_RUNNER_RESTARTS,
        "count",
        "Times so far that an env runner actor came back after it had failed, of the sessions "
        "before a resume too.",
        "lower",
        only="runner actors",
        gauge=True,
    ),
    Metric(
        LATE_ENV_RUNNERS,
        "count",
        "Env runner actors that have not answered in time and are left out until they do.",
        "lower",
        only="runner actors",
        gauge=True,
    ),
    Metric(
        POLICY_LOSS,
        "",
        "Minus the clipped surrogate objective, mean of the update.",
        only="ppo",
    ),
    Metric(
        VF_LOSS,
        "",
        "Loss of the value error, mean of the update: PPO's clipped square, or TD's "
        "td_error_loss_fn.",
        only="ppo, td",
    ),
    Metric(ENTROPY, "nat", "Entropy of the policy, mean of the update.", only="ppo"),
    Metric(KL, "nat", "Estimated KL(old, new), mean of the update.", only="ppo"),
    Metric(
        TD_LOSS,
        "",
        "Loss of DQN's temporal-difference error, mean of the update.",
        only="dqn",
    ),
    Metric(TD_ERROR, "", "Mean absolute temporal-difference error of the update.", only="dqn, td"),
    Metric(Q_MEAN, "-1 to 1", "Mean estimated value of the moves learnt from.", only="dqn"),
    Metric(LR, "", "Learning rate after the update."),
    Metric(ENTROPY_COEFF, "", "Entropy coefficient after the update.", only="ppo"),
    Metric(
        PENALISED_MOVES,
        "moves",
        "Default search objective: moves until stop.consecutive_unexploitable_evals was met; "
        "before that, stop.moves x (1 + nash_conv), so that every trial that becomes unexploitable "
        "ranks above every trial that does not (penalised average runtime). Large games: "
        "nash_conv_greedy, or 2 where it is not known.",
        "lower",
        only="stop.consecutive_unexploitable_evals",
    ),
)

RUNNER_LABEL = "runner"
"""Label with the number of an env runner: 1 and up, 0 in the trial's own process."""


class RunLabels(NamedTuple):
    """Which trial a series in Prometheus is of; the fields are the names of the labels.

    Attributes:
        experiment: Name of the experiment.
        run: Name of the run directory.
        trial: Tune's name for the trial.
    """

    experiment: str = ""
    run: str = ""
    trial: str = ""


@dataclass(frozen=True)
class LiveMetric:
    """A figure for Prometheus alone, since it changes between two iterations.

    Attributes:
        name: As it is given to Ray, which puts `ray_` before it.
        meaning: One sentence.
        labels: Its labels, without those that Ray adds.
        is_counter: Whether it only grows; Ray ends its name with `_total`.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = RunLabels._fields
    is_counter: bool = False

    @property
    def series(self) -> str:
        """Its name in Prometheus."""
        return f"ray_{self.name}{'_total' if self.is_counter else ''}"


LAST_RESULT_TIME_S = LiveMetric(
    GAUGE_PREFIX + "last_result_time_s",
    "When a running trial last had a result, or was started, in seconds since 1970.",
)
RUNNER_MOVES = LiveMetric(
    GAUGE_PREFIX + "runner_moves",
    "Moves that an env runner has sampled.",
    (*RunLabels._fields, RUNNER_LABEL),
    is_counter=True,
)
RUNNER_SAMPLE_S = LiveMetric(
    GAUGE_PREFIX + "runner_sample_s",
    "Seconds that an env runner has spent sampling.",
    (*RunLabels._fields, RUNNER_LABEL),
    is_counter=True,
)
LIVE_METRICS = (LAST_RESULT_TIME_S, RUNNER_MOVES, RUNNER_SAMPLE_S)

BETTER = {metric.name: metric.better for metric in METRICS}
"""Whether lower or higher is better, by the name of the metric."""

EXACT_GROUPS = ("exact/", "search/")
"""Groups of metrics that only exact evaluation yields: from the table of the game, or a walk."""

OF_THE_TABLE = (
    NASH_CONV,
    OPTIMAL_MOVE_RATE,
    LOSING_POSITIONS,
    NORMALIZED_SCORE_X,
    NORMALIZED_SCORE_O,
)
"""Exact metrics that only the table of the whole game gives, and no walk."""

STRENGTH_GROUPS = ("exact/", "eval/")
"""Metrics that say how strong an agent is."""

RENAMED_METRICS = {
    "exact/share_of_ceiling_o": NORMALIZED_SCORE_O,
    "exact/share_of_ceiling_x": NORMALIZED_SCORE_X,
    "exact/unexploitable_evals": CONSECUTIVE_UNEXPLOITABLE_EVALS,
    "play/score_vs_alpha_beta": SCORE_VS_ALPHA_BETA,
    "play/score_vs_one_ply": SCORE_VS_ONE_PLY,
    "play/score_vs_random": SCORE_VS_RANDOM,
}
"""The metric that a name of an earlier version means now; experiments with it are refused."""


def agents_paid(metrics: Iterable[str]) -> tuple[str, ...]:
    """Return the agents of a PettingZoo environment whose mean returns are among the metrics.

    They are sorted by name: the order in which RLlib logs them says nothing.
    """
    agents = (one.removeprefix(RETURN_MEAN) for one in metrics if one.startswith(RETURN_MEAN))
    return tuple(sorted(agents))


def custom_metrics(metrics: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics of a user's own among the metrics, in their order."""
    return tuple(one for one in metrics if one.startswith(CUSTOM))


def flatten(result: Mapping[str, Any]) -> dict[str, float]:
    """Pick the metrics out of a nested result, in the order of `METRICS`, then those of agents.

    Those of a user's own are the last.

    Args:
        result: `{group: {name: figure}}`, as the algorithm reports it.
    """
    group, prefix = RETURN_MEAN.split("/", 1)
    of_agents = (f"{group}/{name}" for name in result.get(group, {}) if name.startswith(prefix))
    custom = (f"{CUSTOM}{name}" for name in result.get(CUSTOM_GROUP, {}))
    row = {}
    for metric in (*(metric.name for metric in METRICS), *of_agents, *custom):
        group, name = metric.split("/", 1)
        figure = result.get(group, {}).get(name)
        if figure is not None:
            row[metric] = float(figure)
    return row


def nest(figures: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return figures by metric name as RLlib and Tune report them: `{group: {name: figure}}`."""
    result: dict[str, dict[str, float]] = {}
    for metric, figure in figures.items():
        group, name = metric.split("/", 1)
        result.setdefault(group, {})[name] = figure
    return result


def penalised_moves(row: Mapping[str, float], *, max_moves: int, required_evals: int) -> float:
    """Return the moves until a trial became unexploitable, or a penalty that is larger.

    Penalised average runtime, with the exact NashConv in place of a constant factor, so that
    trials that fail are still ordered (Hutter et al., "ParamILS: An Automatic Algorithm
    Configuration Framework", 2009, section 2). Where the game is walked, its NashConv is that of
    the most probable moves, and the greatest possible one if the walk did not find it.

    Args:
        row: The figures of an iteration that was evaluated.
        max_moves: `stop.moves`.
        required_evals: `stop.consecutive_unexploitable_evals`.
    """
    if row[CONSECUTIVE_UNEXPLOITABLE_EVALS] >= required_evals:
        return row[MOVES]
    # A walk tells at most the NashConv of the most probable moves.
    known = row.get(NASH_CONV, row.get(NASH_CONV_GREEDY, GREATEST_NASH_CONV))
    return max_moves * (1.0 + known)


def markdown_table() -> str:
    """Return `docs/metrics.md`."""
    rows = [
        f"| `{metric.name}` | {metric.unit or '-'} | {metric.better or '-'} | "
        f"{metric.only or 'all'} | {metric.meaning} |"
        for metric in METRICS
    ]
    rows.append(f"| `{RETURN_MEAN}<agent>` | reward | - | env.pettingzoo | {RETURN_MEANING} |")
    rows.append(f"| `{CUSTOM}<name>` | - | - | evaluation.metrics, callbacks | {CUSTOM_MEANING} |")
    head = (
        "# Metrics",
        "",
        "Every figure that a run reports, once per iteration: in `metrics.csv`, at W&B and in",
        "TensorBoard by the same names, there over `play/moves`. `python -m ttt_rllib.metrics`",
        "writes this page; do not edit it.",
        "",
        "| name | unit or range | better | reported by | meaning |",
        "|---|---|---|---|---|",
    )
    return "\n".join([*head, *rows, *_gauges()]) + "\n"


def _gauges() -> tuple[str, ...]:
    """Return the section on Prometheus."""
    return (
        "",
        "## In Prometheus",
        "",
        "Every Ray node has a metrics port (`ray start --metrics-export-port`, otherwise a free",
        "one). The port of the driver's node has these gauges: the latest figures of every running",
        "trial, with the labels `experiment`, `run` and `trial`, some seconds after the iteration.",
        "",
        *(f"* `ray_{metric.gauge_name}`: `{metric.name}`" for metric in METRICS if metric.gauge),
        "",
        "These are for Prometheus alone. The counters are on the port of the node on which the env",
        "runner is, with its number as the label `runner` (0 in the trial's own process).",
        "",
        *(f"* `{metric.series}`: {metric.meaning}" for metric in LIVE_METRICS),
    )


if __name__ == "__main__":
    sys.stdout.write(markdown_table())
