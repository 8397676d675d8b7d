"""How much each searched setting mattered.

PED-ANOVA (Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
Importance in Arbitrary Subspaces", IJCAI 2023), as Optuna implements it: a setting matters
as much as its distribution among the best trials differs from that among all.
"""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ttt_rllib.runs.search_record import SearchRecord

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

__all__ = ["MIN_TRIALS", "importance", "not_shown_reason", "numbers", "spans_decades"]

TOP_TRIALS, TOP_SHARE = 5, 0.1
"""How many trials count as the best: this share, but at least this many, as Optuna advises."""

MIN_TRIALS = 2 * TOP_TRIALS
"""With fewer trials, the best would be most of them."""

WIDE = 10.0
"""A positive setting that varies by more than this factor gets a logarithmic scale."""


def importance(search: SearchRecord) -> dict[str, float] | None:
    """Return the importance of each setting that varied, greatest first; they add up to 1.

    Args:
        search: The search.

    Returns:
        None where there are too few measured trials, nothing varied, all are equally good, or
        Optuna is not installed.
    """
    trials = search.measured
    keys = [key for key in search.keys if len({trial.settings[key] for trial in trials}) > 1]
    if len(trials) < MIN_TRIALS or not keys or _has_no_best(search) or not _has_optuna():
        return None
    # Imported late: only searches need it, and it takes a second.
    import optuna

    with warnings.catch_warnings():
        # It is experimental: its interface may change, but not its results.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(
            target_quantile=_top_share(len(trials))
        )
        shares = optuna.importance.get_param_importances(_study(search, keys), evaluator=evaluator)
    return {key: float(share) for key, share in shares.items()}


def not_shown_reason(search: SearchRecord) -> str:
    """Return the sentence that stands in the place of `importance` where that is None."""
    missing = "How much each setting mattered is not shown: "
    if not _has_optuna():
        return f"{missing}that takes optuna, which is not installed where this page was written."
    return (
        f"{missing}that takes {MIN_TRIALS} measured trials that differ in settings and results; "
        f"{len(search.measured)} were measured."
    )


def numbers(cells: list[str]) -> list[float] | None:
    """Return the figures of a column; None if any cell is not one."""
    try:
        figures = [float(cell) for cell in cells]
    except ValueError:
        return None
    # A category may be called "inf".
    return figures if all(map(math.isfinite, figures)) else None


def spans_decades(figures: list[float]) -> bool:
    """Tell whether a logarithmic scale suits these figures."""
    return min(figures) > 0 and max(figures) / min(figures) > WIDE


def _has_optuna() -> bool:
    """Tell whether Optuna is installed; reports need nothing else of what only training needs."""
    return find_spec("optuna") is not None


def _top_share(count: int) -> float:
    return max(TOP_SHARE, TOP_TRIALS / count)


def _has_no_best(search: SearchRecord) -> bool:
    """Tell whether the best of the trials are as good as the worst."""
    objectives = sorted(trial.objective or 0.0 for trial in search.measured)
    if search.mode == "max":
        objectives.reverse()
    last_of_the_best = math.ceil(_top_share(len(objectives)) * len(objectives)) - 1
    return objectives[last_of_the_best] == objectives[-1]


def _study(search: SearchRecord, keys: list[str]) -> Study:
    """Return the trials as an Optuna study."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if search.mode == "max" else "minimize")
    columns = {key: [trial.settings[key] for trial in search.measured] for key in keys}
    distributions = {key: _distribution(column) for key, column in columns.items()}
    for row, trial in enumerate(search.measured):
        params = {key: (numbers(column) or column)[row] for key, column in columns.items()}
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, value=trial.objective
            )
        )
    return study


def _distribution(column: list[str]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    figures = numbers(column)
    if figures is None:
        return CategoricalDistribution(sorted(set(column)))
    return FloatDistribution(min(figures), max(figures), log=spans_decades(figures))
