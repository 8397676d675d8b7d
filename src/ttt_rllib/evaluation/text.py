"""An agent's figures in words, for people: at most 80 columns wide, or as narrow as a terminal."""

from __future__ import annotations

import textwrap

from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.agents.lookahead import knowledge
from ttt_rllib.evaluation.evaluate_agent import Report
from ttt_rllib.evaluation.matches import Record
from ttt_rllib.evaluation.sampled import SampledReport
from ttt_rllib.exact.certificate import Certificate
from ttt_rllib.exact.evaluation import NOT_PROVABLE, unsolved_reason
from ttt_rllib.metrics import (
    OPTIMAL_RATE_DECISIVE,
    OPTIMAL_RATE_ONLY_MOVE,
    OPTIMAL_RATE_QUIET,
)

__all__ = ["GUARANTEED", "format_report", "seat_words", "verdict"]

WIDTH = 80
LABEL = "{:<22}"
INDENT = "  "
LINES_SHOWN = 5
STRATA = {
    OPTIMAL_RATE_DECISIVE: "decisive",
    OPTIMAL_RATE_QUIET: "quiet",
    OPTIMAL_RATE_ONLY_MOVE: "only-move",
}
GUARANTEED = {1: "wins against every opponent", 0: "never loses", -1: "can be beaten"}
"""What is proved about a seat, by the agent's result against its best response."""


def format_report(bundle: Bundle, report: Report, width: int = WIDTH) -> str:
    """Return what is known about an agent, as lines of text.

    Args:
        bundle: The agent.
        report: Its figures.
        width: Columns of the terminal; more than 80 are not used.
    """
    game = bundle.policy.game
    lines = [
        *textwrap.wrap(verdict(report), min(width, WIDTH), break_on_hyphens=False),
        "",
        f"game                  {game.rows} x {game.cols}, connect {game.connect}"
        + ", gravity" * game.gravity,
        f"weights               sha256 {bundle.weights_sha256[:16]}...",
    ]
    if words := knowledge(bundle.policy):
        lines.append(LABEL.format("knowledge") + words)
    if report.certificate is not None:
        lines += _proof(report.certificate, is_solved=report.facts is not None)
    lines += _exact(report)
    if report.optimal_rates:
        lines += _optimal_rates(report.optimal_rates)
    if report.sampled is not None:
        lines += _wrapped("no exact values", unsolved_reason(game) or "")
        lines += _sampled(report.sampled)
    if report.certificate is not None:
        lines += _losing_lines(report.certificate)
    if width < WIDTH:
        lines = [part for line in _joined(lines) for part in _narrowed(line, width)]
    return "\n".join(lines)


def verdict(report: Report) -> str:
    """Return the verdict in one sentence."""
    certificate = report.certificate
    if certificate is None:
        assert report.sampled is not None  # noqa: S101 - for the type checker
        scores = (
            f"{result.score:.2f} against {name.replace('_', '-')}"
            for name, result in report.sampled.results().items()
        )
        return f"not proved: {NOT_PROVABLE}; sampled mean scores are {', '.join(scores)}"
    if certificate.perfect:
        return "perfect: every move in every position of the game keeps its value"
    if certificate.unexploitable:
        return {
            0: "unexploitable: no opponent can beat it",
            None: "unexploitable",
        }.get(
            certificate.game_value,
            "unexploitable: no opponent can get more than perfect play gives",
        )
    if certificate.unexploitable is None:
        return f"not decided: {seat_words(certificate)}"
    if certificate.losing_positions is not None:
        return (
            f"exploitable: opponents can bring about {certificate.losing_positions} positions "
            f"that give the game away"
        )
    return f"exploitable: {seat_words(certificate)}"


def seat_words(certificate: Certificate) -> str:
    """Return clauses that say what is proved about each seat."""
    as_x = _seat_words(certificate, "X", certificate.guaranteed_as_x)
    as_o = _seat_words(certificate, "O", certificate.guaranteed_as_o)
    return f"{as_x}; {as_o}"


def _seat_words(certificate: Certificate, seat: str, guaranteed: int | None) -> str:
    if guaranteed is not None:
        shortest = [line for line in certificate.losing_lines if line.seat == seat.lower()]
        after = f" in {len(shortest[0].moves)} plies" if shortest and guaranteed < 0 else ""
        return f"as {seat} it {GUARANTEED[guaranteed]}{after}"
    positions = certificate.positions_as_x if seat == "X" else certificate.positions_as_o
    return f"as {seat} nothing is proved, {positions:,} positions were not all"


