"""The cards of the report: boards with words, and the openings beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ttt_rllib.agents.policies import Policy
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.openings import OPENING_PLIES, openings
from ttt_rllib.analysis.position import analyse, outlook_words
from ttt_rllib.report.charts.boards import (
    is_dense,
    move_name,
    percent,
    policy_drawing,
)
from ttt_rllib.report.charts.figure import stylesheet
from ttt_rllib.report.charts.svg import tag

__all__ = ["BoardCards", "Card", "opening_cards"]

TITLES = ("The first move", "After X's move", "After a move of both")
MAX_CARDS = 20
"""A larger board has hundreds of openings; then only shorter ones are shown."""


@dataclass(frozen=True)
class Card:
    """A board, and what is said about it.

    Attributes:
        drawing: The board as SVG.
        headline: A few words.
        detail: A few more.
        is_good: The tone of the headline; None where nothing is known.
    """

    drawing: str
    headline: str
    detail: str
    is_good: bool | None

    def __html__(self) -> str:
        """Return the card."""
        tone = {True: "good", False: "bad", None: "plain"}[self.is_good]
        words = tag("strong", text=self.headline, class_=tone) + tag("small", text=self.detail)
        return tag("li", self.drawing, words, class_="card")


@dataclass(frozen=True)
class BoardCards:
    """Cards in groups; a notebook shows them.

    Attributes:
        verdict: A sentence about all of them.
        reading: How to read the boards.
        is_exact: Whether the truth is drawn, too, where it is known.
        groups: Title and cards.
    """

    verdict: str
    reading: str
    is_exact: bool
    groups: tuple[tuple[str, tuple[Card, ...]], ...]

    def __html__(self) -> str:
        """Return all groups."""
        parts = []
        for title, cards in self.groups:
            parts.append(tag("h3", text=title) if title else "")
            parts.append(tag("ul", *(card.__html__() for card in cards), class_="cards"))
        return "".join(parts)

    def _repr_html_(self) -> str:
        verdict = tag("p", text=f"{self.verdict} {self.reading}", class_="lead")
        style = f"<style>{stylesheet()}</style>"
        return tag("div", style, verdict, self.__html__(), class_="ttt-report")


def opening_cards(policy: Policy, plies: int = OPENING_PLIES) -> BoardCards:
    """Draw what an agent would play in the openings, beside the truth.

    Args:
        policy: The agent.
        plies: Length of the longest opening; less where there would be too many.
    """
    records = openings(policy.game, plies)
    while plies and len(records) > MAX_CARDS:
        plies -= 1
        records = openings(policy.game, plies)
    groups = []
    for ply in range(plies + 1):
        here = [record for record in records if len(record.moves) == ply]
        title = TITLES[ply] if ply < len(TITLES) else f"After {ply} moves"
        count = f"{len(here)} position" + "s" * (len(here) != 1)
        groups.append((f"{title} · {count}", tuple(_card(record, policy) for record in here)))
    # Without the agent: its moves may take longer than the truth, and are drawn above.
    known = [move.outlook is not None for one in records for move in analyse(one).moves]
    if policy.game.table is not None:
        reading = "Below each position is the move that the agent plays there."
        return BoardCards(_verdict(groups), reading, is_exact=False, groups=tuple(groups))
    odds = "in percent" if not is_dense(policy.game) else "as the area of a dot"
    where = "" if all(known) else ", where that is known"
    truth = f"what perfect play makes of a move there{where}, and below it, " if any(known) else ""
    reading = f"On every square that can be played: {truth}{odds}, how probably the agent plays it."
    return BoardCards(_verdict(groups), reading, any(known), tuple(groups))


def _verdict(groups: Sequence[tuple[str, Sequence[Card]]]) -> str:
    verdicts = [card.is_good for _, cards in groups for card in cards]
    judged = len(verdicts) - verdicts.count(None)
    if not judged:
        return "Nothing here is judged: too many positions are left after these openings."
    wrong = verdicts.count(False)
    mistakes = {0: "No mistake", 1: "A mistake"}.get(wrong, f"{wrong} mistakes")
    if judged < len(verdicts):
        return f"{mistakes} in the {judged} of {len(verdicts)} openings whose value is known."
    return f"{mistakes} in {judged} openings."


def _card(record: GameRecord, policy: Policy) -> Card:
    analysis = analyse(record, policy)
    choice = max(analysis.moves, key=lambda move: move.probability or 0.0)
    detail = (
        f"{record.turn} plays {move_name(record.game, choice.action)}, "
        f"{percent(choice.probability or 0.0)}"
    )
    drawing = policy_drawing(record, policy)
    if choice.outlook is None:
        return Card(drawing, "Not known", detail, None)
    words = outlook_words(choice.outlook).capitalize()
    if analysis.outlook is None:
        return Card(drawing, words, detail, None)
    keeps = choice.outlook.value == analysis.outlook.value
    could = "" if keeps else f"; could {'win' if analysis.outlook.value > 0 else 'draw'}"
    return Card(drawing, words + could, detail, keeps)
