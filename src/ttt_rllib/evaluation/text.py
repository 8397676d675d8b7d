"""An agent's figures in words, for people: at most 80 columns wide."""

from __future__ import annotations

import textwrap

from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.evaluation.evaluate_agent import Report
from ttt_rllib.evaluation.matches import Record
from ttt_rllib.evaluation.sampled import SampledReport
from ttt_rllib.exact.evaluation import NOT_PROVABLE, ExactReport, unsolved_reason

__all__ = ["format_report", "verdict"]

WIDTH = 80
LABEL = "{:<22}"
LINES_SHOWN = 5


def format_report(bundle: Bundle, report: Report) -> str:
    """Return what is known about an agent, as lines of text."""
    game = bundle.policy.game
    lines = [
        *textwrap.wrap(verdict(report), WIDTH),
        "",
        f"game                  {game.rows} x {game.cols}, connect {game.connect}"
        + ", gravity" * game.gravity,
        f"weights               sha256 {bundle.weights_sha256[:16]}...",
    ]
    if knowledge := bundle.policy.inputs.described:
        lines.append(LABEL.format("knowledge") + knowledge)
    if isinstance(report, SampledReport):
        reason = unsolved_reason(game) or ""
        return "\n".join([*lines, *_wrapped("not exact, because", reason), *_sampled(report)])
    return "\n".join([*lines, *_exact(report)])


def verdict(report: Report) -> str:
    """Return the verdict in one sentence."""
    if isinstance(report, SampledReport):
        scores = (
            f"{result.score:.2f} against {name.replace('_', '-')}"
            for name, result in report.results().items()
        )
        return f"not proved: {NOT_PROVABLE}; sampled mean scores are {', '.join(scores)}"
    certificate = report.certificate
    if certificate.perfect:
        return "perfect: every move in every position of the game keeps its value"
    if certificate.unexploitable:
        return (
            "unexploitable: no opponent can beat it"
            if certificate.game_value == 0
            else "unexploitable: no opponent can get more than perfect play gives"
        )
    return (
        f"exploitable: opponents can bring about {certificate.losing_positions} positions "
        f"that give the game away"
    )


def _exact(report: ExactReport) -> list[str]:
    certificate = report.certificate
    ceilings = report.ceilings
    lines = [
        f"positions checked     {certificate.positions_as_x} as X, {certificate.positions_as_o} "
        "as O: all that any opponent can reach",
        f"optimal moves         {report.optimal_move_rate:.2%}, {certificate.mistakes} mistakes "
        f"in {certificate.decision_positions} decision positions",
        f"NashConv              {report.nash_conv_greedy:.4f} greedy, "
        f"{report.nash_conv:.4f} stochastic",
        f"against random as X   {report.score_vs_random_x:.4f} of at best {ceilings.as_x:.4f}",
        f"against random as O   {report.score_vs_random_o:.4f} of at best {ceilings.as_o:.4f}",
    ]
    if certificate.losing_lines:
        lines += ["", f"shortest of {certificate.losing_line_count} losing games (action numbers):"]
        lines += [
            f"  as {line.seat.upper()}: {' '.join(map(str, line.moves))}"
            for line in certificate.losing_lines[:LINES_SHOWN]
        ]
    return lines


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
