"""Agents that an experiment names: copied into the run, or refused before anything is written."""

import pytest

from tests.in_process import call
from ttt_envs import CONNECT_FOUR
from ttt_rllib.agents.bundle import policy_sha256, save_bundle
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.policies import SeatPolicies
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.league.given_agents import copy_given_agents, given_members, initial_policy
from ttt_rllib.runs.directory import RunDir, create_run_dir


def experiment(**settings):
    return Experiment.model_validate({"model": {"hidden_sizes": [16, 12]}, **settings})


@pytest.fixture
def folder(tmp_path, monkeypatch, new_network):
    monkeypatch.chdir(tmp_path)
    save_bundle(new_network(), tmp_path / "agent", {"moves": 7})
    save_bundle(new_network(q_head=True), tmp_path / "q", {})
    save_bundle(new_network(value_head=True), tmp_path / "afterstates", {})
    save_bundle(new_network(activation="tanh"), tmp_path / "tanh", {})
    save_bundle(new_network(inputs=Inputs(threat_planes=True)), tmp_path / "sees", {})
    save_bundle(new_network(inputs=Inputs(tactical_rule=True)), tmp_path / "obeys", {})
    save_bundle(new_network(CONNECT_FOUR), tmp_path / "large", {})
    save_bundle(SeatPolicies(new_network(), new_network(seed=1)), tmp_path / "seats", {})
    return tmp_path


def test_a_run_plays_its_copies_when_the_originals_are_gone(folder, new_network):
    given = experiment(
        self_play={"matchmaking": "uniform", "members": ["perfect", "agent", "seats"]},
        initialize_from="agent",
    )
    copies = folder / "run" / "given_agents"
    copy_given_agents(given, copies)
    for name in ("agent", "seats"):
        (folder / name).rename(folder / f"{name} elsewhere")
    members = given_members(given, copies)
    assert [member.name for member in members] == ["perfect", "agent", "seats"]
    assert members[1].sha256 == policy_sha256(new_network())
    assert policy_sha256(initial_policy(given, copies)) == policy_sha256(new_network())
    with pytest.raises(InputError, match=r"self_play\.members: agent: neither"):
        given_members(given)
    assert initial_policy(experiment()) is None


@pytest.mark.parametrize(
    ("path", "changes", "complaint"),
    [
        ("none", {}, "initialize_from: none: no such folder"),
        ("large", {}, "initialize_from: large plays Connect Four, not Tic-tac-toe"),
        ("q", {}, "initialize_from: q is an agent of dqn; set algorithm to dqn"),
        ("agent", {"algorithm": "dqn"}, "agent is an agent of ppo; set algorithm to ppo"),
        ("seats", {}, "initialize_from: seats has a network for each seat"),
        ("tanh", {}, r"hidden layers of \[16, 12\] with tanh, the model \[16, 12\] with relu"),
        (
            "sees",
            {},
            "initialize_from: model.threat_planes is false; sees was trained with true: set it to "
            "true$",
        ),
        ("obeys", {}, "model.tactical_rule is false; obeys was trained with true"),
        ("afterstates", {}, "afterstates is an agent of td; set algorithm to td$"),
        ("q", {"algorithm": "td"}, "q is an agent of dqn; set algorithm to dqn$"),
        (
            "agent",
            {"model": {"hidden_sizes": [16, 12], "tactical_rule": True}},
            "model.tactical_rule is true; agent was trained with false: set it to false$",
        ),
        ("agent", {"model": {}}, r"\[16, 12\] with relu, the model \[128, 128\] with relu"),
    ],
)
def test_weights_that_do_not_fit_are_refused(folder, path, changes, complaint):
    with pytest.raises(InputError, match=complaint):
        initial_policy(experiment(initialize_from=path, **changes))


