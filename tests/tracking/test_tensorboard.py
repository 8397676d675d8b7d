"""TensorBoard's files have the rows of metrics.csv over moves, and the settings; read back.

The files are read by a few lines here that know their format (TFRecord).
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.metrics_csv import MetricsCsv
from ttt_rllib.tracking.tensorboard import TensorBoardCallback, hparams_of
from ttt_rllib.tuning.metrics_callback import MetricsCsvCallback
from ttt_rllib.tuning.trainable import EXPERIMENT


def events(folder):
    """Read the event files of a folder, in the order of their names, as TensorBoard does."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            length = int.from_bytes(data[place : place + 8], "little")
            # A length with its checksum is 12 bytes long, a checksum 4.
            yield Event.FromString(data[place + 12 : place + 12 + length])
            place += length + 16


def scalars(folder):
    """Return `{name: {step: figure}}`; a session that starts at a step drops all later ones."""
    found = {}
    for event in events(folder):
        if event.WhichOneof("what") == "session_log":
            for steps in found.values():
                for step in [step for step in steps if step >= event.step]:
                    del steps[step]
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def hparams(folder):
    """Return the names of the shown metrics, the settings, and how many sessions ended well."""
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    names, settings, ended = set(), {}, 0
    for event in events(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                content = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                names |= {info.name.tag for info in content.experiment.metric_infos}
                for key, setting in content.session_start_info.hparams.items():
                    settings[key] = getattr(setting, setting.WhichOneof("kind"))
                ended += content.WhichOneof("data") == "session_end_info"
    return names, settings, ended


class Session:
    """A session of one trial: the real callbacks in their order, without Tune."""

    def __init__(self, folder):
        base = Experiment(name="debug", seed=3).model_dump_json()
        config = {EXPERIMENT: base, "training.gamma": 0.875}
        self.trial = SimpleNamespace(trial_id="00000", path=str(folder), config=config)
        self.callbacks = MetricsCsvCallback(), TensorBoardCallback()

    def iterate(self, *iterations, moves_each=100):
        for number in iterations:
            result = {
                "perf": {"iteration": number, "train_s": number / 7},
                "play": {"moves": number * moves_each},
                "exact": {"nash_conv": 2.0 / number},
                "time_total_s": number / 3,
                "config": {"secret": "5ec7e7"},
            }
            csv, tensorboard = self.callbacks
            csv.on_trial_result(trial=self.trial, result=result)
            tensorboard.log_trial_start(self.trial)
            tensorboard.log_trial_result(number, self.trial, result)
        return self

    def end(self, failed=False):
        self.callbacks[1].log_trial_end(self.trial, failed=failed)
        return self


def table(folder):
    """Return what metrics.csv says, in the form of `scalars`, in single precision."""
    found = {}
    for row in MetricsCsv(folder / "metrics.csv").rows():
        for name, text in row.items():
            if text and name != "play/moves":
                found.setdefault(name, {})[int(row["play/moves"])] = pytest.approx(
                    float(text), rel=1e-6
                )
    return found


def test_the_files_have_the_metrics_by_their_names_over_moves_and_nothing_else(tmp_path):
    Session(tmp_path).iterate(1, 2, 3).end()
    assert scalars(tmp_path) == table(tmp_path)
    assert set(scalars(tmp_path)) == {"perf/iteration", "perf/train_s", "exact/nash_conv"}
    assert list(scalars(tmp_path)["exact/nash_conv"]) == [100, 200, 300]


def test_what_a_killed_or_restored_trial_repeats_is_there_once(tmp_path):
    # Killed after 5 with a checkpoint at 3: what is repeated has other moves and figures.
    Session(tmp_path).iterate(1, 2, 3, 4, 5)
    again = Session(tmp_path).iterate(4, 5, 6, moves_each=99)
    assert scalars(tmp_path) == table(tmp_path)
    # Its process failed, and Tune restores it from 5 in the same session.
    again.iterate(6, 7, moves_each=98).end()
    assert scalars(tmp_path) == table(tmp_path)
    assert len(list(tmp_path.glob("events*"))) == 3


def test_hparams_are_the_settings_of_the_trial_and_name_only_metrics_that_exist(tmp_path):
    Session(tmp_path).iterate(1).end()
    names, settings, ended = hparams(tmp_path)
    assert names <= {metric.name for metric in METRICS}
    assert {"exact/nash_conv_greedy", "exact/nash_conv"} <= names
    assert settings["training.gamma"] == 0.875, "the searched one"
    assert (settings["seed"], settings["algorithm"]) == (3.0, "ppo")
    assert settings["model.hidden_sizes"] == str(Experiment().model.hidden_sizes)
    assert not {key for key in settings if key.startswith(("tracking", "ray", "name"))}
    assert ended == 1


def test_hparams_do_not_claim_that_a_failed_trial_ended_well(tmp_path):
    Session(tmp_path).iterate(1).end(failed=True)
    assert hparams(tmp_path)[2] == 0


def test_hparams_have_no_setting_that_is_missing():
    experiment = Experiment.model_validate({"stop": {"iterations": None}})
    assert "stop.iterations" not in hparams_of(experiment)
    assert hparams_of(experiment)["stop.moves"] == 1_000_000
