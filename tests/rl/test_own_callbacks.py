"""Callbacks and metrics of a user's own in real training: what is called, and what it leads to."""

import sys

import numpy as np
import pytest
import ray

from tests.in_process import call
from ttt_envs import TIC_TAC_TOE, Boards
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.metrics import flatten
from ttt_rllib.rl.algorithm_config import algorithm_config
from ttt_rllib.rl.own_callbacks import BOARD_HOOKS, PETTINGZOO_HOOKS

MODULE = '''
from pathlib import Path
import numpy as np
from ray.rllib.callbacks.callbacks import RLlibCallback
from ttt_envs import Boards

FILE = Path(__file__).parents[1] / "calls"

class Counts(RLlibCallback):
    """Appends the name of every method to a file."""

    def note(self, name):
        with FILE.open("a") as file:
            file.write(name + "\\n")

    def on_algorithm_init(self, *, algorithm, metrics_logger, **kwargs):
        self.note("on_algorithm_init")
        assert algorithm.iteration == 0

    def on_train_result(self, *, algorithm, metrics_logger, result, **kwargs):
        self.note("on_train_result")
        result["custom"]["double"] = 2 * result["exact"]["nash_conv"]
        result["custom"]["late"] = np.nan
        result["elsewhere"] = 1.0
        metrics_logger.log_value(("custom", "logged"), algorithm.iteration, reduce="sum",
                                 clear_on_reduce=True)

    def on_checkpoint_loaded(self, *, algorithm, **kwargs):
        self.note(f"on_checkpoint_loaded at {algorithm.iteration}")

    def on_env_runners_recreated(self, *, env_runner_indices, **kwargs):
        self.note(f"on_env_runners_recreated {env_runner_indices}")

class Episodes(RLlibCallback):
    def on_episode_end(self, *, episode, metrics_logger, **kwargs):
        metrics_logger.log_value(("custom", "length"), len(episode), reduce="mean", window=100)

class Everything(RLlibCallback):
    def __getattribute__(self, name):
        if name.startswith("on_"):
            with FILE.open("a") as file:
                file.write(name + "\\n")
        return super().__getattribute__(name)

class Words(RLlibCallback):
    def on_train_result(self, *, result, **kwargs):
        result["custom"]["said"] = "much"

class Evaluates(RLlibCallback):
    def on_evaluate_end(self, **kwargs):
        pass

class Old(RLlibCallback):
    def on_learn_on_batch(self, **kwargs):
        pass

class Needy(RLlibCallback):
    def __init__(self, folder):
        pass

class Unmakeable(RLlibCallback):
    def __init__(self):
        raise OSError("no disk")

class Stranger:
    pass

def centre(policy):
    return policy(Boards.empty(policy.game, 1))[0, 4]

calls = []
def breaks(policy):
    calls.append(policy)
    return centre(policy) if len(calls) < 2 else 1 / 0
'''


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A run's copies of the module, which this process cannot import by itself."""
    # Other tests have other copies.
    monkeypatch.delitem(sys.modules, "own_calls", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "own_code"
    folder.mkdir()
    (folder / "own_calls.py").write_text(MODULE)
    return folder


@pytest.fixture
def started(ray_cluster, code):
    """Return a function that builds a small algorithm; all of them are stopped at the end."""
    built = []

    def build(num_env_runners=0, **settings):
        experiment = Experiment.model_validate(
            {
                "training": {"train_batch_size_per_learner": 300, "minibatch_size": 150},
                "env_runners": {
                    "num_env_runners": num_env_runners,
                    "num_envs_per_env_runner": 16,
                    "num_cpus_per_env_runner": 0.5,
                },
                **settings,
            }
        )
        built.append(algorithm_config(experiment, code=code).build_algo())
        return built[-1]

    yield build
    for algorithm in built:
        algorithm.stop()


def calls(code):
    return (code.parent / "calls").read_text().split("\n")[:-1]


def test_what_the_page_says_is_called_is_called_and_its_figures_are_logged(started, code):
    def new():
        return started(callbacks=["own_calls:Counts"])

    algorithm = new()
    rows = [flatten(algorithm.train()) for _ in range(3)]
    assert calls(code) == ["on_algorithm_init", *["on_train_result"] * 3]
    for number, row in enumerate(rows):
        assert row["custom/double"] == pytest.approx(2 * row["exact/nash_conv"])
        # What is logged after an iteration is reported with the next one.
        assert row.get("custom/logged") == (float(number) if number else None)
        assert "custom/late" not in row
        assert not any("elsewhere" in name for name in row)
    saved = algorithm.save_to_path(str(code.parent / "checkpoint"))
    again = new()
    again.load_checkpoint(saved)
    assert calls(code)[4:] == ["on_algorithm_init", "on_checkpoint_loaded at 3"]


def test_nothing_else_is_called_on_our_boards(started, code):
    algorithm = started(callbacks=["own_calls:Everything"])
    algorithm.train()
    algorithm.load_checkpoint(algorithm.save_to_path(str(code.parent / "checkpoint")))
    # RLlib looks them up where it calls them.
    assert set(calls(code)) == {*BOARD_HOOKS} - {"on_env_runners_recreated"}


@pytest.mark.long
def test_a_recreated_env_runner_is_told(started, code):
    algorithm = started(1, callbacks=["own_calls:Counts"])
    algorithm.train()
    ray.kill(algorithm.env_runner_group._worker_manager.actors()[1], no_restart=False)
    for _ in range(4):
        algorithm.train()
    assert "on_env_runners_recreated [1]" in calls(code)


@pytest.mark.parametrize("num_env_runners", [0, pytest.param(1, marks=pytest.mark.long)])
def test_episodes_are_seen_where_rllibs_env_runners_play(started, code, num_env_runners):
    algorithm = started(
        num_env_runners,
        env={"pettingzoo": "tictactoe_v3"},
        callbacks=["own_calls:Episodes", "own_calls:Everything"],
    )
    row = flatten(algorithm.train())
    assert 5 <= row["custom/length"] <= 9
    # Ours, which counts the results, is there as well.
    assert row["play/x_win_rate"] + row["play/o_win_rate"] + row["play/draw_rate"] == pytest.approx(
        1.0
    )
    assert {*calls(code)} >= {*PETTINGZOO_HOOKS} - {
        "on_checkpoint_loaded",
        "on_env_runners_recreated",
    }


def test_metrics_are_measured_at_every_evaluation_only(started, code):
    algorithm = started(evaluation={"evaluation_interval": 2, "metrics": {"c": "own_calls:centre"}})
    rows = [flatten(algorithm.train()) for _ in range(4)]
    assert ["custom/c" in row for row in rows] == [False, True, False, True]
    chances = algorithm.agent_policy()(Boards.empty(TIC_TAC_TOE, 1))
    assert rows[-1]["custom/c"] == pytest.approx(float(chances[0, 4]))
    assert np.isfinite(rows[-1]["exact/nash_conv"])


def test_a_metric_that_fails_later_fails_the_training_with_a_sentence(started, code):
    algorithm = started(evaluation={"metrics": {"c": "own_calls:breaks"}})
    algorithm.train()
    complaint = r"evaluation\.metrics\.c: own_calls:breaks raises ZeroDivisionError: division by"
    with pytest.raises(InputError, match=complaint):
        algorithm.train()


def test_a_callback_that_reports_no_number_fails_the_training_with_a_sentence(started):
    algorithm = started(callbacks=["own_calls:Words"])
    with pytest.raises(InputError, match=r"""\["custom"\]\["said"\] is 'much'; give a number"""):
        algorithm.train()


def test_a_callback_that_cannot_be_made_fails_the_trial_with_a_sentence(started):
    with pytest.raises(InputError, match="own_calls:Unmakeable cannot be made: OSError: no disk"):
        started(callbacks=["own_calls:Unmakeable"])


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        (
            "callbacks=['own_calls']",
            "callbacks=['own_calls']: names 'own_calls'; write module:",
        ),
        ("callbacks=['own_calls:Count']", "callbacks: own_calls has no Count; did you mean Counts"),
        ("callbacks=['no_calls:A']", "callbacks: there is no module 'no_calls'"),
        (
            "callbacks=['own_calls:Stranger']",
            "own_calls:Stranger is a class; it must be a class",
        ),
        ("callbacks=['own_calls:centre']", "own_calls:centre is a function; it must be a class"),
        (
            "callbacks=['own_calls:Needy']",
            "own_calls:Needy needs arguments; RLlib makes it",
        ),
        ("callbacks=['own_calls:Episodes']", "overrides on_episode_end, which is never called on"),
        ("callbacks=['own_calls:Evaluates']", "on_evaluate_end, which is never called, as the"),
        ("callbacks=['own_calls:Old']", "on_learn_on_batch, which is never called; of RLlib's"),
    ],
)
def test_the_command_refuses_a_wrong_callback_in_one_sentence(
    code, monkeypatch, setting, complaint
):
    monkeypatch.syspath_prepend(code)
    (code / "a.yaml").write_text("stop: {iterations: 1}\n")
    done = call(("train", "a.yaml", setting, "--plan"), cwd=code, env={})
    assert done.code == 2, done.errors
    (sentence,) = done.errors
    assert complaint in sentence
    assert not (code / "results").exists()


def test_a_callback_of_episodes_is_taken_where_episodes_are_played(code, monkeypatch):
    monkeypatch.syspath_prepend(code)
    (code / "a.yaml").write_text("stop: {iterations: 1}\nenv: {pettingzoo: tictactoe_v3}\n")
    done = call(("train", "a.yaml", "callbacks=['own_calls:Episodes']", "--plan"), cwd=code, env={})
    assert done.code == 0, done.errors
