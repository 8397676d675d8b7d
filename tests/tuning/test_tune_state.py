"""What Tune's saved state knows of the checkpoints, at every moment at which a kill may come."""

import io
import json
import shutil
from pathlib import Path

import pytest
from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.console import Console

from ttt_rllib.config.loading import load_experiment
from ttt_rllib.runs.checkpoints import is_complete
from ttt_rllib.runs.directory import RunDir, create_run_dir, new_run_dir
from ttt_rllib.tracking.search_progress import SearchProgress
from ttt_rllib.tuning.run import run_trials

pytestmark = pytest.mark.long

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
    """Looks, right after Tune removed old checkpoints, what a kill would leave to go on from.

    That is before Tune saves that it did so. At the given iteration it keeps a copy of it.
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


def assert_newest_kept(outcome, num_to_keep):
    assert len(outcome.trials) == 2
    for trial in outcome.trials:
        kept = sorted(trial.folder.glob("checkpoint_*"))
        assert trial.checkpoint == kept[-1]
        agents = [json.loads((path / "agent" / "agent.json").read_text()) for path in kept]
        iterations = [agent["provenance"]["iteration"] for agent in agents]
        assert iterations == list(range(ITERATIONS - num_to_keep + 1, ITERATIONS + 1))


@pytest.mark.parametrize("num_to_keep", [1, 2])
def test_whenever_a_kill_comes_the_checkpoint_that_the_saved_state_knows_is_there(
    ray_cluster, tmp_path, num_to_keep
):
    file = tmp_path / "short.yaml"
    file.write_text(EXPERIMENT.format(num_to_keep=num_to_keep))
    experiment = load_experiment(file)
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
