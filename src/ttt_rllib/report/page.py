"""The report of a run as one self-contained HTML page: no network, no script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ttt_rllib.agents.lookahead import knowledge
from ttt_rllib.exact.solved_game import solved_game
from ttt_rllib.metrics import (
    CUSTOM_MEANING,
    METRICS,
    RETURN_MEAN,
    RETURN_MEANING,
    agents_paid,
    custom_metrics,
)
from ttt_rllib.report.changed_settings import changed_settings, settings_yaml
from ttt_rllib.report.charts.figure import Gallery, stylesheet
from ttt_rllib.report.headline import next_steps, sentence, status_note, tiles, tone
from ttt_rllib.report.league_section import league_section
from ttt_rllib.report.learning_curves import learning_figures, other_figures, throughput_figures
from ttt_rllib.report.losing_section import losing_section
from ttt_rllib.report.openings import opening_cards
from ttt_rllib.report.repetition import repeat_command
from ttt_rllib.report.search_section import search_section
from ttt_rllib.report.template import render
from ttt_rllib.runs.extensions_json import read_extensions
from ttt_rllib.runs.record import RunRecord
from ttt_rllib.runs.search_record import read_search

__all__ = ["page"]

TEMPLATE = "page.html.j2"
ALGORITHMS = {"ppo": "PPO", "dqn": "double DQN", "td": "TD(lambda) on afterstates"}


def page(record: RunRecord) -> str:
    """Return the page.

    Args:
        record: The run; missing parts are left out, and mentioned where that matters.

    Raises:
        InputError: If a file of the run is damaged.
    """
    return render(TEMPLATE, **_content(record))


def _content(record: RunRecord) -> dict[str, Any]:
    policy = record.bundle.policy if record.bundle else None
    truth = solved_game(policy.game) if policy else None
    search = read_search(record)
    wall_s = record.summary.wall_s if record.summary else None
    return {
        "stylesheet": stylesheet(),
        "experiment": record.experiment.name,
        "run": record.run.path.name,
        "subject": ", ".join(_subject(record)),
        "sentence": sentence(record),
        "tone": tone(record),
        "status_note": status_note(record),
        "tiles": tiles(record),
        "settings": changed_settings(record.experiment),
        "settings_yaml": settings_yaml(record.experiment),
        "repeat": repeat_command(record),
        "learning": Gallery(
            learning_figures(
                record.curves, truth.ceilings if truth else None, is_ours=record.is_ours
            )
        ),
        "throughput": Gallery(throughput_figures(record.curves, wall_s)),
        "others": Gallery(other_figures(record.curves, is_ours=record.is_ours)),
        "search": search_section(search) if search else None,
        "league": league_section(record),
        "openings": opening_cards(policy) if policy else None,
        "losing": losing_section(record),
        "metrics": _metrics(record),
        "facts": tuple(_facts(record)),
        "steps": next_steps(record),
    }


def _subject(record: RunRecord) -> Iterator[str]:
    """Say in a few words what ran."""
    experiment = record.experiment
    yield ALGORITHMS.get(experiment.algorithm, experiment.algorithm)
    if record.bundle:
        yield record.bundle.policy.game.title
        yield from filter(None, [knowledge(record.bundle.policy)])
    elif not experiment.on_pettingzoo:
        game = experiment.env.game
        yield game.title if game else ""
    if experiment.on_pettingzoo:
        name = getattr(experiment.env, "pettingzoo", "")
        # A name with dots is a module of anybody's.
        yield f"the PettingZoo environment {name}" if "." in name else f"PettingZoo's {name}"


def _metrics(record: RunRecord) -> list[tuple[str, str, str]]:
    """Return name, figure and meaning of every final metric."""
    meanings = {metric.name: metric.meaning for metric in METRICS}
    meanings |= {f"{RETURN_MEAN}{one}": RETURN_MEANING for one in agents_paid(record.metrics)}
    meanings |= dict.fromkeys(custom_metrics(record.metrics), CUSTOM_MEANING)
    return [
        (name, f"{record.metrics[name]:.12g}", meaning)
        for name, meaning in meanings.items()
        if name in record.metrics
    ]


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Return what one needs to repeat the run: seeds, hashes, versions, machine."""
    summary = record.summary
    seeds = summary.seeds if summary else (record.experiment.seed,)
    yield "seed" + "s" * (len(seeds) != 1), ", ".join(map(str, seeds))
    yield "iterations", f"{len(record.curves.rows):,}"
    if summary and len(summary.sessions) > 1:
        yield "sessions", f"{len(summary.sessions)}: it was resumed"
    extensions = read_extensions(record.run.path)
    if extensions:
        yield "limits raised", ", then ".join(map(str, extensions))
    if record.bundle:
        yield "weights", f"sha256 {record.bundle.weights_sha256}"
    if summary is None:
        return
    if summary.git_commit:
        yield "commit", summary.git_commit
    yield "versions", ", ".join(f"{name} {number}" for name, number in summary.versions.items())
    machine = summary.machine
    if machine:
        yield (
            "machine",
            f"{machine.system} {machine.release}, {machine.architecture}, {machine.cpus} CPUs",
        )
