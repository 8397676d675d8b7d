"""Reads back everything that the files of a run directory say; a missing file is None.

A run may have failed, or been interrupted or killed; all files that exist are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ttt_rllib.agents.bundle import Bundle, BundleError
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import load_saved_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.certificate_json import AgentCertificate, read_certificate
from ttt_rllib.runs.directory import RunDir, not_a_run
from ttt_rllib.runs.leading_trial import leading_trial
from ttt_rllib.runs.metrics_csv import METRICS_FILE, Curves, read_curves
from ttt_rllib.runs.outcome import RunStatus
from ttt_rllib.runs.summary import Summary, read_summary

__all__ = ["RunRecord", "read_run"]


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Attributes:
        run: Its directory.
        experiment: What was asked.
        summary: `summary.json`; None if the run never wrote it.
        curves: The best trial's metrics; without a summary, those of the trial that leads.
        certificate: `certificate.json`; None where nothing could be proved, or if it is about
            another agent.
        bundle: The agent; without a summary, that of the newest checkpoint of the trial that
            leads; None if there is none.
    """

    run: RunDir
    experiment: Experiment
    summary: Summary | None
    curves: Curves
    certificate: AgentCertificate | None
    bundle: Bundle | None

    @property
    def checkpoint(self) -> Path | None:
        """The agent's checkpoint; without a summary, that of the trial that leads."""
        if self.summary is not None:
            name = self.summary.checkpoint
            return None if name is None else self.run.path / name
        leading = leading_trial(self.run)
        return leading.checkpoint if leading else None

    @property
    def status(self) -> RunStatus | Literal["unfinished"]:
        """How the run ended; "unfinished" if it was killed or is still running."""
        return self.summary.status if self.summary else "unfinished"

    @property
    def is_ours(self) -> bool:
        """Whether the rules of the game are known here, so that its players are X and O.

        Those of a PettingZoo environment are if it left an agent of ours.
        """
        return self.bundle is not None or not self.experiment.on_pettingzoo

    @property
    def verdict(self) -> str | None:
        """What the summary says of the agent; None if that is not the agent that is there.

        Earlier versions did not write which agent it is, so theirs is of none.
        """
        if self.summary is None or self.bundle is None:
            return None
        is_about = self.summary.agent_sha256 == self.bundle.agent_sha256
        return self.summary.verdict if is_about else None

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The final metrics: those of the summary, else the last of every column."""
        if self.summary:
            return self.summary.metrics
        columns = self.curves.rows[0] if self.curves.rows else {}
        last = {name: self.curves.last(name) for name in columns}
        return {name: figure for name, figure in last.items() if figure is not None}


def read_run(run: RunDir) -> RunRecord:
    """Read a run directory.

    Raises:
        InputError: If it is not one, was written by another version, or a file in it is damaged.
    """
    if not run.experiment.is_file():
        raise InputError(f"{run.path}: {not_a_run(run)}")
    # Read first, so that a run of another version is refused as such, not for its settings' names.
    summary = read_summary(run.summary)
    bundle, certificate = _bundle(run), read_certificate(run.certificate)
    return RunRecord(
        run=run,
        experiment=load_saved_experiment(run.experiment),
        summary=summary,
        curves=read_curves(run.metrics if run.metrics.is_file() else _leading_metrics(run)),
        certificate=certificate
        if certificate and bundle and certificate.is_about(bundle)
        else None,
        bundle=bundle,
    )


def _bundle(run: RunDir) -> Bundle | None:
    try:
        return find_bundle(run.path)
    except BundleError as error:
        if run.agent.is_dir():
            raise InputError(str(error)) from None
        return None


def _leading_metrics(run: RunDir) -> Path | None:
    leading = leading_trial(run)
    return leading.folder / METRICS_FILE if leading else None
