"""W&B runs, opened, filled and finished by one thread, so that training never waits for W&B.

It knows nothing of Tune. wandb is imported in the thread, while the first trial starts.
Any failure here is logged once and never ends a run: online becomes offline, and offline
becomes disabled.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ttt_rllib.config.tracking import Wandb
from ttt_rllib.metrics import ITERATION, MOVES
from ttt_rllib.runs.metrics_csv import METRICS_FILE
from ttt_rllib.tracking.wandb_mode import KEY_VARIABLE, Mode

__all__ = ["WandbRun", "WandbWriter"]

logger = logging.getLogger(__name__)

SPARE_TIMEOUT_S = 10.0

Row = Mapping[str, float]


@dataclass(frozen=True)
class WandbRun:
    """The arguments with which a W&B run is opened.

    Attributes:
        id: Its id, the same in every session.
        group: The group that it belongs to.
        config: The resolved settings.
        known: The last iteration of earlier sessions; 0 = none.
        replaces_unsynced: Whether its rows are logged again from the first one, so that what
            earlier sessions wrote offline is replaced.
    """

    id: str
    group: str
    config: Mapping[str, Any]
    known: int = 0
    replaces_unsynced: bool = True


@dataclass
class _Open:
    """An open run: the request, wandb's object, and the last iteration that it has."""

    wanted: WandbRun
    run: Any
    last: int


