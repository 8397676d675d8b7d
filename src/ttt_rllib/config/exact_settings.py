"""Whether an experiment's agents can be evaluated exactly, and the settings that need it."""

from __future__ import annotations

from collections.abc import Callable

from ttt_envs.positions import too_many_positions
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.reported_metrics import never_reported_reason
from ttt_rllib.errors import InputError
from ttt_rllib.exact.reached import not_walkable_reason
from ttt_rllib.exact.solved_game import NOT_EXACT
from ttt_rllib.metrics import EXACT_GROUPS, OF_THE_TABLE, PENALISED_MOVES

__all__ = ["check_exact_settings", "not_exact_reason", "not_provable_reason"]

PROVABLE = (PENALISED_MOVES,)
"""Objectives that need a proof and not the table of the game."""

UNKNOWN_GAME = (
    "the rules of this environment are not known here, so there is no agent/ and no proof"
)


def not_exact_reason(experiment: Experiment) -> str | None:
    """Return why not every figure of an agent is exact, as a clause; None where all are.

    The game is not solved for it, only its positions are counted. An environment
    of PettingZoo's is made, because only the environment itself tells its rules.
    """
    game = experiment.env.game
    if game is None:
        return UNKNOWN_GAME
    return None if too_many_positions(game) is None else NOT_EXACT


def not_provable_reason(experiment: Experiment) -> str | None:
    """Return why an agent cannot be proved unexploitable, as a clause; None where it can."""
    game = experiment.env.game
    return UNKNOWN_GAME if game is None else not_walkable_reason(game)


def check_exact_settings(experiment: Experiment) -> None:
    """Refuse a limit or an objective that can never be measured: it would be waited for in vain.

    Raises:
        InputError: If exact evaluation is needed and there is none for this game.
    """
    promotions = {experiment.self_play.promotion}
    if experiment.search and (searched := experiment.search.space.get("self_play.promotion")):
        promotions |= set(searched.values)
    if "exploitability" in promotions and (reason := not_exact_reason(experiment)):
        raise InputError(
            f"self_play.promotion exploitability can never be measured: {reason}; set it to "
            "score or always"
        )
    limits: dict[str, Callable[[Experiment], str | None]] = {
        "consecutive_unexploitable_evals": not_provable_reason,
        "optimal_move_rate": not_exact_reason,
    }
    for name, reason_of in limits.items():
        if getattr(experiment.stop, name) and (reason := reason_of(experiment)):
            raise InputError(
                f"stop.{name} can never be met: {reason}; stop by moves, train_s or iterations"
            )
    objective = experiment.objective[0] if experiment.search else ""
    reason_of = not_exact_reason if objective not in PROVABLE else not_provable_reason
    if objective.startswith(EXACT_GROUPS) and (reason := reason_of(experiment)):
        raise InputError(
            f"search.objective {objective} can never be measured: {reason}; set one of eval/ or "
            "play/"
        )
    _check_choosing_metrics(experiment)


def _check_choosing_metrics(experiment: Experiment) -> None:
    """Refuse to choose trials or checkpoints by a metric that this experiment never reports.

    Raises:
        InputError: If it would be so.
    """
    score = experiment.checkpoint.checkpoint_score_attribute
    by_key = {"checkpoint.checkpoint_score_attribute": score}
    if experiment.search:
        by_key["search.objective"] = experiment.objective[0]
    for key, metric in by_key.items():
        if metric is None:
            continue
        reason = never_reported_reason(metric, experiment)
        if reason is None and key != "search.objective" and metric.startswith(EXACT_GROUPS):
            walked = metric not in OF_THE_TABLE
            reason = (not_provable_reason if walked else not_exact_reason)(experiment)
        if reason is not None:
            raise InputError(f"{key} {metric} can never be measured: {reason}")
