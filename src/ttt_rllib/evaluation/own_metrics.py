"""Metrics of a user's own: functions from the agent to a number, or to several by name.

They are called at every evaluation, and tried on an untrained agent before Ray starts. This module
must not know ray.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from ttt_rllib.agents.lookahead import BundledPolicy
from ttt_rllib.agents.untrained import untrained_policy
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.own_code import import_own, make_findable
from ttt_rllib.config.stopping import METRIC_NAME
from ttt_rllib.errors import InputError, did_you_mean, error_words
from ttt_rllib.metrics import CUSTOM

__all__ = ["OwnMetrics", "check_own_metrics", "own_metric_paths"]

SETTING = "evaluation.metrics"
REMEDY = "return a finite number, or a dict of such by name"


class OwnMetrics:
    """Functions that measure an agent.

    Args:
        paths: `module:function` by the metric's name.
        code: A run's folder with copies of the modules; None = they are imported from where they
            are found.

    Raises:
        InputError: If one cannot be imported, or cannot be called.
    """

    def __init__(self, paths: Mapping[str, str], code: Path | None = None) -> None:
        if paths and code is not None:
            make_findable(code, first=True)
        self._paths = dict(paths)
        self._functions = {name: _function(name, path) for name, path in paths.items()}
        self._known: dict[str, frozenset[str]] = {}

    def measure(self, policy: BundledPolicy) -> dict[str, float]:
        """Return the figures of an agent, by the names of the metrics.

        Raises:
            InputError: If a function raises, or does not return what it should.
        """
        figures: dict[str, float] = {}
        for name, function in self._functions.items():
            found = dict(self._figures(name, function, policy))
            # A figure that is there at times would be a hole in a curve that nobody sees.
            known = self._known.setdefault(name, frozenset(found))
            if found.keys() != known:
                raise self._refused(
                    name, f"returned {_words(known)} first and now {_words(found)}; always the same"
                )
            figures |= found
        return figures

    def _figures(
        self, name: str, function: Callable[[BundledPolicy], Any], policy: BundledPolicy
    ) -> Iterator[tuple[str, float]]:
        try:
            found = function(policy)
        except Exception as error:
            # A user's function may raise anything.
            raise self._refused(
                name,
                f"raises {error_words(error)}; it is called with the agent, policy(boards) being "
                "its move probabilities",
            ) from error
        if not isinstance(found, dict):
            yield f"{CUSTOM}{name}", self._figure(name, found, "")
            return
        if not found:
            raise self._refused(name, f"returns an empty dict; {REMEDY}")
        for key, figure in found.items():
            if not (isinstance(key, str) and re.fullmatch(METRIC_NAME, key)):
                raise self._refused(
                    name, f"returns a figure named {key!r}; take letters, digits and _ only"
                )
            yield f"{CUSTOM}{name}/{key}", self._figure(name, figure, f" for {key}")

    def _figure(self, name: str, figure: Any, where: str) -> float:
        if not isinstance(figure, Real):
            kind = type(figure).__name__
            raise self._refused(name, f"returns a {kind}{where}; {REMEDY}")
        if not math.isfinite(figure):
            raise self._refused(name, f"returns {float(figure)}{where}; {REMEDY}")
        return float(figure)

    def _refused(self, name: str, problem: str) -> InputError:
        return InputError(f"{SETTING}.{name}: {self._paths[name]} {problem}")


def own_metric_paths(experiment: Experiment) -> list[tuple[str, str]]:
    """Return the metrics that an experiment names, each as the setting's key and its path."""
    return [(f"{SETTING}.{name}", path) for name, path in experiment.evaluation.metrics.items()]


def check_own_metrics(experiment: Experiment) -> None:
    """Try the metrics that an experiment names on an untrained agent.

    Raises:
        InputError: If one cannot be used, or the search's objective is not among them.
    """
    paths = experiment.evaluation.metrics
    if not paths:
        return
    game = experiment.env.game
    if game is None:
        raise InputError(
            f"{SETTING}: the rules of this environment are not known here, so there is no agent to "
            "measure; leave it out"
        )
    figures = OwnMetrics(paths).measure(untrained_policy(experiment, game))
    objective = experiment.objective[0] if experiment.search else ""
    if objective.startswith(CUSTOM) and objective not in figures and not experiment.callbacks:
        raise InputError(
            f"search.objective: there is no metric {objective!r}"
            + did_you_mean(objective, list(figures))
        )


def _function(name: str, path: str) -> Callable[[BundledPolicy], Any]:
    setting = f"{SETTING}.{name}"
    found = import_own(setting, path)
    if isinstance(found, type) or not callable(found):
        kind = "a class" if isinstance(found, type) else f"a {type(found).__name__}"
        raise InputError(f"{setting}: {path} is {kind}; it must be a function of the agent")
    function: Callable[[BundledPolicy], Any] = found
    return function


def _words(names: Mapping[str, float] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
