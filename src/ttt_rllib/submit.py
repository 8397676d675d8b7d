"""`python -m ttt_rllib.submit RUN`: a run's agent onto the leaderboard; no ray, no torch."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ttt_envs.positions import too_many_positions
from ttt_rllib.agents.bundle import (
    AGENT_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
    Bundle,
    BundleError,
    load_bundle,
)
from ttt_rllib.commands import run_command
from ttt_rllib.config.completion import complete_run
from ttt_rllib.config.experiment_files import shipped_experiments
from ttt_rllib.config.section import NAME
from ttt_rllib.errors import InputError, file_error
from ttt_rllib.evaluation.evaluate_agent import Report, evaluate_agent
from ttt_rllib.evaluation.text import format_report
from ttt_rllib.metrics import NASH_CONV_GREEDY, OPTIMAL_MOVE_RATE
from ttt_rllib.report.changed_settings import settings_yaml
from ttt_rllib.report.leaderboard import CARD, card, renewed
from ttt_rllib.report.repetition import shipped_command
from ttt_rllib.runs.certificate_json import (
    CERTIFICATE_FILE,
    AgentCertificate,
    certificate_of,
    read_certificate,
    same_certificate,
)
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.files import file_in_the_making, folder_in_the_making, write_atomic
from ttt_rllib.runs.leaderboard_row import LeaderboardRow, read_rows, write_row
from ttt_rllib.runs.lock import is_locked
from ttt_rllib.runs.milestones import Milestone, first_evaluation
from ttt_rllib.runs.record import RunRecord, read_run
from ttt_rllib.runs.summary import Machine, Summary
from ttt_rllib.text_files import read_text_file

__all__ = ["submit"]

PAGE, AGENTS_FOLDER = "leaderboard.md", "agents"
"""What a folder of documents has: the page, and a folder for each agent on it."""

BUNDLE_FILES = (AGENT_FILE, WEIGHTS_FILE, ONNX_FILE)

Submitted = tuple[RunRecord, Summary, Bundle]


@dataclass(frozen=True)
class Entry:
    """What is written about an agent.

    Attributes:
        run: Where its bundle and its certificate are.
        row: Its row.
        card: Its card.
        page: The page of the leaderboard, with the row.
    """

    run: RunDir
    row: LeaderboardRow
    card: str
    page: str


def submit(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run that is done.", autocompletion=complete_run),
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name on the leaderboard; by default the experiment's."),
    ] = None,
    to: Annotated[
        Path, typer.Option(metavar="DIR", help=f"Folder of {PAGE} and {AGENTS_FOLDER}/.")
    ] = Path("docs"),
) -> None:
    """Put the agent of a run on the leaderboard: its bundle, a card and a row, all verified.

    The agent is measured and its certificate checked from the weights alone, before anything is
    written. The row's moves and seconds are those of the first evaluations that had the proof.

    Exit codes: 0 done, 2 the run cannot be submitted, and one line says why.
    """
    record, summary, bundle = _submitted(run)
    folder = to / AGENTS_FOLDER / _checked_name(name or record.experiment.name)
    rows, page = _leaderboard(to)
    _check_is_free(folder, bundle, rows)
    was_there = folder.name in rows
    report = _verified(record, bundle)
    row = _row(record, summary, bundle, report)
    # A path of this machine means nothing to those who read the card.
    place = "/".join((Path(os.path.realpath(to)).name, AGENTS_FOLDER, folder.name))
    experiment = record.experiment
    settings = settings_yaml(experiment)
    words = card(row, _question(experiment.name), settings, format_report(bundle, report), place)
    table = renewed(page, {**rows, folder.name: row}, str(to / PAGE))
    try:
        _write(folder, Entry(record.run, row, words, table))
    except OSError as error:
        raise file_error(to, "cannot be written", error) from None
    how = "; it was there, and is renewed" if was_there else ""
    print(f"{row.verdict}: {folder.name} is on {to / PAGE}{how}")
    print(f"card: {folder / CARD}")


def _submitted(path: Path) -> Submitted:
    """Read a run that may be submitted.

    Raises:
        InputError: If it may not.
    """
    record = read_run(RunDir(path))
    summary, bundle = record.summary, record.bundle
    if is_locked(path):
        raise InputError(f"{path}: a process is at work on it; submit it when it is done")
    if summary is None or summary.status != "done":
        raise InputError(
            f"{path}: is {record.status}, not done; finish it with ttt train --resume {path}"
        )
    if summary.search is not None:
        raise InputError(
            f"{path}: is a search, whose moves are those of all its trials; train the settings in "
            f"{record.run.best} and submit that run"
        )
    if record.experiment.initialize_from is not None:
        raise InputError(
            f"{path}: initialize_from is {record.experiment.initialize_from}, so its moves are not "
            "all that it learnt from; submit a run that began with random weights"
        )
    if bundle is None:
        raise InputError(f"{path}: has no agent; submit a run that left one in {record.run.agent}")
    if bundle.agent_sha256 != summary.agent_sha256:
        raise InputError(
            f"{record.run.agent}: is not the agent that the run trained; put that one back, or "
            "train again"
        )
    reason = too_many_positions(bundle.policy.game)
    if reason is not None:
        raise InputError(
            f"{path}: its game has no exact values: {reason}; submit an agent of a smaller game"
        )
    return record, summary, bundle


def _verified(record: RunRecord, bundle: Bundle) -> Report:
    """Measure the agent again.

    Raises:
        InputError: If its certificate is not what is proved about it.
    """
    report = evaluate_agent(bundle.policy)
    path = record.run.certificate
    stored = read_certificate(path)
    if stored is None:
        raise InputError(f"{path}: is not there; put it back, or train again")
    if not same_certificate(_certificate(bundle, report), stored):
        raise InputError(f"{path}: does not hold for the agent in {record.run.agent}; train again")
    return report


def _certificate(bundle: Bundle, report: Report) -> AgentCertificate:
    assert report.certificate is not None  # noqa: S101 - every solved game has one
    return certificate_of(bundle, report.certificate)


def _checked_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise InputError(f"--name {name}: a name has up to 128 letters, digits, '.', '_' and '-'")
    return name


def _leaderboard(to: Path) -> tuple[dict[str, LeaderboardRow], str]:
    """Return all rows, and the page.

    Raises:
        InputError: If there is no page, or a row is damaged.
    """
    page = to / PAGE
    if not page.is_file():
        raise InputError(
            f"--to {to}: has no {PAGE}; give the docs/ of a clone of the repository, or run this "
            "in the clone"
        )
    try:
        text = read_text_file(page)
    except ValueError as error:
        raise InputError(f"{page}: not readable as text: {error}; restore it") from None
    return read_rows(to / AGENTS_FOLDER), text


def _check_is_free(folder: Path, bundle: Bundle, rows: dict[str, LeaderboardRow]) -> None:
    """Refuse a name that another agent has, and an agent that has another name.

    Raises:
        InputError: If it is so.
    """
    for name, row in rows.items():
        if row.agent_sha256 == bundle.agent_sha256 and name != folder.name:
            raise InputError(
                f"{folder.parent / name}: is the same agent; renew it with --name {name}"
            )
    if folder.exists() or folder.is_symlink():
        try:
            is_same = load_bundle(folder).agent_sha256 == bundle.agent_sha256
        except BundleError:
            is_same = False
        if not is_same:
            raise InputError(f"{folder}: is taken by another agent; give another --name")


def _row(record: RunRecord, summary: Summary, bundle: Bundle, report: Report) -> LeaderboardRow:
    """Return the row: what is proved from the report, what it took from the run."""
    experiment, certificate = record.experiment, _certificate(bundle, report)
    unexploitable = perfect = None
    if certificate.unexploitable:
        unexploitable = first_evaluation(record, NASH_CONV_GREEDY, 0.0)
    if certificate.perfect:
        perfect = first_evaluation(record, OPTIMAL_MOVE_RATE, 1.0)
    return LeaderboardRow(
        game=bundle.policy.game.title,
        experiment=experiment.name,
        algorithm=experiment.algorithm,
        verdict=certificate.claim,
        agent_sha256=bundle.agent_sha256,
        metrics=report.metrics(),
        seed=experiment.seed,
        command=shipped_command(record),
        training=Milestone(summary.moves, summary.wall_s.train_s),
        unexploitable=unexploitable,
        perfect=perfect,
        git_commit=summary.git_commit,
        versions=summary.versions,
        machine=_machine(summary.machine),
    )


def _machine(machine: Machine | None) -> str | None:
    """Return what tells machines apart, without the release of the kernel."""
    if machine is None:
        return None
    count = machine.cpus
    cpus = "" if count is None else f", {count} CPU{'s' * (count != 1)}"
    return f"{machine.system} {machine.architecture}{cpus}"


def _question(name: str) -> str:
    """Return the question in the first line of the package's experiment of this name, or ""."""
    file = shipped_experiments().get(name)
    first = read_text_file(file).partition("\n")[0] if file else ""
    return first.removeprefix("# ") if first.startswith("# ") else ""


def _write(folder: Path, entry: Entry) -> None:
    """Write everything or nothing.

    Both the folder and the page are complete beside their places before either is moved there.
    """
    page = folder.parents[1] / PAGE
    with file_in_the_making(page, entry.page), folder_in_the_making(folder) as part:
        for name in BUNDLE_FILES:
            if (entry.run.agent / name).is_file():
                shutil.copyfile(entry.run.agent / name, part / name)
        shutil.copyfile(entry.run.certificate, part / CERTIFICATE_FILE)
        write_row(part, entry.row)
        write_atomic(part / CARD, entry.card)


if __name__ == "__main__":
    run_command(submit)
