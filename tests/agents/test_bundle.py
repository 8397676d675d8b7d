"""Bundles survive a round trip bit by bit, and any damage gives one clear error."""

import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.commands import RAY_AND_TORCH, run_program
from ttt_envs import TIC_TAC_TOE, Boards, Game, enumerate_positions, random_openings
from ttt_rllib.agents.afterstates import AfterstatePolicy
from ttt_rllib.agents.bundle import (
    Bundle,
    BundleError,
    load_bundle,
    policy_sha256,
    save_bundle,
    weights_sha256,
)
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.policies import NetworkPolicy, SeatPolicies
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.checkpoints import write_manifest
from ttt_rllib.runs.summary import SUMMARY_FILE, write_summary


def network(game=TIC_TAC_TOE, seed=0, inputs=PLAIN_INPUTS):
    rng = np.random.default_rng(seed)
    planes = 6 if inputs.threat_planes else 2
    sizes = {
        "trunk.0": (planes * game.num_squares, 8),
        "policy": (8, game.num_actions),
        "value": (8, 1),
    }
    weights = {}
    for name, (width, outputs) in sizes.items():
        weights[f"{name}.weight"] = rng.normal(size=(outputs, width)).astype(np.float32)
        weights[f"{name}.bias"] = rng.normal(size=outputs).astype(np.float32)
    return NetworkPolicy(game, weights, "relu", inputs)


def seats(game=TIC_TAC_TOE, seed=0):
    return SeatPolicies(network(game, seed), network(game, seed + 100))


@pytest.fixture(params=[network, seats])
def bundle(tmp_path, request):
    """Every kind of agent, so that every damage is tried on each."""
    save_bundle(request.param(), tmp_path / "agent", {"moves": 7})
    return tmp_path / "agent"


def edit(bundle, **changes):
    path = bundle / "agent.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("kind", [network, seats])
@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(6, 7, 4, gravity=True)], ids=str)
def test_a_loaded_bundle_is_the_same_agent(tmp_path, game, kind):
    policy = kind(game)
    saved = save_bundle(policy, tmp_path, {"moves": 7})
    loaded = load_bundle(tmp_path)
    assert (loaded.provenance, loaded.policy.game) == ({"moves": 7}, game)
    assert loaded.weights_sha256 == saved.weights_sha256 == weights_sha256(policy.weights)
    assert loaded.agent_sha256 == saved.agent_sha256
    assert type(loaded.policy) is type(policy)
    assert loaded.policy.weights.keys() == policy.weights.keys()
    assert all(np.array_equal(loaded.policy.weights[k], v) for k, v in policy.weights.items())


def test_a_bundle_from_before_there_were_seats_is_one_network(tmp_path):
    policy = network()
    save_bundle(policy, tmp_path, {})
    edit(tmp_path, format_version=1, architecture={"network": "mlp", "activation": "relu"})
    assert load_bundle(tmp_path).policy.weights.keys() == policy.weights.keys()


def test_the_hash_covers_both_seats_and_which_is_which():
    policy = seats()
    other_o = SeatPolicies(policy.x, network(seed=7))
    swapped = SeatPolicies(policy.o, policy.x)
    hashes = {weights_sha256(agent.weights) for agent in (policy, other_o, swapped)}
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("kind", "said"), [(network, "separate"), (seats, "shared"), (seats, "three"), (seats, None)]
)
def test_weights_that_are_not_those_of_the_seats_are_refused(tmp_path, kind, said):
    save_bundle(kind(), tmp_path, {})
    edit(tmp_path, architecture={"network": "mlp", "activation": "relu", "seats": said})
    with pytest.raises(BundleError, match=r"agent\.json: .* does not describe an agent"):
        load_bundle(tmp_path)


def test_seats_with_a_missing_layer_are_refused(tmp_path):
    whole = network(seed=1)
    without = NetworkPolicy(TIC_TAC_TOE, {**whole.weights}, "relu")
    del without.weights["value.bias"]
    save_bundle(SeatPolicies(whole, without), tmp_path, {})
    with pytest.raises(BundleError, match=r"value\.bias"):
        load_bundle(tmp_path)


