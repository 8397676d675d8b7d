"""What `ttt train --web` costs a training: `python -m benchmarks.watch`.

Iterations of `ppo.yaml` with and without a picture take turns in one process, the trial's, and
their CPU times are compared; then the page's state is asked for over HTTP, as an open page does
at most five times a second. The CPU time of env runners is left out, so the share is an upper
bound.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from ttt_rllib.cluster.connection import connect, disconnect
from ttt_rllib.commands import run_command
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.metrics import flatten
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.live_json import live_folder, open_live
from ttt_rllib.watch.feed import Feed
from ttt_rllib.watch.picture import picture_writer
from ttt_rllib.watch.server import WatchServer, listen

__all__ = ["watch"]

PPO = Path(__file__).parent.parent / "experiments" / "ppo.yaml"
PAIRS, FIRST = 30, 2
REQUESTS = 200
REQUESTS_PER_S = 5


def watch() -> None:
    """Measure, and print medians."""
    connect(None)
    # Ray must have started by then, since it reads its token when it is imported.
    from ttt_rllib.rl.algorithm_config import algorithm_config

    experiment = load_experiment(PPO)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder))
        open_live(run)
        feed = Feed(experiment)
        feed.follow(run)
        config = algorithm_config(experiment, None)
        algorithm = config.algo_class(config=config)
        draw = picture_writer(live_folder(run), "00000")
        seconds: dict[bool, list[float]] = {True: [], False: []}
        drawing: list[float] = []

        def timed(evaluated: object) -> None:
            start_s = time.thread_time()
            draw(evaluated)  # type: ignore[arg-type]  # what the Algorithm hands over
            drawing.append(time.thread_time() - start_s)

        for number in range(2 * (FIRST + PAIRS)):
            is_watched = number % 2 == 0
            algorithm.on_evaluated = timed if is_watched else None
            start_s = time.process_time()
            row = flatten(algorithm.train())
            seconds[is_watched].append(time.process_time() - start_s)
            feed.add("00000", row)
        algorithm.stop()
        per_request_s = _request_s(feed)
    disconnect()
    with_page, without = (median(seconds[one][FIRST:]) for one in (True, False))
    picture = median(drawing[FIRST:])
    print(
        f"an iteration of the trial's process: {1e3 * without:.1f} CPU ms without, "
        f"{1e3 * with_page:.1f} with a picture; the picture itself {1e3 * picture:.2f} CPU ms, "
        f"{picture / without:.2%}; a request {1e3 * per_request_s:.2f} CPU ms, "
        f"{REQUESTS_PER_S * per_request_s:.2%} of a core while it is open"
    )


def _request_s(feed: Feed) -> float:
    """Return the CPU seconds of a request in the server, without those of the client."""
    server = WatchServer(feed, listen(0))
    start_s = time.process_time() - time.thread_time()
    for _ in range(REQUESTS):
        with urlopen(f"{server.address}api/live?after=-1") as answer:  # noqa: S310 - ours
            answer.read()
    elapsed_s = time.process_time() - time.thread_time() - start_s
    server.close()
    return elapsed_s / REQUESTS


if __name__ == "__main__":
    run_command(watch)
