"""The leaderboard as Markdown: the table of all rows, and the card of each agent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ttt_rllib.errors import InputError
from ttt_rllib.runs.leaderboard_row import LeaderboardRow
from ttt_rllib.runs.milestones import Milestone

__all__ = ["BEGIN", "CARD", "END", "card", "renewed"]

BEGIN = "<!-- ttt submit writes from here -->"
END = "<!-- to here -->"

CARD = "README.md"
"""Name of a card; hosts of repositories show it with the folder."""

NOT_RECORDED, NOT_REACHED = "not recorded", "-"

ORDER = ("perfect", "unexploitable", "exploitable", "undecided")
"""Claims, the strongest first."""

HEADINGS = (
    "agent",
    "proved",
    "moves to unexploitable",
    "seconds",
    "moves to perfect",
    "seconds",
    "seed",
    "commit",
    "machine",
)
FULL_HASH = r"[0-9a-f]{40}"
HASH_CHARACTERS = 12


def renewed(page: str, rows: Mapping[str, LeaderboardRow], place: str) -> str:
    """Return the page of the leaderboard with another table between its two markers.

    Args:
        page: The page as it is.
        rows: All rows by the names of their agents.
        place: The page's path, which errors name.

    Raises:
        InputError: If the page does not have each marker once, in their order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise InputError(
            f"{place}: has nowhere to write the table; give it one line {BEGIN} and one line {END} "
            "below it"
        )
    return "\n".join([f"{before}{BEGIN}", *_tables(rows), f"{END}{after}"])


def _tables(rows: Mapping[str, LeaderboardRow]) -> Iterator[str]:
    """Yield the lines of a table per game, as moves of different games cannot be compared."""
    for game in sorted({row.game for row in rows.values()}):
        yield f"\n**{game}**\n"
        yield f"| {' | '.join(HEADINGS)} |"
        yield "|---" * len(HEADINGS) + "|"
        names = [name for name, row in rows.items() if row.game == game]
        for name in sorted(names, key=lambda name: _rank(name, rows[name])):
            yield f"| {' | '.join(_cells(name, rows[name]))} |"
    yield ""


def _rank(name: str, row: LeaderboardRow) -> tuple[int, int, str]:
    """Return what rows are sorted by: the proof, the moves until it, the name."""
    reached = {"perfect": row.perfect, "unexploitable": row.unexploitable}.get(row.verdict)
    # Without a note of when it was proved, it was by the end.
    return ORDER.index(row.verdict), (reached or row.training).moves, name


def _cells(name: str, row: LeaderboardRow) -> tuple[str, ...]:
    is_perfect = row.verdict == "perfect"
    return (
        f"[{name}](agents/{name}/{CARD})",
        row.verdict,
        *_moment(row.unexploitable, is_reached=is_perfect or row.verdict == "unexploitable"),
        *_moment(row.perfect, is_reached=is_perfect),
        str(row.seed),
        _commit(row.git_commit),
        row.machine or NOT_RECORDED,
    )


def card(row: LeaderboardRow, question: str, settings: str, figures: str, folder: str) -> str:
    """Return the card of an agent.

    Args:
        row: Its row.
        question: What the experiment asks; "" where nobody wrote it down.
        settings: Its settings as YAML.
        figures: Verdict and figures in words, as `ttt evaluate` prints them.
        folder: The bundle's folder, as the commands on the card name it.
    """
    return "\n".join(_card(row, question, settings, figures, folder))


def _card(
    row: LeaderboardRow, question: str, settings: str, figures: str, folder: str
) -> Iterator[str]:
    yield f"# {folder.rpartition('/')[2]}\n"
    asked = f" {question}" if question else ""
    yield f"{row.game}, trained by the experiment `{row.experiment}`.{asked}\n"
    yield f"```text\n{figures}\n```\n"
    yield "| | |\n|---|---|"
    for label, value in _facts(row):
        yield f"| {label} | {value} |"
    required = "" if row.verdict not in ORDER[:2] else f" --require {row.verdict}"
    yield "\nThis measures the agent and checks its certificate, from the weights alone:\n"
    yield f"    ttt evaluate {folder}{required}\n"
    if row.command is not None:
        yield "This trains it again, to the bit on a machine like the one above:\n"
        yield f"    {row.command}\n"
        yield "The settings that differ from the defaults:\n"
    else:
        yield "These settings, saved as a file, train it again with `ttt train FILE`:\n"
    yield f"```yaml\n{settings.strip()}\n```"
    yield ""


def _facts(row: LeaderboardRow) -> Iterator[tuple[str, str]]:
    is_perfect = row.verdict == "perfect"
    is_unexploitable = is_perfect or row.verdict == "unexploitable"
    yield "until unexploitable", _span(row.unexploitable, is_reached=is_unexploitable)
    yield "until perfect", _span(row.perfect, is_reached=is_perfect)
    yield "whole training", _span(row.training, is_reached=True)
    yield "algorithm", row.algorithm
    yield "seed", str(row.seed)
    yield "agent", f"`{row.agent_sha256}`"
    yield "commit", f"`{row.git_commit}`" if row.git_commit else NOT_RECORDED
    yield "machine", row.machine or NOT_RECORDED
    versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
    yield "versions", versions or NOT_RECORDED


def _moment(moment: Milestone | None, *, is_reached: bool) -> tuple[str, str]:
    """Return moves and seconds until something was reached, if it was."""
    if not is_reached:
        return NOT_REACHED, NOT_REACHED
    if moment is None:
        return NOT_RECORDED, NOT_RECORDED
    seconds = NOT_RECORDED if moment.train_s is None else f"{moment.train_s:,.1f}"
    return f"{moment.moves:,}", seconds


def _span(moment: Milestone | None, *, is_reached: bool) -> str:
    moves, seconds = _moment(moment, is_reached=is_reached)
    if moment is None or not is_reached:
        return moves
    of_training = f"seconds {seconds}" if moment.train_s is None else f"{seconds} s of training"
    return f"{moves} moves, {of_training}"


def _commit(described: str | None) -> str:
    """Return a commit as `git describe` calls it, its hash cut to what tells commits apart."""
    if described is None:
        return NOT_RECORDED
    return f"`{re.sub(FULL_HASH, lambda found: found[0][:HASH_CHARACTERS], described)}`"