def test_the_hash_depends_on_every_value_name_and_shape_but_not_on_the_order():
    weights = network().weights
    changed = {**weights, "value.bias": weights["value.bias"] + np.float32(1e-6)}
    renamed = {("x" + name): array for name, array in weights.items()}
    reshaped = {**weights, "policy.bias": weights["policy.bias"][None]}
    reversed_ = dict(reversed(weights.items()))
    hashes = [weights_sha256(w) for w in (weights, changed, renamed, reshaped)]
    assert len(set(hashes)) == 4
    assert weights_sha256(reversed_) == hashes[0]


def test_truncated_weights_are_refused(bundle):
    path = bundle / "weights.npz"
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleError, match=r"weights\.npz: not a readable weights file"):
            load_bundle(bundle)


def test_any_flipped_bit_is_an_error_or_without_effect(bundle):
    sha256 = load_bundle(bundle).agent_sha256
    path = bundle / "weights.npz"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for position in [*range(64), *rng.integers(0, len(whole), 300)]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            assert load_bundle(bundle).agent_sha256 == sha256
        except BundleError:
            refused += 1
    assert refused > 200


def test_weights_that_are_not_finite_are_refused(tmp_path):
    policy = network()
    policy.weights["policy.bias"][0] = np.nan
    save_bundle(policy, tmp_path, {})
    with pytest.raises(BundleError, match="policy has weights that are not finite"):
        load_bundle(tmp_path)


def test_a_bias_of_several_dimensions_is_refused(tmp_path):
    policy = network()
    policy.weights["value.bias"] = policy.weights["value.bias"].reshape(1, 1, 1)
    save_bundle(policy, tmp_path, {})
    with pytest.raises(BundleError, match=r"value\.bias is \(1, 1, 1\)"):
        load_bundle(tmp_path)


def test_pickled_weights_are_never_unpickled(bundle):
    (bundle / "weights.npz").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(BundleError, match=r"weights\.npz: not a readable weights file"):
        load_bundle(bundle)


def test_other_weights_than_those_of_the_hash_are_refused(bundle):
    np.savez(bundle / "weights.npz", **network(seed=1).weights)
    with pytest.raises(BundleError, match=r"sha256 is .*agent\.json says .*export it again"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": "other"}, "not an agent of ttt_rllib"),
        (
            {"format_version": 99},
            "format_version is 99; this version of ttt_rllib reads 2 and earlier ones",
        ),
        ({"game": {"rows": 99}}, "rows x cols is 99 x 3"),
        ({"game": {"rows": 4}}, "trunk.0.weight is (8, 18), inputs are 24"),
        ({"game": None}, "does not describe an agent"),
        ({"format_version": True}, "format_version is True; this version"),
        (
            {"architecture": {"network": "mlp", "activation": "gelu"}},
            "activation is 'gelu'; known are relu, tanh",
        ),
        ({"architecture": {"network": "cnn", "activation": "relu"}}, "network is 'cnn'"),
        ({"game": {"rows": 3.0}}, "rows is 3.0, not of type int"),
        ({"game": {"rows": True}}, "rows is True, not of type int"),
        ({"game": {"gravity": 0}}, "gravity is 0, not of type bool"),
        ({"game": {"gravity": "0"}}, "gravity is '0', not of type bool"),
        ({"provenance": []}, "provenance is no mapping"),
        ({"architecture": {}}, "does not describe an agent"),
    ],
)
def test_a_wrong_description_is_refused(bundle, changes, expected):
    edit(bundle, **changes)
    with pytest.raises(BundleError) as error:
        load_bundle(bundle)
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_a_foreign_description_is_refused(bundle, text):
    (bundle / "agent.json").write_text(text)
    with pytest.raises(BundleError, match=r"agent\.json: not"):
        load_bundle(bundle)


@pytest.mark.parametrize("missing", ["agent.json", "weights.npz"])
def test_a_missing_file_is_named(bundle, missing):
    (bundle / missing).unlink()
    with pytest.raises(BundleError, match=f"{missing}: no such file"):
        load_bundle(bundle)


