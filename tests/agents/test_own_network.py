"""A user's own network: what it plays is its own forward pass, with torch and without it."""

import json
import re
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.commands import run_program
from ttt_envs import TIC_TAC_TOE, Game, enumerate_positions
from ttt_rllib.agents.bundle import Bundle, BundleError, load_bundle, policy_sha256, save_bundle
from ttt_rllib.agents.onnx import build_model, compare
from ttt_rllib.agents.own_network import OwnNetwork, OwnNetworkPolicy, build_network, torch_answers
from ttt_rllib.agents.own_network_check import check_network, check_own_network
from ttt_rllib.agents.policies import policy_table
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.config.own_code import source_sha256
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent

NUMBERS = count()
PAGE = Path(__file__).parents[2] / "docs" / "own_parts.md"
# The page begins with the network.
BLOCKS = dict(
    reversed(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The module of the page, in a folder where Python finds it, under a name of this test's."""
    path = tmp_path / "code" / f"own_{next(NUMBERS)}.py"
    path.parent.mkdir()
    path.write_text(BLOCKS["python"])
    monkeypatch.syspath_prepend(path.parent)
    return path


def agent(module, game=TIC_TAC_TOE, seed=0):
    torch.manual_seed(seed)
    about = OwnNetwork(f"{module.stem}:Net", {"channels": 6}, source_sha256(module))
    network = build_network(about.path, about.kwargs, game)
    weights = {name: one.numpy().copy() for name, one in network.state_dict().items()}
    return network, OwnNetworkPolicy(game, about, weights, torch_answers(network, game))


def decisions(game=TIC_TAC_TOE):
    positions = enumerate_positions(game)
    return positions.boards[positions.decisions]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(2, 4, 3), Game(4, 3, 3, gravity=True)], ids=str)
def test_probabilities_and_values_are_those_of_torchs_forward_in_every_position(module, game):
    network, policy = agent(module, game)
    boards = decisions(game)
    with torch.no_grad():
        logits, values = network(torch.from_numpy(boards.observe()).float())
    odds = logits.double().exp().numpy() * boards.legal_mask()
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert np.abs(policy.probabilities(boards) - expected).max() < 1e-5
    assert np.abs(policy.values(boards) - values.numpy()).max() < 1e-5
    # They are no constants, and the two planes are not exchanged.
    assert np.ptp(expected.max(axis=1)) > 0.1
    with torch.no_grad():
        swapped, _ = network(torch.from_numpy(boards.observe()[..., ::-1].copy()).float())
    assert not torch.allclose(swapped, logits, atol=1e-3)


def test_moves_that_differ_by_rounding_are_equal_and_the_lowest_is_played():
    chances = np.full((1, 9), 0.11, np.float32)
    chances[0, [4, 7]] = 0.115, 0.115 * (1 + 1e-6)
    about = OwnNetwork("no_module:Net", {}, "")
    policy = OwnNetworkPolicy(TIC_TAC_TOE, about, {}, lambda *_: (chances, np.zeros(1, np.float32)))
    board = decisions()[:1]
    assert not board.ply.any()
    assert policy.greedy_actions(board).tolist() == [4]
    assert policy(board)[0, 4] == policy(board)[0, 7]
    chances[0, 7] = 0.115 * (1 + 1e-3)
    assert policy.greedy_actions(board).tolist() == [7]


