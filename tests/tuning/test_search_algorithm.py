"""Which trials a search makes: against hand-made lists, Optuna itself, and its own past."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from ray.train._internal.storage import StorageContext
from ray.tune import CheckpointConfig
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.runs.exploits_csv import EXPLOITS_FILE, Exploit, write_exploits
from ttt_rllib.tuning.schedulers import scheduler_of
from ttt_rllib.tuning.search_algorithm import ExperimentSearch

LR = {"loguniform": [1e-4, 1e-2]}


def experiment(**search):
    return Experiment.model_validate(
        {
            "seed": 7,
            "stop": {"consecutive_unexploitable_evals": 3, "moves": 1000},
            "checkpoint": {"num_to_keep": 4},
            "search": search,
        }
    )


def asked(searched, tmp_path, monkeypatch):
    """Return the real search, with Tune's Trial replaced by its arguments."""
    monkeypatch.setattr(
        "ttt_rllib.tuning.search_algorithm.Trial", lambda run, **given: SimpleNamespace(**given)
    )
    trials = ExperimentSearch(searched, tmp_path)
    spec = {"run": "x", "config": {}, "stop": {}, "checkpoint_config": CheckpointConfig()}
    trials.add_configurations([SimpleNamespace(spec={**spec, "storage": SimpleNamespace()})])
    return trials


def configs(trials, number=None):
    made = iter(trials.next_trial, None)
    return [trial.config for trial in itertools.islice(made, number)]


def test_a_grid_is_counted_through_with_every_seed_as_in_a_hand_made_list(tmp_path, monkeypatch):
    searched = experiment(
        **{"training.lr": {"grid": [1e-3, 1e-2]}, "model.hidden_sizes": {"grid": [[8], [16]]}},
        num_samples=1,
        num_seeds=2,
    )
    trials = asked(searched, tmp_path, monkeypatch)
    expected = [
        {"training.lr": lr, "model.hidden_sizes": hidden_sizes, "seed": seed}
        for hidden_sizes, lr, seed in itertools.product([[8], [16]], [1e-3, 1e-2], [7, 8])
    ]
    made = [{**config} for config in configs(trials)]
    assert made == expected
    assert trials.total_samples == len(expected)


def test_random_and_tpe_choose_what_optuna_chooses_when_asked_and_told_the_same(
    tmp_path, monkeypatch
):
    for algorithm, sampler in (
        ("random", optuna.samplers.RandomSampler(seed=7)),
        ("optuna", optuna.samplers.TPESampler(seed=7)),
    ):
        searched = experiment(
            **{"training.lr": LR, "training.num_epochs": {"randint": [1, 4]}},
            algorithm=algorithm,
            num_samples=16,
        )
        trials = asked(searched, tmp_path, monkeypatch)
        study = optuna.create_study(sampler=sampler)
        for _ in range(16):
            trial = trials.next_trial()
            truth = study.ask(
                {
                    "training.lr": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True),
                    "training.num_epochs": optuna.distributions.IntDistribution(1, 4),
                }
            )
            assert {key: trial.config[key] for key in truth.params} == truth.params
            value = 1e5 * trial.config["training.lr"]
            trials.on_trial_complete(trial.trial_id, {"search/penalised_moves": value})
            study.tell(truth, value)


def test_the_study_is_told_the_mean_over_the_seeds_and_a_failure_once(tmp_path, monkeypatch):
    searched = experiment(**{"training.lr": LR}, algorithm="optuna", num_samples=2, num_seeds=2)
    trials = asked(searched, tmp_path, monkeypatch)
    assert len(configs(trials)) == 4
    study = trials._configurations._study
    trials.on_trial_complete("00001", {"search/penalised_moves": 300.0})
    assert [one.state.name for one in study.trials] == ["RUNNING", "RUNNING"]
    trials.on_trial_complete("00000", {"search/penalised_moves": 100.0})
    assert study.trials[0].value == 200.0
    trials.on_trial_complete("00002", error=True)
    trials.on_trial_complete("00003", {"search/penalised_moves": 100.0})
    assert study.trials[1].state.name == "FAIL"
    trials.on_trial_complete("00002", {"search/penalised_moves": 50.0})
    assert study.trials[1].state.name == "FAIL", "it was resumed and ended a second time"