def test_an_agent_is_found_in_a_bundle_a_run_and_an_unfinished_run(bundle, tmp_path):
    run = tmp_path / "run"
    checkpoint = run / "trials" / "00000" / "checkpoint_000001"
    save_bundle(network(seed=2), checkpoint / "agent", {})
    write_manifest(checkpoint)
    (run / "experiment.yaml").write_text("")
    assert find_bundle(bundle).agent_sha256 == find_bundle(tmp_path).agent_sha256
    assert (
        find_bundle(run).agent_sha256
        == find_bundle(checkpoint).agent_sha256
        != find_bundle(bundle).agent_sha256
    )
    assert find_bundle(bundle / "agent.json").agent_sha256 == find_bundle(bundle).agent_sha256
    with pytest.raises(BundleError, match="holds no agent"):
        find_bundle(run / "trials")
    (run / "trials" / "thesis").write_text("years of work")
    with pytest.raises(BundleError, match="thesis: holds no agent"):
        find_bundle(run / "trials" / "thesis")
    with pytest.raises(BundleError, match="no such folder"):
        find_bundle(tmp_path / "nothing")


def test_the_agent_that_the_summary_names_counts_and_otherwise_the_newest_checkpoint(
    tmp_path, new_summary
):
    save_bundle(network(seed=1), tmp_path / "agent", {})
    checkpoint = tmp_path / "trials" / "00000" / "checkpoint_000001"
    save_bundle(network(seed=2), checkpoint / "agent", {})
    write_manifest(checkpoint)
    (tmp_path / "experiment.yaml").write_text("")
    for named, folder in (("trials/...", tmp_path / "agent"), (None, checkpoint)):
        write_summary(tmp_path / SUMMARY_FILE, new_summary(checkpoint=named))
        assert find_bundle(tmp_path).agent_sha256 == find_bundle(folder).agent_sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": {"network": "mlp", "activation": "tanh", "seats": "shared"}},
        {"game": {"rows": 3, "cols": 3, "connect": 2, "gravity": False}},
        {"agent_sha256": "0" * 64},
        {"agent_sha256": None},
    ],
    ids=["activation", "game", "hash", "no hash"],
)
def test_a_change_of_anything_that_decides_a_move_is_refused_though_the_weights_are_the_same(
    tmp_path, changes
):
    save_bundle(network(), tmp_path, {})
    edit(tmp_path, **changes)
    with pytest.raises(BundleError, match="the game or the architecture was changed"):
        load_bundle(tmp_path)


def test_the_agents_hash_tells_agents_apart_that_have_the_same_weights():
    relu = network()
    tanh = NetworkPolicy(relu.game, relu.weights, "tanh")
    lines_of_two = NetworkPolicy(Game(3, 3, 2), relu.weights, "relu")
    both = SeatPolicies(relu, relu)
    bundles = [Bundle(policy, {}) for policy in (relu, tanh, lines_of_two, both)]
    assert len({bundle.agent_sha256 for bundle in bundles}) == 4
    assert len({bundle.weights_sha256 for bundle in bundles[:3]}) == 1


# ---- inputs ------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [Inputs(True, False), Inputs(False, True), Inputs(True, True)])
def test_a_loaded_bundle_has_its_inputs_and_plays_the_same(tmp_path, inputs):
    game = Game(4, 4, 4, gravity=True)
    policy = network(game, inputs=inputs)
    saved = save_bundle(policy, tmp_path, {})
    agent = json.loads((tmp_path / "agent.json").read_text())
    assert agent["architecture"]["inputs"] == list(inputs.names)
    loaded = load_bundle(tmp_path)
    assert loaded.policy.inputs == inputs
    assert loaded.agent_sha256 == saved.agent_sha256
    boards = random_openings(game, 200, (0, 15), np.random.default_rng(0))
    assert np.array_equal(loaded.policy(boards), policy(boards))


def test_an_agent_without_knowledge_has_the_description_and_hash_of_one_from_before(tmp_path):
    bundle = save_bundle(network(), tmp_path, {})
    agent = json.loads((tmp_path / "agent.json").read_text())
    assert agent["architecture"] == {"network": "mlp", "activation": "relu", "seats": "shared"}
    # Written by version 0.2.0 before there were inputs.
    known = load_bundle(Path(__file__).parents[2] / "docs" / "agents" / "ppo")
    assert known.policy.inputs == PLAIN_INPUTS
    obeys = replace(network(), inputs=Inputs(tactical_rule=True))
    assert Bundle(obeys, {}).agent_sha256 != bundle.agent_sha256
    assert Bundle(obeys, {}).weights_sha256 == bundle.weights_sha256