def test_the_model_answers_like_torch_and_plays_alone_to_the_same_certificate(module, tmp_path):
    _, policy = agent(module)
    saved = save_bundle(policy, tmp_path / "agent", {"moves": 7})
    (tmp_path / "agent" / "agent.onnx").write_bytes(build_model(saved))
    difference = compare(tmp_path / "agent" / "agent.onnx", saved)
    assert (difference.positions, difference.greatest < 1e-5) == (4520, True)
    with_class = load_bundle(tmp_path / "agent")
    assert with_class.agent_sha256 == saved.agent_sha256 == policy_sha256(policy)
    # A process that has neither the module nor torch.
    program = (
        "import json, sys; from pathlib import Path; import numpy as np\n"
        "from ttt_rllib.agents.bundle import load_bundle\n"
        "from ttt_rllib.agents.policies import policy_table\n"
        "from ttt_envs import TIC_TAC_TOE, enumerate_positions\n"
        "policy = load_bundle(Path(sys.argv[1])).policy\n"
        "np.save(sys.argv[2], policy_table(enumerate_positions(TIC_TAC_TOE), policy))\n"
    )
    done = run_program(
        program, tmp_path / "agent", tmp_path / "table.npy", without=("torch", "ray", module.stem)
    )
    assert done.returncode == 0, done.stderr
    positions = enumerate_positions(TIC_TAC_TOE)
    alone, ours = np.load(tmp_path / "table.npy"), policy_table(positions, policy)
    assert np.abs(alone - ours).max() < 1e-4
    assert (alone.argmax(axis=1) == ours.argmax(axis=1)).all()
    report = evaluate_agent(with_class.policy)
    assert report.certificate.unexploitable is False
    assert report.nash_conv_greedy > 0


def test_another_source_class_or_argument_is_another_agent(module):
    _, policy = agent(module)
    about = policy.network
    others = (
        OwnNetwork("other:Net", about.kwargs, about.source_sha256),
        OwnNetwork(about.path, {"channels": 7}, about.source_sha256),
        OwnNetwork(about.path, about.kwargs, "0" * 64),
    )
    hashes = {
        Bundle(OwnNetworkPolicy(policy.game, one, policy.weights, policy.answers), {}).agent_sha256
        for one in (about, *others)
    }
    assert len(hashes) == 4


def test_a_module_that_was_changed_is_not_run(module, tmp_path):
    _, policy = agent(module)
    save_bundle(policy, tmp_path / "agent", {})
    module.write_text(f"raise SystemExit\n{BLOCKS['python']}")
    with pytest.raises(BundleError, match=r"is not the file that the agent was trained with.*ONNX"):
        load_bundle(tmp_path / "agent")
    module.unlink()
    with pytest.raises(BundleError, match="is not found here, and there is no ONNX"):
        load_bundle(tmp_path / "agent")


def test_nothing_but_a_torch_module_is_called(tmp_path):
    with pytest.raises(InputError, match=r"subprocess:Popen is the class Popen; it must be a"):
        build_network("subprocess:Popen", {"args": ["touch", str(tmp_path / "x")]}, TIC_TAC_TOE)
    with pytest.raises(InputError, match="os:system is a builtin_function"):
        build_network("os:system", {}, TIC_TAC_TOE)


def test_the_model_of_another_agent_is_refused(module, tmp_path):
    for seed in (0, 1):
        saved = save_bundle(agent(module, seed=seed)[1], tmp_path / str(seed), {})
    (tmp_path / "0" / "agent.onnx").write_bytes(build_model(saved))
    module.unlink()
    with pytest.raises(InputError, match="is the model of another agent"):
        load_bundle(tmp_path / "0").policy(decisions())
    (tmp_path / "0" / "agent.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no ONNX model"):
        load_bundle(tmp_path / "0").policy(decisions())


@pytest.mark.parametrize(
    "change",
    [{"class": "no path"}, {"kwargs": [1]}, {"kwargs": {"channels": 3}}, {"activation": "relu"}],
    ids=str,
)
def test_a_changed_description_is_refused(module, tmp_path, change):
    save_bundle(agent(module)[1], tmp_path, {})
    path = tmp_path / "agent.json"
    data = json.loads(path.read_text())
    data["architecture"] |= change
    path.write_text(json.dumps(data))
    with pytest.raises(BundleError, match=r"agent\.json: "):
        load_bundle(tmp_path)


WRONG = {
    "return self.policy(hidden), self.value(hidden)": r"shapes \[16, 9\], \[16, 1\]; forward must",
    "return self.policy(hidden)": "returns a Tensor; forward must return the tensors",
    "return self.policy(hidden).double(), self.value(hidden).squeeze(-1)": "returns float64, float",
    "return self.policy(hidden) / 0, self.value(hidden).squeeze(-1)": "numbers that are not finite",
    "return self.policy(hidden) + torch.rand(1), self.value(hidden).squeeze(-1)": "asked twice",
    "return self.policy(hidden - hidden.mean(0)), self.value(hidden).squeeze(-1)": "among others",
    "return self.policy(hidden).detach(), self.value(hidden).squeeze(-1)": "without a gradient",
    "return self.politics(hidden)": "fails in forward.*AttributeError.*politics",
}