def test_no_more_trials_are_made_than_were_allowed_last(tmp_path, monkeypatch):
    searched = experiment(**{"training.lr": LR}, num_samples=6)
    trials = asked(searched, tmp_path, monkeypatch)
    trials.allow(2)
    assert [trial.trial_id for trial in iter(trials.next_trial, None)] == ["00000", "00001"]
    trials.allow(0)
    assert trials.next_trial() is None
    trials.allow(9)
    assert len(configs(trials)) == 4


@pytest.mark.parametrize("algorithm", ["random", "optuna"])
def test_a_restored_search_continues_with_the_very_same_configurations(
    tmp_path, monkeypatch, algorithm
):
    space = {"training.lr": LR, "model.hidden_sizes": {"choice": [[8], [16], [32]]}}
    searched = experiment(**space, algorithm=algorithm, num_samples=20, num_seeds=2)

    def answer(trials, config, number):
        trials.on_trial_complete(f"{number:05d}", {"search/penalised_moves": config["training.lr"]})

    whole = asked(searched, tmp_path, monkeypatch)
    expected = []
    for number in range(40):
        expected += configs(whole, 1)
        answer(whole, expected[-1], number)
    cut = asked(searched, tmp_path, monkeypatch)
    for number in range(25):
        answer(cut, *configs(cut, 1), number)
    cut.save_to_dir(str(tmp_path), "2026")
    restored = ExperimentSearch(searched, tmp_path)
    assert not restored.has_checkpoint(str(tmp_path)), "Tune would restore what it finds anywhere"
    restored.restore_from_dir(str(tmp_path))
    actual = []
    for number in range(25, 40):
        actual += configs(restored, 1)
        answer(restored, actual[-1], number)
    assert actual == expected[25:]
    assert restored.is_finished()


def test_a_moved_run_makes_its_further_trials_where_it_is_now(tmp_path, monkeypatch):
    searched = experiment(**{"training.lr": LR}, num_samples=2)
    trials = asked(searched, Path("/old"), monkeypatch)
    assert trials.next_trial().storage.storage_fs_path == "/old"
    trials.save_to_dir(str(tmp_path), "2026")
    moved = ExperimentSearch(searched, Path("/new"))
    moved.restore_from_dir(str(tmp_path))
    assert moved.next_trial().storage.storage_fs_path == "/new"


def test_no_two_searches_share_a_folder_in_the_ray_session_although_one_is_a_copy(
    tmp_path, monkeypatch
):
    searched = experiment(**{"training.lr": LR}, num_samples=3)
    first = asked(searched, tmp_path, monkeypatch)
    staging = {first.next_trial().storage._timestamp}
    first.save_to_dir(str(tmp_path), "2026")
    for _ in range(2):
        resumed = ExperimentSearch(searched, tmp_path)
        resumed.restore_from_dir(str(tmp_path))
        made = {trial.storage._timestamp for trial in (resumed.next_trial(), resumed.next_trial())}
        assert len(made) == 1, "Tune copies the files of one folder to the run"
        staging |= made
    assert len(staging) == 3


def test_a_run_that_tune_cannot_restore_does_not_start_again_without_a_word(tmp_path, monkeypatch):
    trials = asked(experiment(**{"training.lr": LR}, num_samples=2), tmp_path, monkeypatch)
    trials.next_trial()
    with pytest.raises(TuneError, match="cannot read its own state"):
        trials.add_configurations([SimpleNamespace(spec={})])


def test_no_more_trials_than_max_concurrent_are_asked_until_one_ends(tmp_path, monkeypatch):
    searched = experiment(**{"training.lr": LR}, num_samples=4, max_concurrent=2)
    trials = asked(searched, tmp_path, monkeypatch)
    assert len(configs(trials)) == 2
    trials.on_trial_complete("00001", {"search/penalised_moves": 1.0})
    assert len(configs(trials)) == 1
    assert not trials.is_finished()


def test_failed_trials_that_are_tried_again_count_among_those_that_run(tmp_path, monkeypatch):
    searched = experiment(**{"training.lr": LR}, num_samples=4, max_concurrent=1)
    trials = asked(searched, tmp_path, monkeypatch)
    assert len(configs(trials)) == 1
    trials.on_trial_complete("00000", error=True)
    trials.retry(["00000"])
    assert configs(trials) == []
    trials.on_trial_complete("00000", {"search/penalised_moves": 1.0})
    assert len(configs(trials)) == 1


def test_members_of_a_population_have_different_seeds(tmp_path, monkeypatch):
    searched = experiment(**{"training.lr": LR}, algorithm="pbt", scheduler="pbt", num_samples=3)
    trials = asked(searched, tmp_path, monkeypatch)
    assert [config["seed"] for config in configs(trials)] == [7, 8, 9]


