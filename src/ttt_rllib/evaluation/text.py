"""An agent's figures in words, for people: at most 80 columns wide, or as narrow as a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from ttt_envs.game import Game
from ttt_envs.positions import too_many_positions
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.agents.lookahead import knowledge
from ttt_rllib.evaluation.evaluate_agent import Report
from ttt_rllib.evaluation.matches import Record
from ttt_rllib.evaluation.sampled import SampledReport
from ttt_rllib.exact.certificate import Certificate, SeatProof
from ttt_rllib.exact.solved_game import NOT_EXACT
from ttt_rllib.exact.walks import SEATS, Seat
from ttt_rllib.metrics import (
    OPTIMAL_RATE_DECISIVE,
    OPTIMAL_RATE_ONLY_MOVE,
    OPTIMAL_RATE_QUIET,
)

__all__ = [
    "ALL_REACHED",
    "format_figures",
    "format_report",
    "guaranteed_words",
    "seat_words",
    "verdict",
]

WIDTH = 80
LABEL = "{:<22}"
INDENT = "  "
LINES_SHOWN = 5
ALL_REACHED = "all that any opponent can reach"
STRATA = {
    OPTIMAL_RATE_DECISIVE: "decisive",
    OPTIMAL_RATE_QUIET: "quiet",
    OPTIMAL_RATE_ONLY_MOVE: "only-move",
}
GUARANTEED = {1: "wins against every opponent", 0: "never loses", -1: "can be beaten"}
"""What is proved about a seat, by the agent's result against its best response."""


def format_report(bundle: Bundle, report: Report, width: int = WIDTH) -> str:
    """Return what is known about one of our agents, as lines of text.

    Args:
        bundle: The agent.
        report: Its figures.
        width: Columns of the terminal; more than 80 are not used.
    """
    about = {"weights": f"sha256 {bundle.weights_sha256[:16]}..."}
    if words := knowledge(bundle.policy):
        about["knowledge"] = words
    return format_figures(bundle.policy.game, about, report, width)


def format_figures(game: Game, about: Mapping[str, str], report: Report, width: int = WIDTH) -> str:
    """Return what is known about an agent, as lines of text.

    Args:
        game: The rules.
        about: What else is said about it, by short labels.
        report: Its figures and their proof.
        width: Columns of the terminal; more than 80 are not used.
    """
    lines = [
        *textwrap.wrap(verdict(report), min(width, WIDTH), break_on_hyphens=False),
        "",
        f"game                  {game.size}",
    ]
    for label, words in about.items():
        lines += _wrapped(label, words)
    if report.certificate is not None:
        lines += _proof(report.certificate, _seats(report), is_solved=report.facts is not None)
    lines += _exact(report)
    if report.optimal_rates:
        lines += _optimal_rates(report.optimal_rates)
    if report.sampled is not None:
        lines += _wrapped("no exact values", too_many_positions(game) or "")
        lines += _sampled(report.sampled)
    if report.certificate is not None:
        lines += _losing_lines(report.certificate, game.move_names)
    if width < WIDTH:
        lines = [part for line in _joined(lines) for part in _narrowed(line, width)]
    return "\n".join(lines)


def _seats(report: Report) -> tuple[Seat, ...]:
    return SEATS if report.seat is None else (report.seat,)


def verdict(report: Report) -> str:
    """Return the verdict in one sentence."""
    certificate = report.certificate
    if certificate is None:
        return f"not proved: {NOT_EXACT}{_sampled_scores(report.sampled)}"
    as_seat = f" as {report.seat.upper()}" if report.seat else ""
    if certificate.perfect:
        turn = f" with {report.seat.upper()} to move" if report.seat else " of the game"
        return f"perfect{as_seat}: every move in every position{turn} keeps its value"
    if certificate.unexploitable:
        return f"unexploitable{as_seat}{_unexploitable_words(certificate.game_value)}"
    if certificate.unexploitable is None:
        return f"not decided: {seat_words(certificate, _seats(report))}"
    if certificate.losing_positions is not None:
        return (
            f"exploitable{as_seat}: opponents can bring about {certificate.losing_positions} "
            "positions below the game's value"
        )
    return f"exploitable: {seat_words(certificate, _seats(report))}"