@pytest.mark.parametrize("line", WRONG)
def test_an_answer_that_is_none_is_named_in_one_sentence(module, line):
    last = BLOCKS["python"].rstrip().splitlines()[-1]
    module.write_text(BLOCKS["python"].replace(last.strip(), line))
    path = f"{module.stem}:Net"
    with pytest.raises(InputError, match=rf"^model\.class: {path} .*{WRONG[line]}") as error:
        check_network(path, build_network(path, {}, TIC_TAC_TOE), TIC_TAC_TOE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("self.b = nn.BatchNorm2d(2)", r"keeps b\.num_batches_tracked as int64"),
        ("self.value.weight.data[:] = torch.nan", r"not finite, in value\.weight"),
        ("self.requires_grad_(False)", "has no weights to train"),
        ("raise RuntimeError('no')", r"cannot be built as Net\(game, \*\*kwargs\).*no$"),
    ],
)
def test_a_network_that_cannot_be_trained_is_named_in_one_sentence(module, code, sentence):
    forward = "    def forward"
    module.write_text(BLOCKS["python"].replace(forward, f"        {code}\n\n{forward}"))
    path = f"{module.stem}:Net"
    with pytest.raises(InputError, match=rf"^model\.class: {path} .*{sentence}"):
        check_network(path, build_network(path, {}, TIC_TAC_TOE), TIC_TAC_TOE)


def experiment_file(tmp_path, text):
    path = tmp_path / "conv.yaml"
    path.write_text(text)
    return path


def test_the_experiment_of_the_page_is_checked_with_every_searched_class_and_argument(
    module, tmp_path
):
    text = BLOCKS["yaml"].replace("my_module", module.stem)
    experiment = load_experiment(experiment_file(tmp_path, text))
    check_own_network(experiment)
    searched = f"search: {{model.class: {{grid: [{module.stem}:Net, {module.stem}:Nut]}}}}\n"
    with pytest.raises(InputError, match=r"has no Nut; did you mean Net\?"):
        check_own_network(load_experiment(experiment_file(tmp_path, text + searched)))
    searched = "search: {model.kwargs.chanels: {grid: [16, 64]}}\n"
    with pytest.raises(InputError, match="unexpected keyword argument 'chanels'"):
        check_own_network(load_experiment(experiment_file(tmp_path, text + searched)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("{class: 'no_such_module_here:Net'}", "there is no module 'no_such_module_here'"),
        ("{class: 'no.such.module:Net'}", "there is no module"),
        ("{class: 'math:Net'}", "math has no Net"),
    ],
)
def test_a_class_that_is_not_there_is_named(tmp_path, settings, sentence):
    experiment = load_experiment(experiment_file(tmp_path, f"model: {settings}\n"))
    with pytest.raises(InputError, match=rf"^model\.class: {sentence}"):
        check_own_network(experiment)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {class: Net}", r"model: class is 'Net'; write module:Net"),
        ("model: {kwargs: {a: 1}}", "kwargs is for your own network"),
        ("model: {class: 'm:N', hidden_sizes: [3]}", "hidden_sizes is set, and so is class"),
        ("model: {class: 'm:N', lookahead: 2}", "lookahead is set, and so is class"),
        ("model: {class: 'm:N'}\nalgorithm: dqn", "only ppo trains"),
        ("model: {class: 'm:N'}\ninitialize_from: x", "leave it out"),
        ("model: {class: 'm:N'}\nself_play: {matchmaking: pfsp}", "there is no league"),
        ("model: {class: 'm:N'}\nenv: {pettingzoo: tictactoe_v3}", "one of our boards"),
        ("model: {clas: 'm:N'}", r"did you mean model\.class\?"),
    ],
)
def test_what_a_network_of_ones_own_cannot_do_is_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        load_experiment(experiment_file(tmp_path, text))
