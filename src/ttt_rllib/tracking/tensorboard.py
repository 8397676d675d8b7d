"""TensorBoard's files as a Tune callback: our metrics over moves, and the settings as hparams.

Tune would write the same figures over iterations, as `ray/tune/...`, and among them many of its
own. It writes no files where it finds a callback of this class.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ray.tune.logger import TBXLoggerCallback

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.section import settings_of
from ttt_rllib.metrics import METRICS, MOVES, flatten
from ttt_rllib.tuning.trainable import experiment_of

__all__ = ["TensorBoardCallback", "hparams_of"]

PREFIX, EVENT_FILES = "events", "events.out.tfevents.*"

NOT_HPARAMS = ("name", "search", "tracking", "ray", "resources", "checkpoint", "max_failures")
"""What decides nothing that an agent learns."""

LEARNT = ("exact", "eval", "league")
"""Groups of metrics that are shown beside the hparams."""


class TensorBoardCallback(TBXLoggerCallback):
    """Writes an event file in the folder of each trial, with moves as the step."""

    def __init__(self) -> None:
        # Not Tune's, which imports tensorboardX: `run_trials` does so, and without torch.
        self._writers: dict[str, _EventFile] = {}
        self._last: dict[str, int] = {}

    def log_trial_start(self, trial: Any) -> None:
        """Do nothing: only the first result says where the figures begin."""

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Write the figures of an iteration."""
        row = flatten(result)
        moves = int(row[MOVES])
        if moves <= self._last.get(trial.trial_id, 0):
            # It was restored from a checkpoint, perhaps from that of another trial.
            self._writers.pop(trial.trial_id).close()
        self._last[trial.trial_id] = moves
        writer = self._writers.get(trial.trial_id) or self._open(trial, moves)
        writer.write(_scalars({name: row[name] for name in row if name != MOVES}), moves)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """Close the trial's file."""
        writer = self._writers.pop(trial.trial_id, None)
        if writer is None:
            return
        if not failed:
            _, _, end = _hparams({})
            writer.write(end)
        writer.close()

    def _open(self, trial: Any, moves: int) -> _EventFile:
        folder = Path(trial.path)
        earlier = len(list(folder.glob(EVENT_FILES)))
        # Files of the same second would have the same name.
        writer = self._writers[trial.trial_id] = _EventFile(folder, f".{earlier}")
        if earlier:
            # A restored trial repeats what came after its checkpoint: TensorBoard drops the rest.
            writer.start_session(moves)
        experiment, start, _ = _hparams(hparams_of(experiment_of(trial.config)))
        writer.write(experiment)
        writer.write(start)
        return writer


class _EventFile:
    """An event file that always has what was written to it, whenever the process is killed.

    TensorboardX's SummaryWriter has a thread and a queue, and loses what is in it.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / PREFIX), suffix)

    def start_session(self, step: int) -> None:
        """Drop what earlier files have from this step on."""
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._add(Event(step=step, session_log=SessionLog(status=SessionLog.START)))

    def write(self, summary: Any, step: int = 0) -> None:
        """Write a summary."""
        from tensorboardX.proto.event_pb2 import Event

        self._add(Event(step=step, summary=summary))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _add(self, event: Any) -> None:
        event.wall_time = time.time()
        self._writer.write_event(event)
        self._writer.flush()


def hparams_of(experiment: Experiment) -> dict[str, bool | float | str]:
    """Return the settings that decide what an agent learns, by dotted keys.

    Args:
        experiment: That of a trial, searched settings included.
    """
    found: dict[str, bool | float | str] = {}
    for name in type(experiment).model_fields:
        if name not in NOT_HPARAMS:
            _collect(name, getattr(experiment, name), found)
    return found


def _collect(key: str, value: Any, found: dict[str, bool | float | str]) -> None:
    if isinstance(value, BaseModel):
        for setting, (name, _) in settings_of(type(value)).items():
            _collect(f"{key}.{setting}", getattr(value, name), found)
    elif isinstance(value, (bool, int, float, str)):
        found[key] = value
    elif value is not None:
        # TensorBoard knows no lists.
        found[key] = str(value)


def _scalars(figures: dict[str, float]) -> Any:
    from tensorboardX.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=figure) for name, figure in figures.items()]
    return Summary(value=values)


def _hparams(settings: dict[str, bool | float | str]) -> tuple[Any, Any, Any]:
    """Return the three summaries of TensorBoard's hparams plugin: experiment, start and end."""
    from tensorboardX.summary import hparams

    shown = {one.name: 0.0 for one in METRICS if one.name.split("/")[0] in LEARNT}
    summaries: tuple[Any, Any, Any] = hparams(settings, shown)
    return summaries