def _sampled_scores(sampled: SampledReport | None) -> str:
    if sampled is None:
        return ""
    scores = (
        f"{result.score:.2f} against {name.replace('_', '-')}"
        for name, result in sampled.results().items()
    )
    return f"; sampled mean scores are {', '.join(scores)}"


def _unexploitable_words(game_value: int | None) -> str:
    known = {0: ": no opponent can beat it", None: ""}
    return known.get(game_value, ": no opponent can get more than perfect play gives")


def seat_words(certificate: Certificate, seats: Sequence[Seat] = SEATS) -> str:
    """Return clauses that say what is proved about each seat.

    Args:
        certificate: What is proved.
        seats: The seats that the agent plays.
    """
    return "; ".join(_seat_words(certificate, seat) for seat in seats)


def _seat_words(certificate: Certificate, seat: Seat) -> str:
    proof = certificate.of_seat(seat)
    if proof.guaranteed is not None:
        shortest = [line for line in certificate.losing_lines if line.seat == seat]
        after = f" in {len(shortest[0].moves)} plies" if shortest and proof.guaranteed < 0 else ""
        return f"as {seat.upper()} it {guaranteed_words(proof)}{after}"
    return f"as {seat.upper()} nothing is proved, {proof.positions:,} positions were not all"


def _proof(certificate: Certificate, seats: Sequence[Seat], *, is_solved: bool) -> list[str]:
    proofs = {seat.upper(): certificate.of_seat(seat) for seat in seats}
    if not any(proof.incomplete for proof in proofs.values()):
        counts = ", ".join(f"{proof.positions:,} as {seat}" for seat, proof in proofs.items())
        lines = _wrapped("positions checked", f"{counts}: {ALL_REACHED}")
    else:
        lines = []
        for seat, proof in proofs.items():
            words = f"{proof.positions:,}: {proof.incomplete or ALL_REACHED}"
            lines += _wrapped(f"positions as {seat}", words)
    if not is_solved:
        for seat, proof in proofs.items():
            lines += _wrapped(f"against all as {seat}", guaranteed_words(proof))
    if not is_solved and certificate.replies and certificate.losing_replies is not None:
        kept = 1.0 - certificate.losing_replies / certificate.replies
        lines += _wrapped(
            "replies refuted", f"{kept:.4%} of the opponents' {certificate.replies:,} moves"
        )
    return lines


def guaranteed_words(proof: SeatProof) -> str:
    """Return what an agent is proved to get in a seat, such as "never loses"."""
    return "not known" if proof.guaranteed is None else GUARANTEED[proof.guaranteed]


def _exact(report: Report) -> list[str]:
    lines = []
    if report.facts is not None:
        of_seat = f" of {report.seat.upper()}" if report.seat else ""
        lines.append(
            f"optimal moves         {report.optimal_move_rate:.2%}, {report.facts.mistakes} "
            f"mistakes in {report.facts.decision_positions} decision positions{of_seat}"
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


def _losing_lines(certificate: Certificate, names: Sequence[str]) -> list[str]:
    if not certificate.losing_lines:
        return []
    count = certificate.losing_line_count
    which = f"shortest of {count} losing games" if count is not None else "losing games found"
    if count == 1:
        which = "the losing game"
    words, between = ("action numbers", " ") if "".join(names).isdigit() else ("moves", ", ")
    return ["", f"{which} ({words}):"] + [
        f"  as {line.seat.upper()}: {between.join(names[move] for move in line.moves)}"
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
    """Return a line without the column of labels, in several lines if it does not fit."""
    if not line.strip():
        return [line]
    indent = INDENT if line.startswith(" ") else ""
    words = " ".join(line.split())
    return textwrap.wrap(
        words, width, initial_indent=indent, subsequent_indent=INDENT, break_on_hyphens=False
    )
