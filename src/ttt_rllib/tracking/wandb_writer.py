"""W&B runs, opened, filled and finished by one thread, so that nothing waits for W&B.

It knows nothing of Tune. wandb is imported in the thread, while the first trial starts.
Whatever goes wrong here is said once and never ends a run: online becomes offline,
offline becomes nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from netrc import NetrcParseError, netrc
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from ttt_rllib.config.tracking import Wandb
from ttt_rllib.metrics import ITERATION

__all__ = ["WandbRun", "WandbWriter", "resolve_mode"]

logger = logging.getLogger(__name__)

KEY_VARIABLE = "WANDB_API_KEY"
MODE_VARIABLE = "WANDB_MODE"
CLOUD = "https://api.wandb.ai"
MODES = {"online": "online", "run": "online", "offline": "offline", "dryrun": "offline"}
SPARE_TIMEOUT_S = 10.0

Row = Mapping[str, float]


@dataclass(frozen=True)
class WandbRun:
    """What a W&B run is opened with.

    Attributes:
        id: Its id, the same in every session.
        group: What it is grouped by.
        config: The resolved settings.
        known: The last iteration of earlier sessions; 0 = none.
        anew: Whether its rows are logged from the first one on, so that what earlier sessions
            wrote offline is to be replaced.
    """

    id: str
    group: str
    config: Mapping[str, Any]
    known: int = 0
    anew: bool = True


@dataclass
class _Open:
    """An open run: what was asked for, wandb's object, and the last iteration that it has."""

    wanted: WandbRun
    run: Any
    last: int


