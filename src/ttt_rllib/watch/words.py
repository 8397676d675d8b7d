"""The verdict of the page in words: during the training, and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ttt_rllib.metrics import MOVES, NASH_CONV_GREEDY
from ttt_rllib.runs.live_json import Picture

__all__ = ["NO_HOLE_LEFT", "Ending", "Tone", "Verdict", "trial_sentence", "verdict_of"]

Tone = Literal["win", "draw", "loss"]
"""Of what is proved, of what is not known, of what is refuted."""

NO_HOLE_LEFT = "No hole left"


@dataclass(frozen=True)
class Ending:
    """How a run has ended.

    Attributes:
        unexploitable: What its certificate says of the agent; None where it says nothing.
        sentence: The verdict or the error, in words; "" where there is neither.
        is_interrupted: Whether it was interrupted, and can be resumed.
        is_begun: Whether there is a run; without one, the terminal alone says what went wrong.
        best_trial: The trial that all of this is about; None where the run names none.
    """

    unexploitable: bool | None
    sentence: str
    is_interrupted: bool = False
    is_begun: bool = True
    best_trial: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The first lines of the page.

    Attributes:
        headline: A few words.
        detail: A sentence.
        tone: Their colour.
    """

    headline: str
    detail: str
    tone: Tone


def verdict_of(
    phase: str, figures: Mapping[str, float], picture: Picture | None, ending: Ending | None
) -> Verdict:
    """Say how the agent stands.

    Args:
        phase: Of the run.
        figures: The newest metrics of the trial that is shown.
        picture: Its newest picture.
        ending: How the run has ended; None while it has not.
    """
    if ending is not None:
        return _last(ending)
    if phase == "starting":
        return Verdict("Starting", "Ray and the first trial are being started.", "draw")
    moves = f"after {figures.get(MOVES, 0):,.0f} moves"
    if phase == "proving":
        return Verdict("Proving", f"Trained; the agent is being checked {moves}.", "draw")
    nash_conv = figures.get(NASH_CONV_GREEDY)
    if nash_conv is None:
        return Verdict("Training", f"Nothing is proved yet {moves}.", "draw")
    if nash_conv == 0.0:
        return Verdict(NO_HOLE_LEFT, f"No opponent can beat it {moves}; NashConv is 0.", "win")
    count = picture.num_losing_games if picture else None
    if count is None:
        return Verdict("It can be beaten", f"NashConv is {nash_conv:.2f} {moves}.", "loss")
    games = "1 losing game left" if count == 1 else f"{count:,} losing games left"
    return Verdict(games, f"NashConv is {nash_conv:.2f} {moves}.", "loss")


def trial_sentence(shown: str, leads: str, count: int, ending: Ending | None) -> str:
    """Say which trial of a search the page shows.

    Args:
        shown: The trial whose curve and boards are drawn.
        leads: The trial that leads, or that the search has found to be the best.
        count: How many trials have begun.
        ending: How the search has ended; None while it has not.
    """
    if ending is None or ending.best_trial is None:
        if count == 1:
            return f"This is trial {shown}, the first of the search."
        if shown == leads:
            return f"This is trial {shown}, which leads the {count} that have begun."
        return f"This is trial {shown}, which you have chosen; trial {leads} leads."
    best = f"trial {leads}, the best of {count}"
    if shown == leads:
        return f"This is {best}."
    return f"The verdict is that of {best}; the figures below are those of trial {shown}."


def _last(ending: Ending) -> Verdict:
    if not ending.is_begun:
        return Verdict("No training", "It ended before a run began; the terminal says why.", "draw")
    sentence = ending.sentence
    detail = f"{sentence[:1].upper()}{sentence[1:]}." if sentence else "The run has ended."
    if ending.is_interrupted:
        return Verdict("Interrupted", "The run was interrupted, and can be resumed.", "draw")
    if ending.unexploitable:
        return Verdict(NO_HOLE_LEFT, detail, "win")
    if ending.unexploitable is False:
        return Verdict("A hole is left", detail, "loss")
    return Verdict("The run has ended", detail, "draw")