# ---- schedulers ----------------------------------------------------------------------------


def rung_decisions(scheduler, values, first=0):
    """Give each value to the scheduler as a trial that has just reached the first rung."""
    decisions = []
    for number, value in enumerate(values, first):
        trial = Trial("PPO", trial_id=f"{number:05d}", stub=True)
        scheduler.on_trial_add(None, trial)
        result = {"play/moves": 100, "search/penalised_moves": value}
        decisions.append(scheduler.on_trial_result(None, trial, result))
    return decisions


def asha():
    return scheduler_of(
        experiment(
            **{"training.lr": LR},
            scheduler="asha",
            asha={"grace_period": 100, "reduction_factor": 2},
        )
    )


def test_asha_stops_trials_worse_than_the_better_half_and_remembers_the_rungs_when_restored():
    values = [5.0, 9.0, 3.0, 6.0, 1.0, 8.0]
    # By hand: a trial continues if its value is at most the median of those before it.
    expected = ["CONTINUE", "STOP", "CONTINUE", "STOP", "CONTINUE", "STOP"]
    assert rung_decisions(asha(), values) == expected
    first, second = asha(), asha()
    rung_decisions(first, values[:3])
    second.set_state(first.get_state())
    assert rung_decisions(second, values[3:], first=3) == expected[3:]
    assert rung_decisions(asha(), values[3:], first=3) != expected[3:], "it mattered"


def population():
    searched = experiment(
        **{"training.lr": LR},
        algorithm="pbt",
        scheduler="pbt",
        pbt={"perturbation_interval": 100},
    )
    return scheduler_of(searched)


CONTROLLER = SimpleNamespace(search_alg=None)


def trial_in(folder):
    """Return a trial as the scheduler gets it: it has no folder yet."""
    storage = StorageContext(str(folder), "trials")
    return Trial("PPO", trial_id="00000", stub=True, storage=storage)


def test_a_restored_population_compares_its_trials_no_earlier_than_an_undisturbed_one(tmp_path):
    trial = trial_in(tmp_path)
    first, second = population(), population()
    first.on_trial_add(CONTROLLER, trial)
    assert first.get_state()["compared_at"] == {"00000": 0}
    first._trial_state[trial].last_perturbation_time = 250
    second.set_state(first.get_state())
    second.on_trial_add(CONTROLLER, trial)
    assert second.get_state()["compared_at"] == {"00000": 250}


def test_a_restored_population_forgets_exploits_that_came_after_its_state(tmp_path):
    trial = trial_in(tmp_path)
    exploits = [Exploit(number, "00001", {"training.lr": 1e-3}) for number in (3, 6)]
    first = population()
    first.set_state({"compared_at": {}, "exploits": {"00000": exploits[:1]}})
    state = first.get_state()
    folder = tmp_path / "trials" / "00000"
    write_exploits(folder, exploits)
    second = population()
    second.set_state(state)
    second.on_trial_add(CONTROLLER, trial)
    assert (folder / EXPLOITS_FILE).read_text().splitlines()[1:] == ["3,00001,0.001"]


def test_an_exploit_replaces_those_of_the_same_and_later_iterations_as_a_row_of_metrics_does(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(PopulationBasedTraining, "_exploit", lambda *arguments: None)
    trial, scheduler = trial_in(tmp_path), population()
    scheduler.on_trial_add(CONTROLLER, trial)
    trial.config = {"training.lr": 1e-3}
    for iteration, source in ((3, "00001"), (6, "00002"), (9, "00001"), (6, "00003"), (8, "00001")):
        trial.run_metadata.last_result = {"training_iteration": iteration}
        scheduler._exploit(CONTROLLER, trial, SimpleNamespace(trial_id=source))
    rows = (tmp_path / "trials" / "00000" / EXPLOITS_FILE).read_text().splitlines()[1:]
    assert rows == ["3,00001,0.001", "6,00003,0.001", "8,00001,0.001"]


def test_a_population_keeps_its_settings_within_their_ranges():
    population = scheduler_of(
        experiment(
            **{"training.lr": LR, "training.gamma": {"uniform": [0.9, 1.0]}},
            algorithm="pbt",
            scheduler="pbt",
        )
    )
    config = population._custom_explore_fn({"training.lr": 0.5, "training.gamma": 0.2})
    assert config == {"training.lr": 1e-2, "training.gamma": 0.9}