def _proof(certificate: Certificate, *, is_solved: bool) -> list[str]:
    as_x, as_o = certificate.positions_as_x, certificate.positions_as_o
    if not certificate.incomplete_as_x and not certificate.incomplete_as_o:
        lines = _wrapped(
            "positions checked", f"{as_x:,} as X, {as_o:,} as O: all that any opponent can reach"
        )
    else:
        lines = []
        for seat, positions, reason in (
            ("X", as_x, certificate.incomplete_as_x),
            ("O", as_o, certificate.incomplete_as_o),
        ):
            words = reason or "all that any opponent can reach"
            lines += _wrapped(f"positions as {seat}", f"{positions:,}: {words}")
    if not is_solved:
        for seat, guaranteed in (
            ("X", certificate.guaranteed_as_x),
            ("O", certificate.guaranteed_as_o),
        ):
            lines += _wrapped(f"against all as {seat}", _guaranteed_words(guaranteed))
    if not is_solved and certificate.replies and certificate.losing_replies is not None:
        kept = 1.0 - certificate.losing_replies / certificate.replies
        lines += _wrapped(
            "replies refuted", f"{kept:.4%} of the opponents' {certificate.replies:,} moves"
        )
    return lines


def _guaranteed_words(guaranteed: int | None) -> str:
    return "not known" if guaranteed is None else GUARANTEED[guaranteed]


def _exact(report: Report) -> list[str]:
    lines = []
    if report.facts is not None:
        lines.append(
            f"optimal moves         {report.optimal_move_rate:.2%}, {report.facts.mistakes} "
            f"mistakes in {report.facts.decision_positions} decision positions"
        )
    if report.nash_conv_greedy is not None:
        stochastic = "" if report.nash_conv is None else f", {report.nash_conv:.4f} stochastic"
        lines.append(f"NashConv              {report.nash_conv_greedy:.4f} greedy{stochastic}")
    best = (None, None) if report.ceilings is None else report.ceilings
    scores = (report.score_vs_random_x, report.score_vs_random_o)
    for seat, score, ceiling in zip("XO", scores, best, strict=True):
        if score is not None:
            of_best = "" if ceiling is None else f" of at best {ceiling:.4f}"
            lines.append(f"against random as {seat}   {score:.4f}{of_best}")
    return lines


def _losing_lines(certificate: Certificate) -> list[str]:
    if not certificate.losing_lines:
        return []
    count = certificate.losing_line_count
    which = f"shortest of {count} losing games" if count is not None else "losing games found"
    return ["", f"{which} (action numbers):"] + [
        f"  as {line.seat.upper()}: {' '.join(map(str, line.moves))}"
        for line in certificate.losing_lines[:LINES_SHOWN]
    ]


def _optimal_rates(rates: dict[str, float]) -> list[str]:
    words = (f"{rates[name]:.1%} {label}" for name, label in STRATA.items() if name in rates)
    return _wrapped("right moves", f"{', '.join(words)} (labelled positions)")


def _sampled(report: SampledReport) -> list[str]:
    lines = _wrapped(
        "sampled instead",
        f"{report.num_games} games against each player, half in each seat, seed {report.seed}; "
        f"the alpha-beta player searches {report.alpha_beta_depth} plies",
    )
    for name, result in report.results().items():
        low, high = result.interval
        seats = (("X", result.as_x), ("O", result.as_o))
        games = ", ".join(f"as {seat} {_won_drawn_lost(record)}" for seat, record in seats)
        lines += [
            LABEL.format(f"against {name.replace('_', '-')}")
            + f"{result.score:.4f}, 95 % interval {low:.4f} to {high:.4f}",
            LABEL.format("  won-drawn-lost") + games,
        ]
    return lines


def _won_drawn_lost(record: Record) -> str:
    return f"{record.wins}-{record.draws}-{record.losses}"


def _wrapped(label: str, text: str) -> list[str]:
    first, rest = LABEL.format(label), LABEL.format("")
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest)


def _joined(lines: list[str]) -> list[str]:
    """Return the lines with those that go on below a label put behind the ones they belong to."""
    joined: list[str] = []
    for line in lines:
        if line.startswith(LABEL.format("")) and joined:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
    return joined


def _narrowed(line: str, width: int) -> list[str]:
    """Return a line as it is where it fits, else in several lines without the column of labels."""
    if len(line) <= width:
        return [line]
    indent = INDENT if line.startswith(" ") else ""
    words = " ".join(line.split())
    return textwrap.wrap(
        words, width, initial_indent=indent, subsequent_indent=INDENT, break_on_hyphens=False
    )
