"""What Tune's saved state knows of the checkpoints, at every moment at which a kill may happen."""

import io
import json
import pickle
import shutil
from pathlib import Path

import pytest
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Callback, Checkpoint, PlacementGroupFactory
from ray.tune.experiment import Trial
from rich.console import Console

from tests.commands import run_command
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment, load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.checkpoints import is_complete, write_manifest
from ttt_rllib.runs.directory import RunDir, create_run_dir, new_run_dir
from ttt_rllib.tracking.search_progress import SearchProgress
from ttt_rllib.tuning.run import run_trials
from ttt_rllib.tuning.schedulers import scheduler_of
from ttt_rllib.tuning.search_algorithm import ExperimentSearch
from ttt_rllib.tuning.trainable import SelfPlayTrainable
from ttt_rllib.tuning.tune_state import check_state, place_trial, restore_state

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
    "experiment_state-2026.json": b'{"trial_data": []}',
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
    return restore_state(experiment, run, scheduler_of(experiment), search), search


def test_a_snapshot_is_given_to_the_search_and_put_in_place_of_all_that_tune_had_saved(tmp_path):
    run = snapshot(tmp_path, SNAPSHOT)
    run.trials.mkdir()
    (run.trials / "experiment_state-2027.json").write_bytes(b"half a fi")
    (run.trials / "search-2027.pkl").write_bytes(b"half a fi")
    is_restored, search = restore(run, experiment_in(tmp_path))
    assert is_restored
    assert search._asked == 1
    (state,) = run.trials.iterdir()
    assert json.loads(state.read_text()) == {"trial_data": []}
    # A clock may be behind that of the machine on which the run began.
    assert state.name < "experiment_state-1999-12-31_23-59-59.json"


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


# ---- where a run lies now ------------------------------------------------------------------


def complete_checkpoint(folder):
    folder.mkdir(parents=True)
    (folder / "weights").write_text("1")
    write_manifest(folder)


def saved_trial(run, name, *, numbers, latest=None):
    """Return a trial as Tune has it that has saved these checkpoints in a run.

    Args:
        run: The run.
        name: Its name.
        numbers: Its checkpoints.
        latest: A checkpoint that it has just copied from another trial, or None.
    """
    storage = StorageContext(str(run.path), "trials", trial_dir_name=name)
    trial = Trial(SelfPlayTrainable.__name__, trial_id=name, stub=True, storage=storage)
    trial.placement_group_factory = PlacementGroupFactory([{"CPU": 1}])
    manager = trial.run_metadata.checkpoint_manager
    for number in numbers:
        path = run.trials / name / f"checkpoint_{number:06d}"
        complete_checkpoint(path)
        manager.register_checkpoint(_TrainingResult(Checkpoint(str(path)), {}))
    if latest is not None:
        manager._latest_checkpoint_result = _TrainingResult(Checkpoint(str(latest)), {})
    return trial


def known_by(trial):
    """Return the paths of its checkpoints, and of the one that it would be resumed from."""
    manager = trial.run_metadata.checkpoint_manager
    known = [Path(one.checkpoint.path) for one in manager.best_checkpoint_results]
    latest = manager.latest_checkpoint_result
    return known, latest and Path(latest.checkpoint.path)


def test_the_plan_of_a_run_to_resume_reads_its_trials_without_starting_ray(tmp_path):
    experiment = experiment_in(tmp_path)
    run = snapshot(tmp_path, SNAPSHOT)
    trial = saved_trial(run, "00000", numbers=[0, 1])
    state = run.state / "000001" / "experiment_state-2026.json"
    state.write_text(json.dumps({"trial_data": [trial.get_json_state()]}))
    run.experiment.write_text(dump_experiment(experiment))
    planned = run_command("train", "--resume", run.path, "--plan")
    assert (planned.returncode, planned.stderr) == (0, "")
    assert planned.stdout.startswith("plan: 2 trials ")
    for path in known_by(trial)[0]:
        shutil.rmtree(path)
    planned = run_command("train", "--resume", run.path, "--plan")
    assert planned.returncode == 2
    assert "checkpoint_000000, checkpoint_000001: missing or damaged" in planned.stderr


@pytest.mark.parametrize(
    ("edited", "complaint"),
    [
        ({"training": {"lr": 0.5}}, "training.lr is 0.5, and the run began with 0.003; undo that,"),
        ({"seed": 3}, "seed is 3, and the run began with 0; undo that, or start a new run"),
        ({"stop": {"moves": 9}, "max_failures": 9, "ray": {"dashboard_port": 9}}, None),
    ],
)  # fmt: skip
def test_a_run_whose_file_was_edited_does_not_continue_as_another_one(tmp_path, edited, complaint):
    experiment = Experiment()
    run = snapshot(tmp_path, SNAPSHOT)
    trial = saved_trial(run, "00000", numbers=[0])
    trial.config = {"experiment": experiment.model_dump_json()}
    state = run.state / "000001" / "experiment_state-2026.json"
    state.write_text(json.dumps({"trial_data": [trial.get_json_state()]}))
    check_state(experiment, run)
    if complaint is None:
        check_state(Experiment(**edited), run)
        return
    with pytest.raises(InputError, match=f"experiment.yaml: {complaint}"):
        check_state(Experiment(**edited), run)


