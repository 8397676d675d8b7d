"""Whether an experiment's agents can be evaluated exactly, and the settings that need it."""

from __future__ import annotations

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.exact.evaluation import NOT_PROVABLE, solved_game
from ttt_rllib.metrics import EXACT_GROUPS

__all__ = ["check_exact_settings", "not_exact_reason"]

EXACT_LIMITS = ("consecutive_unexploitable_evals", "optimal_move_rate")
"""Limits of `stop` that exact evaluation measures."""

UNKNOWN_GAME = (
    "the rules of this environment are not known here, so there is no agent/ and no proof"
)


def not_exact_reason(experiment: Experiment) -> str | None:
    """Return why agents cannot be evaluated exactly, as a clause; None where they can.

    The game is solved for it, which takes seconds where it is nearly too large. An environment
    of PettingZoo's is made, because only the environment itself tells its rules.
    """
    game = experiment.env.game
    if solved_game(game) is not None:
        return None
    return UNKNOWN_GAME if game is None else NOT_PROVABLE


def check_exact_settings(experiment: Experiment) -> None:
    """Refuse a limit or an objective that can never be measured: it would be waited for in vain.

    Raises:
        InputError: If exact evaluation is needed and there is none for this game.
    """
    limits = [name for name in EXACT_LIMITS if getattr(experiment.stop, name)]
    objective = experiment.objective[0] if experiment.search else None
    promotions = {experiment.self_play.promotion}
    if experiment.search and (searched := experiment.search.space.get("self_play.promotion")):
        promotions |= set(searched.values)
    if "exploitability" in promotions:
        reason = not_exact_reason(experiment)
        if reason is not None:
            raise InputError(
                f"self_play.promotion exploitability can never be measured: {reason}; set it to "
                "score or always"
            )
    if not limits and not (objective and objective.startswith(EXACT_GROUPS)):
        return
    reason = not_exact_reason(experiment)
    if reason is None:
        return
    if limits:
        raise InputError(
            f"stop.{limits[0]} can never be met: {reason}; stop by moves, train_s or iterations"
        )
    raise InputError(
        f"search.objective {objective} can never be measured: {reason}; set one of eval/ or play/"
    )
