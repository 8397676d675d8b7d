"""Opponents of one's own: asked about every position once, and then a table that needs no code."""

import pickle

import numpy as np
import pytest
import torch

from tests.in_process import call
from ttt_envs import TIC_TAC_TOE, Game
from ttt_envs.positions import enumerate_positions
from ttt_rllib.agents.baselines import OnePlyPolicy
from ttt_rllib.agents.bundle import policy_sha256, save_bundle
from ttt_rllib.agents.own_network import OwnNetwork, OwnNetworkPolicy, build_network, torch_answers
from ttt_rllib.agents.policies import policy_table
from ttt_rllib.agents.table_policy import TablePolicy, tabulated
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.own_code import source_sha256
from ttt_rllib.errors import InputError
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.tables import uniform_table
from ttt_rllib.foreign.opponents import tabulated_opponents
from ttt_rllib.league.given_agents import copy_given_agents, given_members
from ttt_rllib.league.league import League, LeagueSettings
from ttt_rllib.runs.table_npz import read_table, write_table

PLAYER = """
import numpy as np
from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.baselines import OnePlyPolicy

def first(observation, action_mask):
    return int(action_mask.argmax())

def careful(boards):
    return OnePlyPolicy(boards.game)(boards)

def illegal(boards):
    return np.full((len(boards), boards.game.num_actions), 1.0 / boards.game.num_actions)

def noisy(boards):
    return boards.legal_mask() * np.random.default_rng().random((len(boards), 1))

number = 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_players.py").write_text(PLAYER)
    (tmp_path / "a.yaml").write_text("stop: {iterations: 1}\nself_play: {matchmaking: uniform}\n")
    return tmp_path


NETWORK = """
from torch import nn

class Net(nn.Module):
    def __init__(self, game):
        super().__init__()
        self.policy = nn.Linear(2 * game.num_squares, game.num_actions)
        self.value = nn.Linear(2 * game.num_squares, 1)

    def forward(self, planes):
        return self.policy(planes.flatten(1)), self.value(planes.flatten(1)).squeeze(-1)
