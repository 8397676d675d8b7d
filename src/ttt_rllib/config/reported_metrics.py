"""Which metrics an experiment reports; what is chosen by another one is chosen by nothing."""

from __future__ import annotations

from ttt_envs.positions import too_many_positions
from ttt_rllib.config.env import PettingZooEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.training import TRAINING
from ttt_rllib.metrics import (
    METRICS,
    PENALISED_MOVES,
    REFUTED_REPLY_RATE,
    SHORTEST_REFUTATION,
    STRENGTH_GROUPS,
)

__all__ = ["LABELLED_GAMES", "never_reported_reason"]

LABELLED_GAMES = ("connect_four",)
"""The games that have labelled test positions."""

OF_A_WALK = (REFUTED_REPLY_RATE, SHORTEST_REFUTATION)
"""Exact metrics that the table of the game does not give."""

ONLY = {metric.name: metric.only for metric in METRICS}
SWITCHES = {
    "league": ("self_play.matchmaking", "none"),
    "runner actors": ("env_runners.num_env_runners", 0),
    "learner actors": ("learners.num_learners", 0),
}
"""The setting that metrics of some runs need, and the value with which there are none."""


def never_reported_reason(metric: str, experiment: Experiment) -> str | None:
    """Return why no iteration of an experiment reports a metric, as a clause; None if some may.

    An environment of PettingZoo's is made for some of them. Whether the game is small enough for
    exact metrics is not asked.

    Args:
        metric: Its name.
        experiment: The experiment; a searched setting may have any of its values.
    """
    only = ONLY.get(metric, "")
    needs_evaluation = metric.startswith(STRENGTH_GROUPS) or metric == PENALISED_MOVES
    if needs_evaluation and _is_off(experiment, "evaluation.evaluation_interval", 0):
        return "evaluation.evaluation_interval is 0; set it to 1 or more"
    if metric == PENALISED_MOVES and not experiment.stops_by_proof:
        return "it needs both stop.consecutive_unexploitable_evals and stop.moves"
    if only in SWITCHES and _is_off(experiment, *SWITCHES[only]):
        key, value = SWITCHES[only]
        return f"{key} is {value}"
    algorithms = only.split(", ")
    if set(algorithms) <= TRAINING.keys() and experiment.algorithm not in algorithms:
        whose = " and ".join(algorithms)
        return f"algorithm is {experiment.algorithm}; the metric is one of {whose}"
    return _not_of_this_game(metric, only, experiment)


def _not_of_this_game(metric: str, only: str, experiment: Experiment) -> str | None:
    env = experiment.env
    if only == "zero-sum games":
        is_zero_sum = not isinstance(env, PettingZooEnv) or env.traits.is_zero_sum
        return None if is_zero_sum else "nobody wins a game that both may win"
    if only not in ("large games", "labelled games") or _is_searched(experiment, "env."):
        return None
    game = env.game
    if game is None:
        return "the rules of this environment are not known here"
    if only == "labelled games" and game.name not in LABELLED_GAMES:
        return f"only {', '.join(LABELLED_GAMES)} has labelled test positions"
    if too_many_positions(game) is not None:
        return None
    if metric not in OF_A_WALK:
        return "the game is solved, so that nothing is sampled; take one of exact/"
    # A table is made for it where it is an objective; else large boards are walked.
    return "the game is solved; take exact/nash_conv" if experiment.needs_table else None


def _is_off(experiment: Experiment, key: str, value: object) -> bool:
    """Tell whether a setting has this value in all trials."""
    section, name = key.split(".")
    return getattr(getattr(experiment, section), name) == value and not _is_searched(
        experiment, key
    )


def _is_searched(experiment: Experiment, key: str) -> bool:
    search = experiment.search
    return search is not None and any(one.startswith(key) for one in search.space)
