"""`ttt train --web`: the page during training, from the port to the run's end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.certificate_json import read_certificate
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.live_json import close_live, open_live
from ttt_rllib.runs.summary import Summary, read_summary
from ttt_rllib.watch.feed import Feed
from ttt_rllib.watch.server import WatchServer, listen
from ttt_rllib.watch.words import Ending

__all__ = ["LivePage", "live_page", "live_pictures"]


@dataclass(frozen=True)
class LivePage:
    """A page that is served while a run trains.

    Attributes:
        feed: What it is told.
    """

    feed: Feed


@contextmanager
def live_page(
    experiment: Experiment, port: int | None, console: Console
) -> Iterator[LivePage | None]:
    """Serve the page inside the block; at its end an open page gets time to hear of it.

    Args:
        experiment: What will be trained.
        port: Where to listen; None = no page is wanted.
        console: Where to print the address.

    Raises:
        InputError: If the port is taken.
    """
    if port is None:
        yield None
        return
    server = WatchServer(Feed(experiment), listen(port))
    try:
        console.print(f"watch it on {server.address}", soft_wrap=True)
        yield LivePage(server.feed)
    finally:
        with suppress(KeyboardInterrupt):  # an impatient user; all is done
            # Only a run that has begun has said how it ended.
            server.feed.end(Ending(None, "", is_begun=False))
            server.wait_for_reader()
        server.close()


@contextmanager
def live_pictures(run: RunDir, page: LivePage | None) -> Iterator[None]:
    """Let the trials draw inside the block if there is a page; say at the end how it went.

    Args:
        run: The run; a killed session may have left its pictures.
        page: The page; None = there is none.
    """
    close_live(run)
    if page is None:
        yield
        return
    open_live(run)
    page.feed.follow(run)
    try:
        yield
    finally:
        page.feed.end(_ending(run))
        close_live(run)


def _ending(run: RunDir) -> Ending:
    """Return what the run's files say of its end; without a summary it was interrupted."""
    summary: Summary | None = None
    with suppress(InputError):  # written by another version
        summary = read_summary(run.summary)
    if summary is None or summary.status == "interrupted":
        best = summary.best_trial if summary is not None else None
        return Ending(None, "", is_interrupted=True, best_trial=best)
    unexploitable = None
    with suppress(InputError):
        certificate = read_certificate(run.certificate)
        if summary.agent_sha256 and certificate is not None:
            unexploitable = certificate.unexploitable
    words = summary.verdict or summary.error or ""
    sentence = words.strip().splitlines()[0] if words.strip() else ""
    return Ending(unexploitable, sentence, best_trial=summary.best_trial)