def test_the_limits_of_a_search_that_has_begun_are_not_edited_either(tmp_path):
    search = {"search": {"training.lr": {"choice": [1e-3]}}}
    run = snapshot(tmp_path, SNAPSHOT)
    trial = saved_trial(run, "00000", numbers=[0])
    trial.config = {"experiment": Experiment(**search).model_dump_json(), "training.lr": 1e-3}
    state = run.state / "000001" / "experiment_state-2026.json"
    state.write_text(json.dumps({"trial_data": [trial.get_json_state()]}))
    with pytest.raises(InputError, match=r"stop\.moves is 9, and the run began with 1000000"):
        check_state(Experiment(**search, stop={"moves": 9}), run)


def placed(trial, run, folder):
    place_trial(trial, run, ExperimentSearch(experiment_in(folder), run.path))
    return trial


def test_checkpoints_are_found_where_the_new_path_contains_the_old_one(tmp_path):
    old = RunDir(tmp_path / "results" / "run")
    trial = saved_trial(old, "00000", numbers=[0, 1])
    new = RunDir(tmp_path / "home" / old.path.relative_to("/"))
    new.path.parent.mkdir(parents=True)
    old.path.rename(new.path)
    folder = new.trials / "00000"
    both = [folder / "checkpoint_000000", folder / "checkpoint_000001"]
    assert known_by(placed(trial, new, tmp_path)) == (both, both[-1])
    # Tune does the same once more when it starts, and replaces what it takes for the old path.
    trial.set_storage(StorageContext(str(new.path), "trials", trial_dir_name="00000"))
    assert known_by(trial) == (both, both[-1])


def test_a_trial_that_has_just_copied_another_one_is_resumed_from_the_other_ones_checkpoint(
    tmp_path,
):
    old = RunDir(tmp_path / "old")
    better = saved_trial(old, "00001", numbers=[3])
    copied = known_by(better)[1]
    trial = saved_trial(old, "00000", numbers=[3], latest=copied)
    new = RunDir(tmp_path / "new")
    old.path.rename(new.path)
    expected = new.trials / "00001" / "checkpoint_000003"
    assert known_by(placed(trial, new, tmp_path))[1] == expected


def test_of_a_trial_whose_copied_checkpoint_is_gone_it_is_said_that_it_resumes_from_its_own(
    tmp_path,
):
    run, experiment = RunDir(tmp_path / "run"), experiment_in(tmp_path)
    copied = run.trials / "00001" / "checkpoint_000003"
    trial = saved_trial(run, "00000", numbers=[2], latest=copied)
    search = ExperimentSearch(experiment, run.path)
    assert place_trial(trial, run, search) == copied
    assert known_by(trial)[1] == run.trials / "00000" / "checkpoint_000002"
    assert place_trial(trial, run, search) is None


def test_new_checkpoints_are_numbered_after_all_that_exist(tmp_path):
    run = RunDir(tmp_path / "run")
    trial = saved_trial(run, "00000", numbers=[0, 1])
    unknown = run.trials / "00000" / "checkpoint_000002"
    complete_checkpoint(unknown)
    assert placed(trial, run, tmp_path).storage.current_checkpoint_index == 2
    assert unknown.is_dir()


def test_a_damaged_checkpoint_is_not_resumed_from(tmp_path):
    run = RunDir(tmp_path / "run")
    trial = saved_trial(run, "00000", numbers=[0, 1])
    first, second = known_by(trial)[0]
    (second / "weights").write_text("2")
    assert known_by(placed(trial, run, tmp_path)) == ([first], first)


@pytest.mark.parametrize("status", [Trial.PENDING, Trial.ERROR])
def test_a_trial_that_lost_all_its_checkpoints_is_refused_and_not_started_from_0(tmp_path, status):
    run = RunDir(tmp_path / "run")
    trial = saved_trial(run, "00000", numbers=[0, 1])
    trial.status = status
    for path in known_by(trial)[0]:
        (path / "complete.json").unlink()
    with pytest.raises(InputError, match="checkpoint_000000, checkpoint_000001: missing or dam"):
        placed(trial, run, tmp_path)
    assert len(list((run.trials / "00000").iterdir())) == 2, "nothing was removed"
    shutil.rmtree(run.trials / "00000")
    assert known_by(placed(trial, run, tmp_path)) == ([], None)