"""


@pytest.fixture
def own_agent(folder):
    """An agent whose network is a class in a module of the folder."""
    module = folder / "own_linear.py"
    module.write_text(NETWORK)
    torch.manual_seed(0)
    about = OwnNetwork("own_linear:Net", {}, source_sha256(module))
    network = build_network(about.path, {}, TIC_TAC_TOE)
    weights = {name: one.numpy().copy() for name, one in network.state_dict().items()}
    return OwnNetworkPolicy(TIC_TAC_TOE, about, weights, torch_answers(network, TIC_TAC_TOE))


def with_members(*members, **settings):
    self_play = {"matchmaking": "uniform", "members": list(members)}
    return Experiment.model_validate({"self_play": self_play, **settings})


def tables_of(*names, game=TIC_TAC_TOE):
    return tabulated_opponents(names, game, "self_play.members")


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(rows=3, cols=4, connect=3, gravity=True)])
def test_a_table_answers_as_the_player_from_which_it_was_made(game):
    positions = enumerate_positions(game)
    player = OnePlyPolicy(game)
    table = tabulated(player, "one_ply")
    boards = positions.boards[np.random.default_rng(0).permutation(positions.decisions)]
    assert np.allclose(table(boards), player(boards), rtol=0.0, atol=1e-12)
    again = pickle.loads(pickle.dumps(table))  # noqa: S301 - made here
    assert policy_sha256(again) == policy_sha256(table)
    other = TablePolicy(game, uniform_table(positions))
    assert policy_sha256(other) != policy_sha256(table)


def test_probabilities_of_float32_are_made_to_sum_to_one():
    class Rounded:
        game = TIC_TAC_TOE

        def __call__(self, boards):
            legal = boards.legal_mask()
            return legal / legal.sum(axis=1, keepdims=True) * (1.0 + 4e-6)

    table = tabulated(Rounded(), "rounded").table
    positions = solve_or_raise(TIC_TAC_TOE).positions
    assert np.allclose(table, uniform_table(positions), rtol=0.0, atol=1e-15)


def test_a_run_keeps_the_table_and_needs_the_module_no_more(folder):
    given = with_members("one_ply", "own_players:careful")
    tables = tables_of("own_players:careful")
    copies = folder / "run" / "given_agents"
    copy_given_agents(given, copies, tables)
    (folder / "own_players.py").unlink()
    (one_ply, careful) = given_members(given, copies)
    assert (one_ply.name, careful.name) == ("one_ply", "own_players:careful")
    assert careful.sha256 == policy_sha256(tables["own_players:careful"])
    positions = solve_or_raise(TIC_TAC_TOE).positions
    expected = policy_table(positions, OnePlyPolicy(TIC_TAC_TOE))
    assert np.allclose(policy_table(positions, careful.policy), expected, rtol=0.0, atol=1e-12)
    with pytest.raises(InputError, match="plays from a table that only ttt train makes"):
        given_members(given)
    (copies / "member_1" / "table.npz").unlink()
    with pytest.raises(InputError, match=r"table\.npz: the run's copy is missing"):
        given_members(given, copies)


def test_a_league_rates_it_as_the_fixed_player_that_plays_the_same(folder):
    tables = tables_of("own_players:careful", "own_players:first")
    members = given_members(
        with_members("one_ply", "own_players:careful", "own_players:first"), None, tables
    )
    league = League(LeagueSettings(matchmaking="uniform", members=members), TIC_TAC_TOE)
    standing = league.standing(OnePlyPolicy(TIC_TAC_TOE))
    ratings = dict(zip([one.name for one in standing.players], standing.ratings, strict=True))
    assert ratings["own_players:careful"] == pytest.approx(ratings["one_ply"], abs=1e-6)
    assert ratings["own_players:first"] < ratings["one_ply"] - 50


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("no_such_players:first", "no_such_players: there is no such module"),
        ("own_players:frist", "own_players:frist: own_players has no frist; did you mean first?"),
        ("own_players:number", "own_players:number: is of the type int, which cannot be asked"),
        ("own_players:illegal", "gives move 0, which is illegal, the probability 0.111111"),
        ("own_players:noisy", "its probabilities sum to"),
    ],
)
def test_the_command_refuses_a_wrong_player_in_one_sentence(folder, name, complaint):
    before = sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    words = ("train", "a.yaml", "--storage", "results", f"self_play.members=['{name}']")
    done = call(words, cwd=folder, env={})
    assert done.code == 2, done.errors
    (sentence,) = done.errors
    assert sentence.startswith("error: self_play.members: ")
    assert complaint in sentence
    assert before == sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_a_player_of_a_game_too_large_for_a_table_is_refused(folder):
    words = ("train", "a.yaml", "env=connect_four", "self_play.members=['own_players:first']")
    done = call(words, cwd=folder, env={})
    assert done.code == 2
    (sentence,) = done.errors
    assert "own_players:first: plays from a table of all positions" in sentence
    assert "500,000, and Connect Four has more" in sentence


def test_a_damaged_table_is_refused(folder):
    positions = solve_or_raise(TIC_TAC_TOE).positions
    write_table(TablePolicy(TIC_TAC_TOE, uniform_table(positions)), folder)
    assert read_table(folder, TIC_TAC_TOE).table.shape == positions.legal.shape
    with pytest.raises(InputError, match="a policy of this game has the shape"):
        read_table(folder, Game(rows=2, cols=3, connect=2))
    (folder / "table.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match=r"table\.npz: not readable"):
        read_table(folder, TIC_TAC_TOE)


def test_an_agent_with_a_network_of_its_own_is_a_member_but_nothing_to_start_from(
    folder, own_agent
):
    save_bundle(own_agent, folder / "conv", {})
    given = with_members("conv")
    copies = folder / "copies"
    copy_given_agents(given, copies)
    (member,) = given_members(given, copies)
    assert isinstance(member.policy, TablePolicy)
    assert member.sha256 == given_members(given)[0].sha256
    positions = solve_or_raise(TIC_TAC_TOE).positions
    boards = positions.boards[positions.decisions[:200]]
    assert np.allclose(member.policy(boards), own_agent(boards), rtol=0.0, atol=1e-6)
    done = call(("train", "a.yaml", "initialize_from=conv"), cwd=folder, env={})
    assert done.code == 2
    (sentence,) = done.errors
    assert "initialize_from: conv has a network of its own, own_linear:Net()" in sentence