@dataclass
class WandbWriter:
    """Writes W&B runs in a thread of its own; no method waits but `close`.

    Args:
        folder: The run directory; W&B's files go to `wandb/` in it.
        settings: The section `tracking.wandb`.
        mode: online or offline.
    """

    folder: Path
    settings: Wandb
    mode: str
    _runs: dict[str, _Open] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="wandb", daemon=True)
        self._thread.start()

    def open(self, run: WandbRun) -> None:
        """Open a run; one that is open stays as it is."""
        self._queue.put(lambda: self._open(run))

    def log(self, run_id: str, rows: Sequence[Row]) -> None:
        """Log iterations in order; those that W&B has are skipped, it cannot change them."""
        self._queue.put(lambda: self._log(run_id, rows))

    def keep(
        self, run_id: str, name: str, files: Mapping[str, Path], summary: Mapping[str, Any]
    ) -> None:
        """Keep files as an artifact of a run, and figures and words in its summary.

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
            timeout_s: How long at most; None = as long as the settings allow.
        """
        self._queue.put(lambda: self._finish_all(exit_code))
        self._queue.put(None)
        allowed_s = self.settings.init_timeout + self.settings.finish_timeout + SPARE_TIMEOUT_S
        self._thread.join(allowed_s if timeout_s is None else timeout_s)

    def _work(self) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        # wandb's own errors would otherwise be reported to its makers.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        # Its service would leave a log a run in the user's home.
        os.environ.setdefault("WANDB_CACHE_DIR", str(self.folder / "wandb" / "cache"))
        while (task := self._queue.get()) is not None:
            if self.mode == "disabled":
                continue
            try:
                task()
            except Exception as error:
                # Whatever W&B fails with, the run goes on.
                self._give_up(error)
        if "wandb" in sys.modules:
            # Only then is everything in its file and the service's process gone.
            sys.modules["wandb"].teardown()

    def _open(self, wanted: WandbRun) -> None:
        if wanted.id in self._runs:
            return
        known = self._drop_unsynced(wanted) if wanted.anew else wanted.known
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
        for entry in self._runs.values():
            # It would ask the service that is gone, and end in a traceback on the terminal.
            checker = getattr(entry.run, "_run_status_checker", None)
            if checker is not None:
                checker.stop()
        # The service keeps the id of a run that it could not open, and would not open it again.
        sys.modules["wandb"].teardown()
        for entry in self._runs.values():
            entry.run = self._init(entry.wanted)

    def _init(self, wanted: WandbRun) -> Any:
        # Read by Ray, which else asks for a key that nobody needs offline.
        asked = os.environ.get(MODE_VARIABLE)
        os.environ[MODE_VARIABLE] = self.mode
        try:
            return self._set_up(wanted)
        finally:
            if asked is None:
                del os.environ[MODE_VARIABLE]
            else:
                os.environ[MODE_VARIABLE] = asked

    def _set_up(self, wanted: WandbRun) -> Any:
        from ray.air.integrations.wandb import setup_wandb
        from wandb import Settings

        return setup_wandb(
            config=dict(wanted.config),
            api_key=_known_key() if self.mode == "online" else None,
            trial_id=wanted.id,
            trial_name=wanted.id,
            project=self.settings.project,
            entity=self.settings.entity,
            group=self.settings.group or wanted.group,
            tags=list(self.settings.tags),
            mode=self.mode,
            dir=str(self.folder),
            resume="allow",
            # Several runs in one process.
            reinit="create_new",
            settings=Settings(
                init_timeout=self.settings.init_timeout,
                finish_timeout=self.settings.finish_timeout,
                finish_timeout_raises=True,
                silent=True,
                console="off",
                # Our own metrics say more of the trial's processes than W&B sees from here.
                x_disable_stats=True,
                # Settings and metrics, not the command line, packages and code of this machine.
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
                disable_git=True,
                disable_code=True,
            ),
        )

    def _drop_unsynced(self, wanted: WandbRun) -> int:
        """Remove what earlier sessions wrote offline, to be written anew from metrics.csv.

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
            # Immutable: no copy under the user's home, from where nothing would remove it.
            artifact.add_file(str(path), place, policy="immutable", skip_cache=True)
        try:
            run.log_artifact(artifact)
        except Exception as error:
            # The run's figures are worth finishing all the same.
            logger.warning("W&B: the artifact %s is not kept: %s", name, _reason(error))

    def _finish(self, run_id: str, exit_code: int) -> None:
        entry = self._runs.pop(run_id, None)
        if entry is None:
            return
        try:
            entry.run.finish(exit_code=exit_code)
        except TimeoutError:
            logger.warning(
                "W&B: %s was not uploaded within %g s; upload the rest with: "
                "wandb sync --include-online %s/wandb/run-*-%s",
                run_id,
                self.settings.finish_timeout,
                self.folder,
                run_id,
            )

    def _finish_all(self, exit_code: int) -> None:
        for run_id in list(self._runs):
            self._finish(run_id, exit_code)

    def _give_up(self, error: Exception) -> None:
        self.mode = "disabled"
        logger.warning("W&B: %s; continuing without it, metrics.csv has everything", _reason(error))


def resolve_mode(settings: Wandb) -> tuple[str, str | None]:
    """Return online, offline or disabled, and what has to be said about it if anything."""
    mode = settings.mode
    if mode == "auto":
        asked = os.environ.get(MODE_VARIABLE, "").lower()
        if asked == "disabled" or asked in MODES:
            mode = "disabled" if asked == "disabled" else MODES[asked]  # type: ignore[assignment]
    key = _known_key()
    if mode == "auto":
        return ("online" if key else "offline"), None
    if mode == "online" and key is None:
        return "offline", (
            f"W&B: no key is known, neither {KEY_VARIABLE} nor netrc has one; continuing offline"
        )
    return mode, None


def _known_key() -> str | None:
    """Return the key for the server in use, without asking anybody for it."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if key:
        return key
    host = urlsplit(os.environ.get("WANDB_BASE_URL", CLOUD)).hostname or ""
    try:
        path = os.environ.get("NETRC") or next(
            path for name in (".netrc", "_netrc") if (path := Path.home() / name).is_file()
        )
        entry = netrc(path).authenticators(host)
    except (OSError, RuntimeError, StopIteration, NetrcParseError):
        # RuntimeError: a user without a home.
        return None
    return entry[2] if entry else None


def _reason(error: Exception) -> str:
    """Return the first line of an error, and never more than fits a line."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.splitlines()[0].split())[:200].rstrip(".")
