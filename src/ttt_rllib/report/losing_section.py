"""How an agent loses: one card for each different mistake that an opponent can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ttt_envs.game import Game
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.mistakes import Mistake, find_mistakes
from ttt_rllib.analysis.position import move_sentence
from ttt_rllib.evaluation.losing_lines import losing_lines
from ttt_rllib.exact.certificate import LosingLine
from ttt_rllib.report.charts.boards import game_drawing, move_name
from ttt_rllib.report.openings import BoardCards, Card
from ttt_rllib.runs.record import RunRecord

__all__ = ["LosingSection", "losing_games", "losing_section"]

SHOWN_AT_ONCE = 8
MAX_SHOWN = 60
"""Drawings of more mistakes would only make the page large."""

MAX_BETTER = 3
"""More good moves than these are counted instead of named."""

READING = (
    "Each mistake is shown once, in the shortest game that it decides; the order of earlier moves, "
    "rotations and reflections do not count as differences. Stones without a number were there "
    "before it."
)


@dataclass(frozen=True)
class LosingSection:
    """Everything shown of the games that an agent loses.

    Attributes:
        sentence: How many mistakes and games there are, and how to read the cards.
        first: The mistakes of the shortest games.
        others: Those of longer ones.
        others_title: What to click on to see them; "" where there are none.
    """

    sentence: str
    first: BoardCards
    others: BoardCards
    others_title: str


def losing_section(record: RunRecord) -> LosingSection | None:
    """Return what there is to show; None if the agent loses no game, or nothing was proved."""
    certificate, bundle = record.certificate, record.bundle
    if certificate is None or bundle is None or not certificate.losing_lines:
        return None
    game = bundle.policy.game
    lines = losing_lines(bundle.policy, certificate)
    mistakes = find_mistakes(game, lines)
    count = len(mistakes) - SHOWN_AT_ONCE
    title = f"{count} more mistakes" if count > 1 else "One more mistake" if count == 1 else ""
    if len(mistakes) > MAX_SHOWN:
        title = f"{count} more mistakes, of which {MAX_SHOWN - SHOWN_AT_ONCE} are drawn"
    return LosingSection(
        sentence=f"{_sentence(len(mistakes), len(lines), certificate.losing_line_count)} {READING}",
        first=_cards(game, mistakes[:SHOWN_AT_ONCE]),
        others=_cards(game, mistakes[SHOWN_AT_ONCE:MAX_SHOWN]),
        others_title=title,
    )


def losing_games(game: Game, lines: Sequence[LosingLine]) -> BoardCards:
    """Draw the different mistakes that decide games in which an agent gets too little.

    Args:
        game: The rules.
        lines: The games, as a certificate lists them.
    """
    return _cards(game, find_mistakes(game, lines))


def _sentence(num_mistakes: int, num_lines: int, count: int | None) -> str:
    mistakes = f"{num_mistakes} different mistake{'s' * (num_mistakes != 1)}"
    if count == num_lines:
        games = "one game" if count == 1 else f"{count:,} games"
        return f"In {games} it gets less than its seat could have, because of {mistakes}."
    if num_lines == 1:
        return (
            f"In the one game found, it gets less than its seat could have, because of {mistakes}."
        )
    which = f"{num_lines:,} shortest of {count:,}" if count is not None else f"{num_lines:,}"
    return (
        f"In the {which} games found, it gets less than its seat could have, because of {mistakes}."
    )


def _cards(game: Game, mistakes: Sequence[Mistake]) -> BoardCards:
    cards = tuple(_card(game, mistake) for mistake in mistakes)
    return BoardCards("", "", is_exact=True, groups=(("", cards),) if cards else ())


def _card(game: Game, mistake: Mistake) -> Card:
    record = GameRecord(game, mistake.line.moves)
    result = "only draws" if record.result == "draw" else "loses"
    headline = f"As {mistake.seat.upper()}, {result} at move {len(record.moves)}"
    name = move_name(game, mistake.action)
    words = move_sentence(GameRecord(game, (*mistake.before, mistake.action)), subject="it")
    after = f": {words}" if words else ""
    marked = (mistake.ply,) if mistake.is_known else ()
    move = f"ove {mistake.ply + 1}, {name}{after}."
    sentences = [f"M{move}" if mistake.is_known else f"At the latest with m{move}"]
    if mistake.is_known:
        sentences.append(_better(game, mistake))
    if mistake.num_lines > 1:
        sentences.append(f"This decides {mistake.num_lines:,} games.")
    drawing = game_drawing(record, marked, numbered_from=mistake.ply)
    return Card(drawing, headline, " ".join(sentences), is_good=False)


def _better(game: Game, mistake: Mistake) -> str:
    if len(mistake.better) > MAX_BETTER:
        return f"{len(mistake.better)} other moves were better."
    names = [move_name(game, action) for action in mistake.better]
    verb = "was" if len(names) == 1 else "were"
    words = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{words[0].upper()}{words[1:]} {verb} better."