PLAIN = {"network": "mlp", "activation": "relu", "seats": "shared"}


@pytest.mark.parametrize(
    ("saved", "architecture", "complaint"),
    [
        (PLAIN_INPUTS, {**PLAIN, "inputs": ["tactical_rule"]}, "the architecture was changed"),
        (Inputs(False, True), PLAIN, "the game or the architecture was changed"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": ["threat_planes"]}, "trunk.0.weight is (8, 18), inputs"),
        (Inputs(True, False), PLAIN, "trunk.0.weight is (8, 54), inputs are 18"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": ["forks"]}, "inputs has 'forks'; known are threat_pla"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": []}, "inputs is []; it names one or more of"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": None}, "inputs is None, not a list of names"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": "tactical_rule"}, "not a list of names"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": {"tactical_rule": True}}, "not a list of names"),
        (PLAIN_INPUTS, {**PLAIN, "inputs": ["tactical_rule"] * 2}, "each once"),
    ],
)
def test_edited_inputs_are_refused(tmp_path, saved, architecture, complaint):
    save_bundle(network(inputs=saved), tmp_path, {})
    edit(tmp_path, architecture=architecture)
    with pytest.raises(BundleError) as error:
        load_bundle(tmp_path)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_seats_with_inputs_are_refused(tmp_path):
    save_bundle(seats(), tmp_path, {})
    edit(tmp_path, architecture={**PLAIN, "seats": "separate", "inputs": ["tactical_rule"]})
    with pytest.raises(BundleError, match="networks of separate seats have no such inputs"):
        load_bundle(tmp_path)


def test_a_bundle_loads_and_plays_where_importing_ray_or_torch_raises(bundle):
    program = (
        "from pathlib import Path\n"
        "from ttt_envs import enumerate_positions, TIC_TAC_TOE\n"
        "from ttt_rllib.agents.bundle import load_bundle\n"
        "positions = enumerate_positions(TIC_TAC_TOE)\n"
        f"policy = load_bundle(Path({str(bundle)!r})).policy\n"
        "print(policy(positions.boards[positions.decisions]).sum().round(6))\n"
    )
    done = run_program(program, without=RAY_AND_TORCH)
    assert done.stdout.strip() == str(float(len(enumerate_positions(TIC_TAC_TOE).decisions)))


def test_an_architecture_with_an_unknown_key_is_refused_since_it_would_be_ignored(tmp_path):
    save_bundle(network(), tmp_path, {})
    edit(tmp_path, architecture={"network": "mlp", "activation": "relu", "dropout": 0.5})
    with pytest.raises(BundleError, match="dropout is no key of an architecture"):
        load_bundle(tmp_path)


def test_weights_that_would_unpack_to_gigabytes_are_refused_before_they_are(tmp_path):
    save_bundle(network(), tmp_path, {})
    with zipfile.ZipFile(tmp_path / "weights.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.save(header, np.zeros(0, dtype=np.float32))
        with archive.open("trunk.0.weight.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(300):
                file.write(bytes(2**20))
    with pytest.raises(BundleError, match=r"it unpacks to 314,572,928 bytes"):
        load_bundle(tmp_path)


def test_weights_whose_header_promises_what_no_memory_holds_are_refused(tmp_path):
    save_bundle(network(), tmp_path, {})
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1, dtype=np.float32))
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {**header, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "weights.npz", "w") as archive:
        archive.writestr("trunk.0.weight.npy", array.getvalue())
    with pytest.raises(BundleError, match="not a readable weights file"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "1" * 5_000])
def test_a_description_that_json_cannot_take_is_refused(tmp_path, content):
    save_bundle(network(), tmp_path, {})
    (tmp_path / "agent.json").write_text(content)
    with pytest.raises(BundleError, match="not readable as JSON"):
        load_bundle(tmp_path)


def test_a_description_without_an_end_is_refused(tmp_path):
    save_bundle(network(), tmp_path, {})
    (tmp_path / "agent.json").unlink()
    (tmp_path / "agent.json").symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="longer than 67,108,864 characters"):
        load_bundle(tmp_path)


