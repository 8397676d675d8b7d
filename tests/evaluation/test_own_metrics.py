"""Metrics of a user's own: tried before Ray starts, and measured at every evaluation."""

import json
import math
from types import MappingProxyType

import numpy as np
import pytest

from tests.in_process import call
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards
from ttt_rllib.agents.afterstates import AfterstatePolicy
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.policies import NetworkPolicy, RandomPolicy, SeatPolicies
from ttt_rllib.agents.untrained import untrained_policy
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.own_metrics import OwnMetrics, check_own_metrics
from ttt_rllib.metrics import flatten

MODULE = """
import math
import numpy as np
from ttt_envs import Boards

def centre(policy):
    return policy(Boards.empty(policy.game, 1))[0, 4]

def ends(policy):
    chances = policy(Boards.empty(policy.game, 1))[0]
    return {"first": chances[0], "last": np.float32(chances[-1]), "count": 2}

def raises(policy):
    return policy.no_such_attribute

def words(policy): return "much"
def nan(policy): return math.nan
def infinite(policy): return {"a": 1.0, "b": -math.inf}
def empty(policy): return {}
def unnamed(policy): return {"a/b": 1.0}
def array(policy): return np.zeros(3)

CALLS = []
def fickle(policy):
    CALLS.append(policy)
    return {"a": 1.0} if len(CALLS) % 2 else {"a": 1.0, "b": 2.0}

class Metric: pass
number = 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_figures.py").write_text(MODULE)
    (tmp_path / "a.yaml").write_text("stop: {iterations: 1}\n")
    return tmp_path


def test_figures_are_named_after_the_metric_and_its_keys(folder):
    metrics = OwnMetrics({"centre": "own_figures:centre", "ends": "own_figures:ends"})
    # Nine legal moves are equally probable.
    assert metrics.measure(RandomPolicy(TIC_TAC_TOE)) == {
        "custom/centre": pytest.approx(1 / 9),
        "custom/ends/first": pytest.approx(1 / 9),
        "custom/ends/last": pytest.approx(1 / 9),
        "custom/ends/count": 2.0,
    }


WRONG = (
    ("no_such_figures:centre", "there is no module 'no_such_figures'"),
    ("own_figures:center", "own_figures has no center; did you mean centre?"),
    ("own_figures:Metric", "own_figures:Metric is a class; it must be a function of the agent"),
    ("own_figures:number", "own_figures:number is a int; it must be a function of the agent"),
    ("own_figures:raises", "own_figures:raises raises AttributeError: 'NetworkPolicy' object has"),
    ("own_figures:words", "own_figures:words returns a str; return a finite number, or a dict"),
    ("own_figures:array", "own_figures:array returns a ndarray; return a finite number"),
    ("own_figures:nan", "own_figures:nan returns nan; return a finite number"),
    ("own_figures:infinite", "own_figures:infinite returns -inf for b; return a finite number"),
    ("own_figures:empty", "own_figures:empty returns an empty dict"),
    ("own_figures:unnamed", "returns a figure named 'a/b'; take letters, digits and _ only"),
)


@pytest.mark.parametrize(("path", "complaint"), WRONG)
def test_the_command_refuses_a_wrong_metric_in_one_sentence(folder, path, complaint):
    words = ("train", "a.yaml", f"evaluation.metrics.mine={path}", "--plan")
    done = call(words, cwd=folder, env={})
    assert done.code == 2, done.errors
    (sentence,) = done.errors
    assert sentence.startswith("error: evaluation.metrics.mine: ")
    assert complaint in sentence
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["evaluation.metrics.x=centre"], "write module:function, as in my_module:x"),
        (["evaluation.metrics={a-b: 'own_figures:centre'}"], "names a metric 'a-b'; a name has"),
        (
            ["evaluation.metrics.x=own_figures:centre", "evaluation.evaluation_interval=0"],
            "evaluation_interval is 0, so nothing is measured",
        ),
        (
            ["search.training.lr={choice: [1e-3]}", "search.objective=custom/centre"],
            "search: mode: of custom/centre neither way is better; set min or max",
        ),
        (
            [
                "search.training.lr={choice: [1e-3]}",
                "search.objective=custom/center",
                "search.mode=max",
                "evaluation.metrics.centre=own_figures:centre",
            ],
            "there is no metric 'custom/center'; did you mean custom/centre?",
        ),
        (
            [
                "search.training.lr={choice: [1e-3]}",
                "search.objective=custom/ends/middle",
                "search.mode=max",
                "evaluation.metrics.ends=own_figures:ends",
            ],
            "there is no metric 'custom/ends/middle'; did you mean custom/ends/",
        ),
        (
            ["search.evaluation.metrics.x={choice: ['own_figures:centre', 'own_figures:ends']}"],
            "trials that measure different things cannot be compared",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(folder, settings, complaint):
    done = call(("train", "a.yaml", *settings, "--plan"), cwd=folder, env={})
    assert done.code == 2, done.errors
    (sentence,) = done.errors
    assert complaint in sentence


def test_a_metric_whose_names_change_is_refused(folder):
    metrics = OwnMetrics({"mine": "own_figures:fickle"})
    assert metrics.measure(RandomPolicy(TIC_TAC_TOE)) == {"custom/mine/a": 1.0}
    complaint = "returned custom/mine/a first and now custom/mine/a, custom/mine/b; always the same"
    with pytest.raises(InputError, match=complaint):
        metrics.measure(RandomPolicy(TIC_TAC_TOE))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, NetworkPolicy),
        ({"algorithm": "dqn", "model": {"hidden_sizes": [8]}}, NetworkPolicy),
        ({"algorithm": "td"}, AfterstatePolicy),
        ({"model": {"threat_planes": True, "tactical_rule": True}}, NetworkPolicy),
        ({"algorithm": "td", "model": {"lookahead": 2}}, LookaheadPolicy),
        ({"env": "connect_four"}, NetworkPolicy),
        (
            {"env": {"pettingzoo": "tictactoe_v3"}, "multi_agent": {"policies": "separate"}},
            SeatPolicies,
        ),
    ],
)
def test_it_is_tried_on_an_agent_of_the_kind_that_is_trained(settings, kind):
    experiment = Experiment.model_validate(settings)
    game = CONNECT_FOUR if "connect_four" in settings.values() else TIC_TAC_TOE
    policy = untrained_policy(experiment, game)
    assert isinstance(policy, kind)
    chances = policy(Boards.empty(game, 1))
    assert chances.shape == (1, game.num_actions)
    assert chances.sum() == pytest.approx(1.0)
    if not isinstance(policy, (LookaheadPolicy, SeatPolicies)):
        assert policy.hidden_sizes == experiment.model.hidden_sizes


def test_an_agent_with_a_users_network_is_tried_too(folder):
    (folder / "own_tried.py").write_text(
        "from torch import nn\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, game):\n"
        "        super().__init__()\n"
        "        self.both = nn.Linear(18, 10)\n\n"
        "    def forward(self, planes):\n"
        "        found = self.both(planes.flatten(1))\n"
        "        return found[:, :9], found[:, 9]\n"
    )
    metrics = {"centre": "own_figures:centre"}
    data = {"model": {"class": "own_tried:Net"}, "evaluation": {"metrics": metrics}}
    experiment = Experiment.model_validate(data)
    check_own_metrics(experiment)
    policy = untrained_policy(experiment, TIC_TAC_TOE)
    assert np.allclose(policy(Boards.empty(TIC_TAC_TOE, 2)).sum(axis=1), 1.0)


def test_figures_of_ones_own_are_the_last_of_a_row():
    result = {"custom": {"b/c": 2, "a": 1}, "perf": {"iteration": 1}, "other": {"a": 5}}
    assert list(flatten(MappingProxyType(result)).items()) == [
        ("perf/iteration", 1.0),
        ("custom/b/c", 2.0),
        ("custom/a", 1.0),
    ]
    assert not any(map(math.isnan, json.loads(json.dumps(flatten(result))).values()))
