"""What a search found, for the end of its output: the best trial and its settings."""

from __future__ import annotations

import json
import shlex

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.runs.outcome import RunResult

__all__ = ["best_settings"]


def best_settings(experiment: Experiment, outcome: RunResult) -> list[str]:
    """Return a line on the best trial, and one for each of its searched settings.

    A setting is written as `ttt train` takes it, quoted for a shell where that is needed.

    Args:
        experiment: The experiment.
        outcome: The results of its trials; without a search or a best trial there is no line.
    """
    best = outcome.best
    if experiment.search is None or best is None:
        return []
    figure = "not measured" if best.objective is None else f"{best.objective:,.6g}"
    words = {**best.settings, **({"seed": best.seed} if experiment.search.num_seeds > 1 else {})}
    return [
        f"best of {len(outcome.trials)} trials: {best.name}, {experiment.objective[0]} {figure}",
        *(f"  {shlex.quote(f'{key}={_text(value)}')}" for key, value in words.items()),
    ]


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
