"""An agent without a run as one self-contained HTML page: no network, no script."""

from __future__ import annotations

from collections.abc import Iterator

import ttt_rllib
from ttt_rllib.agents.policies import Policy
from ttt_rllib.evaluation.evaluate_agent import Report
from ttt_rllib.evaluation.text import verdict
from ttt_rllib.exact.certificate import Certificate
from ttt_rllib.exact.walks import SEATS
from ttt_rllib.metrics import METRICS
from ttt_rllib.report import losing_games, opening_cards
from ttt_rllib.report.charts.axes import in_percent
from ttt_rllib.report.charts.figure import stylesheet
from ttt_rllib.report.headline import Tile, seat_tile
from ttt_rllib.report.template import render

__all__ = ["proof_page"]

TEMPLATE = "proof.html.j2"
LOSING_GAMES_SHOWN = 10
TONES = {True: "win", False: "loss", None: "draw"}


def proof_page(name: str, kind: str, policy: Policy, report: Report) -> str:
    """Return the page.

    Args:
        name: What people call the agent.
        kind: What it is, for people.
        policy: The agent. The openings are left out if it plays one seat only, as they take both.
        report: Its figures and their proof.
    """
    certificate, words = report.certificate, verdict(report)
    lines = certificate.losing_lines[:LOSING_GAMES_SHOWN] if certificate else ()
    return render(
        TEMPLATE,
        stylesheet=stylesheet(),
        name=name,
        subject=", ".join([kind[0].upper() + kind[1:], policy.game.title]),
        sentence=f"{words[0].upper()}{words[1:]}.",
        tone=TONES[certificate.unexploitable if certificate else None],
        tiles=[*_tiles(report), *_seat_tiles(report)],
        losing=losing_games(policy.game, lines) if lines else None,
        losing_words=_losing_words(certificate),
        openings=opening_cards(policy) if report.seat is None else None,
        facts=tuple(_facts(name, certificate)),
        metrics=[
            (metric.name, f"{report.metrics()[metric.name]:.12g}", metric.meaning)
            for metric in METRICS
            if metric.name in report.metrics()
        ],
    )


def _tiles(report: Report) -> Iterator[Tile]:
    """Yield the figures of both seats together."""
    if report.nash_conv_greedy is not None:
        stochastic = report.nash_conv
        also = "" if stochastic is None else f"; {stochastic:.3f} of its probabilities"
        yield Tile("NashConv", f"{report.nash_conv_greedy:.3f}", f"of its best moves{also}")
    if report.facts is not None and report.optimal_move_rate is not None:
        detail = f"{report.facts.mistakes:,} mistakes in {report.facts.decision_positions:,}"
        rate = in_percent(report.optimal_move_rate, 2)
        yield Tile("Optimal moves", rate, f"{detail} positions")


def _seat_tiles(report: Report) -> Iterator[Tile]:
    """Yield what is proved about each seat that the agent plays."""
    certificate = report.certificate
    for seat in SEATS if report.seat is None else (report.seat,):
        if certificate is not None:
            yield seat_tile(certificate, seat)
        score = getattr(report, f"score_vs_random_{seat}")
        if score is not None:
            best = getattr(report.ceilings, f"as_{seat}", None)
            of_best = "" if best is None else f"of at best {best:.3f}"
            shown = f"{score:.3f}".replace("-", "\N{MINUS SIGN}")
            yield Tile(f"Against random as {seat.upper()}", shown, of_best)


def _losing_words(certificate: Certificate | None) -> str:
    count = certificate.losing_line_count if certificate else None
    which = "Games" if count is None else "One game" if count == 1 else f"{count:,} games"
    found = " found" if count is None else ""
    return f"{which} in which it gets less than its seat could have; the shortest{found}:"


def _facts(name: str, certificate: Certificate | None) -> Iterator[tuple[str, str]]:
    yield "agent", name
    yield "ttt_rllib", ttt_rllib.__version__
    if certificate is None:
        return
    for seat in SEATS:
        digest = certificate.of_seat(seat).moves_sha256
        if digest:
            yield f"moves as {seat.upper()}", f"sha256 {digest}"
