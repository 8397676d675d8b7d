"""The first screen of the report: the verdict, how the run ended, the key figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ttt_rllib.evaluation.text import ALL_REACHED, guaranteed_words
from ttt_rllib.exact.certificate import Certificate
from ttt_rllib.exact.solved_game import solved_game
from ttt_rllib.exact.walks import SEATS, Seat
from ttt_rllib.metrics import (
    MOVES,
    NASH_CONV,
    NASH_CONV_GREEDY,
    OPTIMAL_MOVE_RATE,
    OPTIMAL_RATE_DECISIVE,
    RETURN_MEAN,
    SCORE_VS_ALPHA_BETA,
    SCORE_VS_ONE_PLY,
    SCORE_VS_RANDOM,
    SCORE_VS_RANDOM_O,
    SCORE_VS_RANDOM_X,
    TRAIN_S,
    agents_paid,
)
from ttt_rllib.report.charts.axes import in_percent
from ttt_rllib.report.repetition import quoted_folder
from ttt_rllib.runs.record import RunRecord

__all__ = ["Tile", "next_steps", "seat_tile", "sentence", "status_note", "tiles", "tone"]

UNMEASURED = "Unmeasured: the rules of this environment are not known here, so nothing is proved."
ANOTHER_AGENT = "No verdict: agent/ is not the agent that this run trained."
MAX_AGENTS = 4
"""Agents whose returns are key figures."""
EARLIER_VERSION = (
    "No verdict: the version that wrote this run did not say which agent it is about; check it "
    "again."
)
NO_AGENT = "There is no agent: the run ended before its first checkpoint."


@dataclass(frozen=True)
class Tile:
    """A key figure.

    Attributes:
        label: What it is.
        value: The figure.
        detail: What it is measured against.
    """

    label: str
    value: str
    detail: str


def sentence(record: RunRecord) -> str:
    """Return the verdict as a sentence."""
    summary = record.summary
    if summary is None:
        return "No verdict yet: this run has not finished."
    if record.verdict:
        return f"{record.verdict[0].upper()}{record.verdict[1:]}."
    if summary.verdict and record.bundle:
        return ANOTHER_AGENT if summary.agent_sha256 else EARLIER_VERSION
    if summary.checkpoint and record.bundle is None:
        return UNMEASURED
    return NO_AGENT


def tone(record: RunRecord) -> str:
    """Return the colour of the verdict: win if it is proved, loss if it is refuted, else draw."""
    # Only what is proved gets a colour; figures alone do not.
    if record.certificate is None:
        return "draw"
    return {True: "win", False: "loss", None: "draw"}[record.certificate.unexploitable]


def status_note(record: RunRecord) -> str:
    """Return what the reader must know about a run that is not done, or ""."""
    if record.status == "done":
        return ""
    told = {
        "interrupted": "The run was interrupted: figures are of its last checkpoint.",
        "failed": "The run failed: figures are those it had reached.",
    }
    words = told.get(
        record.status,
        "The run is still running or was killed: figures are of the trial that leads.",
    )
    error = record.summary.error if record.summary else None
    return f"{words} The error: {_first_line(error)}" if error else words


def next_steps(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """Return commands and what they do, to run beside the results folder."""
    folder = quoted_folder(record)
    steps = []
    if record.status != "done":
        steps.append(("Resume", f"ttt train --resume {folder}"))
    if record.bundle is not None:
        steps.append(("Play against it", f"ttt play --web {folder}"))
        steps.append(("Check it again", f"ttt evaluate {folder}"))
    return tuple(steps)


def tiles(record: RunRecord) -> tuple[Tile, ...]:
    """Return the key figures that the run has."""
    metrics = record.metrics
    is_large = SCORE_VS_ALPHA_BETA in metrics
    found = [*_walk_tiles(record), *_sampled_tiles(metrics)] if is_large else _exact_tiles(record)
    if not record.is_ours:
        found += _return_tiles(metrics)
    if MOVES in metrics:
        seconds = metrics.get(TRAIN_S)
        detail = f"in {seconds:,.1f} s of training" if seconds else ""
        found.append(Tile("Moves", f"{metrics[MOVES]:,.0f}", detail))
    return tuple(found)


def _exact_tiles(record: RunRecord) -> list[Tile]:
    metrics, certificate = record.metrics, record.certificate
    if NASH_CONV_GREEDY not in metrics:
        return []
    mistakes = "of all decision positions"
    if certificate and certificate.mistakes is not None:
        positions = f"{certificate.decision_positions:,} positions"
        mistakes = f"{certificate.mistakes:,} mistakes in {positions}"
    sampled = f"; {metrics[NASH_CONV]:.3f} as it explores" if NASH_CONV in metrics else ""
    found = [Tile("NashConv", f"{metrics[NASH_CONV_GREEDY]:.3f}", f"of its best moves{sampled}")]
    if OPTIMAL_MOVE_RATE in metrics:
        found.append(Tile("Optimal moves", in_percent(metrics[OPTIMAL_MOVE_RATE], 2), mistakes))
    if certificate:
        as_x, as_o = certificate.positions_as_x, certificate.positions_as_o
        detail = f"{as_x:,} as X, {as_o:,} as O: {ALL_REACHED}"
        found.append(Tile("Positions checked", f"{as_x + as_o:,}", detail))
    truth = solved_game(record.bundle.policy.game) if record.bundle else None
    ceilings = truth.ceilings if truth else (None, None)
    scores = (("X", SCORE_VS_RANDOM_X), ("O", SCORE_VS_RANDOM_O))
    for (seat, score), ceiling in zip(scores, ceilings, strict=True):
        if score not in metrics:
            continue
        detail = f"of at best {ceiling:.3f}" if ceiling is not None else ""
        found.append(Tile(f"Against random as {seat}", _signed(metrics[score], 3), detail))
    return found


def _walk_tiles(record: RunRecord) -> list[Tile]:
    """Return what is proved where the game is too large to enumerate."""
    certificate, metrics = record.certificate, record.metrics
    if certificate is None:
        return []
    tiles = []
    if NASH_CONV_GREEDY in metrics:
        tiles.append(Tile("NashConv", f"{metrics[NASH_CONV_GREEDY]:.3f}", "of its best moves"))
    tiles += [seat_tile(certificate, seat) for seat in SEATS]
    if certificate.replies and certificate.losing_replies is not None:
        kept = 1.0 - certificate.losing_replies / certificate.replies
        of_all = f"of the opponents' {certificate.replies:,} moves"
        tiles.append(Tile("Replies refuted", in_percent(kept, 2), of_all))
    if OPTIMAL_RATE_DECISIVE in record.metrics:
        rate = in_percent(record.metrics[OPTIMAL_RATE_DECISIVE], 1)
        tiles.append(Tile("Right moves", rate, "in labelled positions where they differ in value"))
    return tiles


def seat_tile(certificate: Certificate, seat: Seat) -> Tile:
    """Return the tile that says what is proved about a seat."""
    proof = certificate.of_seat(seat)
    claim = guaranteed_words(proof)
    detail = f"{proof.positions:,} positions: {proof.incomplete or ALL_REACHED}"
    return Tile(f"As {seat.upper()}", claim[0].upper() + claim[1:], detail)


def _sampled_tiles(metrics: dict[str, float]) -> list[Tile]:
    scores = (
        (SCORE_VS_RANDOM, "Against random"),
        (SCORE_VS_ONE_PLY, "Against one-ply"),
        (SCORE_VS_ALPHA_BETA, "Against alpha-beta"),
    )
    return [
        Tile(label, _signed(metrics[score], 2), "sampled mean score, -1 to 1")
        for score, label in scores
        if score in metrics
    ]


def _return_tiles(metrics: Mapping[str, float]) -> list[Tile]:
    """Return what the agents of an environment get whose rules are not known here."""
    agents = agents_paid(metrics)
    found = [
        Tile(agent, _signed(metrics[f"{RETURN_MEAN}{agent}"], 3), "mean return of its last games")
        for agent in agents[:MAX_AGENTS]
    ]
    if len(agents) > MAX_AGENTS:
        found.append(Tile("Agents", str(len(agents)), f"of which {MAX_AGENTS} are shown here"))
    return found


def _first_line(error: str) -> str:
    return error.strip().splitlines()[0] if error.strip() else "none was given"


def _signed(figure: float, digits: int) -> str:
    return f"{figure:.{digits}f}".replace("-", "\N{MINUS SIGN}")