AFTERSTATE = {"network": "afterstate_mlp", "activation": "relu", "seats": "shared"}


def test_a_value_network_is_saved_as_what_it_is(tmp_path, new_network):
    policy = new_network(value_head=True, inputs=Inputs(True, True, True))
    saved = save_bundle(policy, tmp_path, {})
    loaded = load_bundle(tmp_path)
    assert type(loaded.policy) is AfterstatePolicy
    assert loaded.policy.inputs == policy.inputs
    assert loaded.agent_sha256 == saved.agent_sha256 == policy_sha256(policy)
    described = json.loads((tmp_path / "agent.json").read_text())["architecture"]
    names = ["threat_planes", "tactical_rule", "symmetry_average"]
    assert described == {**AFTERSTATE, "inputs": names}
    boards = random_openings(TIC_TAC_TOE, 100, (0, 8), np.random.default_rng(0))
    assert np.array_equal(loaded.policy(boards), policy(boards))


@pytest.mark.parametrize(
    ("head", "architecture", "complaint"),
    [
        ("value_head", PLAIN, "network is mlp, but the weights have a value head"),
        ("q_head", AFTERSTATE, "network is afterstate_mlp, but the weights have a q head"),
        (
            "q_head",
            {**PLAIN, "inputs": ["symmetry_average"]},
            "symmetry_average, which is for a value head; the weights have a q head",
        ),
        (
            "value_head",
            {**AFTERSTATE, "seats": "separate"},
            "seats is 'separate'; this agent has one network for both",
        ),
        (
            "value_head",
            {**AFTERSTATE, "inputs": ["threat_planes"]},
            "trunk.0.weight is (16, 18), inputs are 54",
        ),
        ("value_head", {**AFTERSTATE, "inputs": ["tactical_rule"]}, "architecture was changed"),
    ],
)
def test_an_architecture_that_is_not_that_of_the_weights_is_refused(
    tmp_path, new_network, head, architecture, complaint
):
    save_bundle(new_network(**{head: True}), tmp_path, {})
    edit(tmp_path, architecture=architecture)
    with pytest.raises(BundleError) as error:
        load_bundle(tmp_path)
    assert complaint in str(error.value)


def test_a_value_head_with_two_outputs_is_refused(tmp_path, new_network):
    policy = new_network(value_head=True)
    for part in ("weight", "bias"):
        policy.weights[f"value.{part}"] = np.repeat(policy.weights[f"value.{part}"], 2, axis=0)
    save_bundle(policy, tmp_path, {})
    with pytest.raises(BundleError, match=r"value head has \(2,\) outputs"):
        load_bundle(tmp_path)


def test_an_agent_that_looks_ahead_is_saved_with_its_plies_and_has_a_hash_of_its_own(
    tmp_path, new_network
):
    network = new_network()
    plain = save_bundle(network, tmp_path / "plain", {})
    ahead = save_bundle(LookaheadPolicy(network, 3), tmp_path / "ahead", {})
    assert (
        "lookahead"
        not in json.loads((tmp_path / "plain" / "agent.json").read_text())["architecture"]
    )
    loaded = load_bundle(tmp_path / "ahead")
    assert loaded.policy.plies == 3
    assert loaded.agent_sha256 == ahead.agent_sha256 != plain.agent_sha256
    assert loaded.weights_sha256 == plain.weights_sha256
    boards = Boards.empty(network.game, 1)
    assert np.array_equal(loaded.policy(boards), LookaheadPolicy(network, 3)(boards))


@pytest.mark.parametrize("plies", [0, 7, 2.0, True, "2", None])
def test_wrong_numbers_of_plies_are_refused_by_name(tmp_path, new_network, plies):
    save_bundle(LookaheadPolicy(new_network(), 3), tmp_path, {})
    path = tmp_path / "agent.json"
    agent = json.loads(path.read_text())
    agent["architecture"]["lookahead"] = plies
    path.write_text(json.dumps(agent))
    with pytest.raises(BundleError, match=r"plies is .*; an agent looks 1 to 6 plies ahead"):
        load_bundle(tmp_path)