@dataclass
class WandbWriter:
    """Writes W&B runs in a separate thread; only `close` waits for it.

    Args:
        folder: The run directory; W&B's files go to `wandb/` in it.
        settings: The section `tracking.wandb`.
        mode: online or offline.
    """

    folder: Path
    settings: Wandb
    mode: Mode
    _runs: dict[str, _Open] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="wandb", daemon=True)
        self._thread.start()

    def open(self, run: WandbRun) -> None:
        """Open a run; one that is open stays as it is."""
        self._queue.put(lambda: self._open(run))

    def log(self, run_id: str, rows: Sequence[Row]) -> None:
        """Log iterations in order; those that W&B has are skipped, since it cannot change them."""
        self._queue.put(lambda: self._log(run_id, rows))

    def keep(
        self, run_id: str, name: str, files: Mapping[str, Path], summary: Mapping[str, Any]
    ) -> None:
        """Upload files as an artifact of a run, and add figures and words to its summary.

        Args:
            run_id: An open run.
            name: Name of the artifact.
            files: Files by their names in it.
            summary: Figures and words by name.
        """
        self._queue.put(lambda: self._keep(run_id, name, files, summary))

    def finish(self, run_id: str, exit_code: int) -> None:
        """Close a run; 0 makes it finished at W&B, anything else failed."""
        self._queue.put(lambda: self._finish(run_id, exit_code))

    def close(self, exit_code: int, timeout_s: float | None = None) -> None:
        """Finish all runs and wait for it.

        Args:
            exit_code: As for `finish`.
            timeout_s: Most seconds to wait; None = as long as the settings allow.
        """
        self._queue.put(lambda: self._finish_all(exit_code))
        self._queue.put(None)
        allowed_s = self.settings.init_timeout + self.settings.finish_timeout + SPARE_TIMEOUT_S
        self._thread.join(allowed_s if timeout_s is None else timeout_s)

    def _work(self) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        # Otherwise wandb would report its own errors to its developers.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        # Otherwise its service would leave one log per run in the user's home directory.
        os.environ.setdefault("WANDB_CACHE_DIR", str(self.folder / "wandb" / "cache"))
        if KEY_VARIABLE in os.environ:
            # wandb refuses a key with the line break of the file that it was read from.
            os.environ[KEY_VARIABLE] = os.environ[KEY_VARIABLE].strip()
        while (task := self._queue.get()) is not None:
            if self.mode == "disabled":
                continue
            try:
                task()
            except Exception as error:
                # The training continues, however W&B fails.
                self._give_up(error)
        if "wandb" in sys.modules:
            # Only after this are all rows in the file and the service's process gone.
            sys.modules["wandb"].teardown()

    def _open(self, wanted: WandbRun) -> None:
        if wanted.id in self._runs:
            return
        known = self._drop_unsynced(wanted) if wanted.replaces_unsynced else wanted.known
        try:
            run = self._init(wanted)
        except Exception as error:
            if self.mode != "online":
                raise
            self._go_offline(error)
            run = self._init(wanted)
        self._runs[wanted.id] = _Open(wanted, run, max(known, run.starting_step - 1))

    def _go_offline(self, error: Exception) -> None:
        self.mode = "offline"
        logger.warning(
            "W&B: %s; continuing offline, upload later with: wandb sync %s/wandb/offline-run-*",
            _reason(error),
            self.folder,
        )
        # Runs are finished rather than abandoned: the threads of an open run would ask the service
        # that is about to end, and show a traceback. They are finished concurrently, since each
        # waits as long as finish_timeout for a server that may be gone.
        with ThreadPoolExecutor(max_workers=len(self._runs) or 1) as pool:
            list(pool.map(self._end, self._runs.values()))
        # The service keeps the id of a run that it could not open, and would not open it again.
        sys.modules["wandb"].teardown()
        for entry in self._runs.values():
            entry.run = self._init(entry.wanted)

    def _init(self, wanted: WandbRun) -> Any:
        import wandb

        run = wandb.init(
            config=dict(wanted.config),
            id=wanted.id,
            name=wanted.id,
            project=self.settings.project,
            entity=self.settings.entity,
            group=self.settings.group or wanted.group,
            tags=list(self.settings.tags),
            mode=self.mode,
            dir=str(self.folder),
            resume="allow",
            # The settings of a resumed run may have another place or an additional default.
            allow_val_change=True,
            # One process may have several runs.
            reinit="create_new",
            settings=wandb.Settings(
                init_timeout=self.settings.init_timeout,
                finish_timeout=self.settings.finish_timeout,
                finish_timeout_raises=True,
                silent=True,
                console="off",
                # Our own metrics say more about the trial's processes than W&B sees from here.
                x_disable_stats=True,
                # W&B gets settings and metrics, not this machine's command line, packages and code.
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
                disable_git=True,
                disable_code=True,
            ),
        )
        # Its charts would count iterations, whose moves differ between experiments.
        run.define_metric(MOVES)
        # Every row has its moves; without them it would not get those of another row.
        run.define_metric("*", step_metric=MOVES, step_sync=False)
        return run

    def _drop_unsynced(self, wanted: WandbRun) -> int:
        """Remove what earlier sessions wrote offline, which is written again from metrics.csv.

        Returns:
            The last iteration that W&B has from there: a synced file is not written again.
        """
        synced = False
        for folder in (self.folder / "wandb").glob(f"offline-run-*-{wanted.id}"):
            if any(folder.glob("*.synced")):
                synced = True
            else:
                shutil.rmtree(folder, ignore_errors=True)
        return wanted.known if synced else 0

    def _log(self, run_id: str, rows: Sequence[Row]) -> None:
        entry = self._runs[run_id]
        for row in rows:
            iteration = int(row[ITERATION])
            if iteration > entry.last:
                entry.run.log(dict(row), step=iteration)
                entry.last = iteration

    def _keep(
        self, run_id: str, name: str, files: Mapping[str, Path], summary: Mapping[str, Any]
    ) -> None:
        from wandb import Artifact

        run = self._runs[run_id].run
        run.summary.update(dict(summary))
        artifact = Artifact(name, type="result")
        for place, path in files.items():
            # Immutable, so there is no copy under the user's home, which nothing would remove.
            artifact.add_file(str(path), place, policy="immutable", skip_cache=True)
        try:
            run.log_artifact(artifact)
        except Exception as error:
            # The run's figures are worth keeping without it.
            logger.warning("W&B: the artifact %s is not kept: %s", name, _reason(error))

    def _finish(self, run_id: str, exit_code: int) -> None:
        entry = self._runs.pop(run_id, None)
        if entry is not None:
            self._end(entry, exit_code)

    def _end(self, entry: _Open, exit_code: int = 0) -> None:
        """Finish wandb's run; what the server did not accept in time stays in its file."""
        try:
            entry.run.finish(exit_code=exit_code)
        except TimeoutError:
            logger.warning(
                "W&B: %s was not uploaded within %g s; upload the rest with: "
                "wandb sync --include-online %s/wandb/run-*-%s",
                entry.wanted.id,
                self.settings.finish_timeout,
                self.folder,
                entry.wanted.id,
            )

    def _finish_all(self, exit_code: int) -> None:
        for run_id in list(self._runs):
            self._finish(run_id, exit_code)

    def _give_up(self, error: Exception) -> None:
        self.mode = "disabled"
        logger.warning(
            "W&B: %s; continuing without it, %s has everything", _reason(error), METRICS_FILE
        )


def _reason(error: Exception) -> str:
    """Return the first line of an error, shortened to fit a line."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.splitlines()[0].split())[:200].rstrip(".")
