"""What Tune's saved state knows of the checkpoints, at every moment at which a kill may happen."""

import io
import json
import pickle
import shutil
from pathlib import Path

import pytest
from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.console import Console

from ttt_rllib.config.loading import load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.checkpoints import is_complete
from ttt_rllib.runs.directory import RunDir, create_run_dir, new_run_dir
from ttt_rllib.tracking.search_progress import SearchProgress
from ttt_rllib.tuning.run import run_trials
from ttt_rllib.tuning.schedulers import scheduler_of
from ttt_rllib.tuning.search_algorithm import ExperimentSearch
from ttt_rllib.tuning.tune_state import restore_state

ITERATIONS = 9
COPIED = (5, 7)
EXPERIMENT = """
training: {{train_batch_size_per_learner: 256, minibatch_size: 256, num_epochs: 1}}
env_runners: {{num_envs_per_env_runner: 32}}
stop: {{iterations: 9}}
checkpoint: {{checkpoint_frequency: 1, num_to_keep: {num_to_keep}}}
search: {{training.lr: {{choice: [1e-3, 2e-3]}}, num_samples: 2}}
"""


class Watch(Callback):
    """Looks at what a kill would leave right after Tune has removed old checkpoints.

    That is before Tune saves that it did so. At the given iteration it copies the run.
    """

    def __init__(self, run, iteration, copy):
        self.run, self.iteration, self.copy = run, iteration, copy
        self.lost = []
        self.looks = 0

    def on_trial_save(self, **info):
        states = sorted(self.run.state.glob("[0-9]*/experiment_state-*.json"))
        if not states:
            return
        for described, figures in json.loads(states[-1].read_text())["trial_data"]:
            trial = Trial.from_json_state(described, stub=True)
            trial.restore_run_metadata(figures)
            latest = trial.run_metadata.checkpoint_manager.latest_checkpoint_result
            if latest is not None:
                self.looks += 1
                if not is_complete(Path(latest.checkpoint.path)):
                    self.lost.append(latest.checkpoint.path)
        iteration = info["trial"].last_result["training_iteration"]
        if iteration == self.iteration and not self.copy.exists():
            shutil.copytree(self.run.path, self.copy)


def experiment_in(folder, num_to_keep=1):
    file = folder / "short.yaml"
    file.write_text(EXPERIMENT.format(num_to_keep=num_to_keep))
    return load_experiment(file)


def assert_newest_kept(outcome, num_to_keep):
    assert len(outcome.trials) == 2
    for trial in outcome.trials:
        kept = sorted(trial.folder.glob("checkpoint_*"))
        assert trial.checkpoint == kept[-1]
        agents = [json.loads((path / "agent" / "agent.json").read_text()) for path in kept]
        iterations = [agent["provenance"]["iteration"] for agent in agents]
        assert iterations == list(range(ITERATIONS - num_to_keep + 1, ITERATIONS + 1))


@pytest.mark.long
@pytest.mark.parametrize("num_to_keep", [1, 2])
def test_whenever_a_kill_comes_the_checkpoint_that_the_saved_state_knows_is_there(
    ray_cluster, tmp_path, num_to_keep
):
    experiment = experiment_in(tmp_path, num_to_keep)
    run = new_run_dir(experiment, tmp_path, "a")
    create_run_dir(run, experiment)
    for number, iteration in enumerate((*COPIED, None)):
        killed = RunDir(run.path.with_name(f"killed-{number}"))
        watch = Watch(run, iteration, killed.path)
        progress = SearchProgress(Console(file=io.StringIO()), experiment)
        callbacks = [watch]
        outcome = run_trials(experiment, run, progress, resume=number > 0, callbacks=callbacks)
        assert_newest_kept(outcome, num_to_keep)
        assert not watch.lost
        assert watch.looks >= ITERATIONS
        shutil.rmtree(run.path)
        run = killed


# ---- what is refused -----------------------------------------------------------------------


SCHEDULER = pickle.dumps({"format": 2, "scheduler": {}})
SEARCH_PARTS = {"_asked": 1, "_live": {"00000"}, "_spec": {}, "_configurations": None}
SNAPSHOT = {
    "scheduler.pkl": SCHEDULER,
    "search-2026.pkl": pickle.dumps(SEARCH_PARTS),
    "experiment_state-2026.json": b"{}",
}


def snapshot(folder, files):
    """Return a run directory whose state is a snapshot of these files."""
    run = RunDir(folder / "run")
    (run.state / "000001").mkdir(parents=True)
    for name, content in files.items():
        (run.state / "000001" / name).write_bytes(content)
    return run


def restore(run, experiment):
    search = ExperimentSearch(experiment, run.path)
    return restore_state(run, scheduler_of(experiment), search), search


def test_a_snapshot_is_given_to_the_search_and_put_in_place_of_all_that_tune_had_saved(tmp_path):
    run = snapshot(tmp_path, SNAPSHOT)
    run.trials.mkdir()
    (run.trials / "experiment_state-2027.json").write_bytes(b"half a fi")
    is_restored, search = restore(run, experiment_in(tmp_path))
    assert is_restored
    assert search._asked == 1
    assert {path.name for path in run.trials.iterdir()} == set(SNAPSHOT) - {"scheduler.pkl"}


@pytest.mark.parametrize("name", SNAPSHOT)
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "truncated"])
def test_a_damaged_snapshot_is_refused_in_one_sentence_and_nothing_is_changed(
    tmp_path, name, is_there
):
    files = {**SNAPSHOT, name: SNAPSHOT[name][:-1]}
    if not is_there:
        del files[name]
    run = snapshot(tmp_path, files)
    with pytest.raises(InputError, match=r"^--resume .*: its state is damaged: "):
        restore(run, experiment_in(tmp_path))
    assert not run.trials.exists()
    assert {path.name for path in run.state.glob("*/*")} == set(files)


def test_a_snapshot_of_an_earlier_version_is_refused_with_what_to_do(tmp_path):
    run = snapshot(tmp_path, {"scheduler.pkl": pickle.dumps({}), "tuner.pkl": b"Tuner's own"})
    with pytest.raises(InputError, match="resume it with that version, or start a new run"):
        restore(run, experiment_in(tmp_path))


def test_checkpoints_without_a_snapshot_are_refused_and_nothing_at_all_means_a_new_run(tmp_path):
    experiment, run = experiment_in(tmp_path), RunDir(tmp_path / "run")
    assert restore(run, experiment)[0] is False
    checkpoint = run.trials / "00000" / "checkpoint_000000"
    checkpoint.mkdir(parents=True)
    with pytest.raises(InputError, match="has checkpoints but no state to resume from"):
        restore(run, experiment)
    assert checkpoint.is_dir()
