"""The command and the file that repeat a run, resolved again and compared with its settings."""

import shlex

import pytest
import yaml

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.experiment_files import find_experiment, shipped_experiments
from ttt_rllib.config.loading import difference, dump_experiment, resolve_experiment
from ttt_rllib.report.changed_settings import settings_yaml
from ttt_rllib.report.command import write_report
from ttt_rllib.report.repetition import repeat_command
from ttt_rllib.runs.record import read_run
from ttt_rllib.train.command_line import overrides_of, split_words

CHANGES = {
    "seed": ("ppo", "seed=7"),
    "schedule": ("ppo", "training.lr=[[0, 1e-3], [5000, 2e-5]]", "training.grad_clip=null"),
    "board": ("ppo", "env={rows: 3, cols: 4, connect: 3}", "model.hidden_sizes=[8, 8]"),
    "words": ("ppo", "self_play.matchmaking=pfsp", "initialize_from=it's a run"),
    "text that YAML reads as none": ("ppo", "initialize_from='null'"),
    "limit removed": ("pbt_ppo", "checkpoint.num_to_keep=null"),
    "search removed": ("search_ppo", "search=null"),
    "search without a scheduler": ("search_ppo", "search.scheduler=none"),
    "search": ("search_ppo", "search.num_samples=3", "search.training.lr={uniform: [0.1, 0.2]}"),
    "environment": ("ppo_pettingzoo", "env={pettingzoo: my.game, kwargs: {size: 4}}"),
    "default of another kind": ("ppo_pettingzoo", "training.vf_clip_param=10.0"),
}


def resolved(command, folder):
    """Resolve the settings of a command line that was printed for a shell."""
    program, verb, *words = shlex.split(command)
    assert (program, verb) == ("ttt", "train")
    experiment, settings = split_words(words[0], words[1:])
    file = folder.parent / experiment if "/" in experiment else find_experiment(experiment)
    return resolve_experiment(file, overrides_of((), settings))


@pytest.fixture
def run_of(new_run, tmp_path):
    """Return a function that writes a run of an experiment into a folder of results."""

    def make(experiment):
        run = new_run(agent=False, rows=(), has_summary=False, experiment=experiment)
        folder = tmp_path / "results" / experiment.name
        folder.mkdir(parents=True)
        run.path.rename(folder / "one")
        return read_run(type(run)(folder / "one"))

    return make


@pytest.mark.parametrize("name", sorted(shipped_experiments()))
def test_a_run_of_the_packages_experiment_is_repeated_by_its_name_alone(run_of, name):
    assert repeat_command(run_of(resolve_experiment(shipped_experiments()[name]))) == (
        f"ttt train {name}"
    )


@pytest.mark.parametrize("change", CHANGES)
def test_the_command_gives_the_settings_that_the_run_had(run_of, tmp_path, change):
    name, *settings = CHANGES[change]
    wanted = resolve_experiment(shipped_experiments()[name], tuple(settings))
    command = repeat_command(run_of(wanted))
    assert command.startswith(f"ttt train {name} ")
    assert difference(resolved(command, tmp_path / "results"), wanted) is None


@pytest.mark.parametrize("settings", [{"name": "mine", "seed": 3}, {"name": "ppo", "seed": 4}])
def test_without_a_fitting_experiment_the_command_names_the_runs_own_file(
    run_of, tmp_path, settings
):
    many = {
        "training": {"lr": 1.0, "lambda_": 0.5, "clip_param": 0.5, "num_epochs": 9}
        | {"train_batch_size_per_learner": 8, "minibatch_size": 4, "entropy_coeff": 0.3},
        "model": {"hidden_sizes": [3], "activation": "tanh"},
        "evaluation": {"evaluation_interval": 7},
        "stop": {"iterations": 9, "moves": 77},
    }
    wanted = Experiment.model_validate(settings | many)
    command = repeat_command(run_of(wanted))
    assert command == f"ttt train results/{wanted.name}/one/experiment.yaml"
    assert difference(resolved(command, tmp_path / "results"), wanted) is None


def test_a_folder_with_blanks_is_quoted(run_of):
    record = run_of(Experiment(name="mine"))
    renamed = record.run.path.rename(record.run.path.with_name("my run"))
    command = repeat_command(read_run(type(record.run)(renamed)))
    assert shlex.split(command)[-1] == "results/mine/my run/experiment.yaml"


@pytest.mark.parametrize("change", CHANGES)
def test_the_settings_on_the_page_are_a_file_that_gives_the_settings_of_the_run(
    run_of, tmp_path, read_page, change
):
    name, *settings = CHANGES[change]
    wanted = resolve_experiment(shipped_experiments()[name], tuple(settings))
    record = run_of(wanted)
    page = read_page(write_report(record.run))
    text, command = (one.all("code")[0].text for one in page.all("pre", class_="copy"))
    assert (text, command) == (settings_yaml(wanted), repeat_command(record))
    copied = tmp_path / "copied.yaml"
    copied.write_text(text)
    assert difference(resolve_experiment(copied), wanted) is None
    assert text.count("\n") < dump_experiment(wanted).count("\n") / 2, "defaults are left out"
    # Any other reader of YAML reads the same.
    data = yaml.safe_load(text)
    assert (data["name"], data["seed"]) == (wanted.name, wanted.seed)