def test_members_may_have_other_inputs_and_initial_weights_those_of_the_model(folder):
    given = experiment(
        model={"hidden_sizes": [16, 12], "threat_planes": True},
        self_play={"matchmaking": "uniform", "members": ["agent", "sees", "obeys"]},
        initialize_from="sees",
    )
    assert [member.policy.inputs.names for member in given_members(given)] == [
        (),
        ("threat_planes",),
        ("tactical_rule",),
    ]
    copy_given_agents(given, folder / "copies")
    assert initial_policy(given, folder / "copies").inputs == Inputs(threat_planes=True)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["self_play.members=[none]"], "members is set, but matchmaking is none"),
        (
            ["self_play.matchmaking=uniform", "self_play.members=[nobody]"],
            "self_play.members: nobody: neither a fixed player",
        ),
        (
            ["self_play.matchmaking=uniform", "self_play.members=[large]"],
            "self_play.members: large: plays Connect Four",
        ),
        (["self_play.matchmaking=pfsp", "self_play.window=5"], "window is 5, but matchmaking is"),
        (["self_play.matchmaking=latest_or_window", "self_play.window=0"], "self_play.window"),
        (["self_play.matchmaking=pfsp", "self_play.save_steps=0"], "self_play.save_steps"),
        (
            ["self_play.matchmaking=pfsp", "self_play.play_against_latest_model_ratio=1.5"],
            "self_play.play_against_latest_model_ratio=1.5: is 1.5",
        ),
        (["self_play.matchmaking=pfps"], 'self_play.matchmaking=pfps: is "pfps"'),
        (["self_play.save_steps=10"], "save_steps is set, but matchmaking is none"),
        (
            [
                "env=connect_four",
                "stop.consecutive_unexploitable_evals=null",
                "self_play.matchmaking=pfsp",
                "self_play.promotion=exploitability",
            ],
            "self_play.promotion exploitability can never be measured",
        ),
        (["initialize_from=none"], "initialize_from: none: no such folder"),
        (
            ["initialize_from=agent", "search.model.activation={choice: [relu, tanh]}"],
            ": initialize_from names an agent with its own game and network",
        ),
        (
            [
                "env=connect_four",
                "stop.consecutive_unexploitable_evals=null",
                "self_play.matchmaking=pfsp",
                "search.self_play.promotion={choice: [score, exploitability]}",
                "search.objective=eval/score_vs_random",
            ],
            "self_play.promotion exploitability can never be measured",
        ),
        (
            ["self_play.matchmaking=uniform", "self_play.pfsp_weighting=variance"],
            "pfsp_weighting is variance, but matchmaking is uniform, which does not use it",
        ),
        (
            ["env.pettingzoo=tictactoe_v3", "self_play.matchmaking=pfsp"],
            "RLlib's own env runner plays, which knows no league",
        ),
        (
            [
                "search.self_play.members={choice: [[random], [perfect]]}",
                "self_play.matchmaking=pfsp",
            ],
            "agents are not searched",
        ),
    ],
)
def test_the_command_refuses_a_wrong_league_in_one_sentence(folder, settings, complaint):
    (folder / "a.yaml").write_text("stop: {iterations: 1}\n")
    before = sorted(folder.rglob("*"))
    words = [word for setting in settings for word in ("--set", setting)]
    done = call(("train", "a.yaml", "--storage", "results", *words), cwd=folder, env={})
    assert done.code == 2, done.errors
    (sentence,) = done.errors
    assert complaint in sentence
    assert sorted(folder.rglob("*")) == before


def test_a_resumed_run_says_which_of_its_copies_is_missing(folder):
    (folder / "a.yaml").write_text("stop: {iterations: 1}\n")
    given = experiment(self_play={"matchmaking": "uniform", "members": ["agent"]})
    run = RunDir(folder / "results" / "a" / "one")
    create_run_dir(run, given, lambda part: copy_given_agents(given, part.given_agents))
    copy = run.given_agents / "member_0"
    copy.rename(folder / "elsewhere")
    done = call(("train", "--resume", str(run.path)), cwd=folder, env={})
    assert done.code == 2
    (sentence,) = done.errors
    assert f"{copy}: the run's copy of agent is missing" in sentence
