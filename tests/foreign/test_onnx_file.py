"""ONNX models: ours has the certificate of its bundle, and others are read by their names."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ttt_rllib
from tests.commands import run_program
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.onnx import OPSET, build_model
from ttt_rllib.errors import InputError


def write(folder, policy):
    path = folder / "agent.onnx"
    path.write_bytes(build_model(Bundle(policy, {})))
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"seed": 1, "q_head": True},
        {"seed": 2, "game": Game(4, 3, 3, gravity=True)},
        {"seed": 3, "inputs": Inputs(threat_planes=True, tactical_rule=True)},
    ],
    ids=str,
)
def test_our_model_has_the_certificate_of_its_bundle_digests_included(
    tmp_path, new_network, settings
):
    policy = new_network(**settings)
    ours = ttt_rllib.evaluate_agent(policy)
    theirs = ttt_rllib.prove(write(tmp_path, policy))
    assert theirs.certificate == ours.certificate
    assert theirs.certificate.moves_sha256_as_x is not None
    assert theirs.nash_conv == pytest.approx(ours.nash_conv, abs=1e-5)


def test_a_model_is_proved_without_ray_and_torch(tmp_path, new_network):
    source = """
import sys, ttt_rllib
print(ttt_rllib.prove(sys.argv[1]).nash_conv_greedy, *sys.modules)
"""
    done = run_program(source, write(tmp_path, new_network()))
    assert done.returncode == 0, done.stderr
    assert not {"ray", "torch", "stable_baselines3", "pyspiel"} & set(done.stdout.split())


def test_our_model_of_another_game_is_refused(tmp_path, new_network):
    path = write(tmp_path, new_network())
    with pytest.raises(InputError, match="plays Tic-tac-toe, not Connect Four"):
        ttt_rllib.prove(str(path), game=CONNECT_FOUR)


def their_model(path, *, output="logits", shape=("batch", 3, 3, 2), about=None, name="observation"):
    """Write a model of another library: constant logits 0, 1, ... 8 for every board."""
    nodes = [
        helper.make_node("Shape", [name], ["batch"], start=0, end=1),
        helper.make_node("Concat", ["batch", "actions"], ["sizes"], axis=0),
        helper.make_node("Expand", ["row", "sizes"], [output]),
    ]
    row = np.arange(9, dtype=np.float32)
    constants = [
        helper.make_tensor("row", TensorProto.FLOAT, [1, 9], row),
        helper.make_tensor("actions", TensorProto.INT64, [1], [9]),
    ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info(name, TensorProto.INT8, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 9])],
        constants,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(
        graph, opset_imports=[opset], ir_version=helper.find_min_ir_version_for([opset])
    )
    if about:
        helper.set_model_props(model, about)
    onnx.save(model, path)
    return path


def test_logits_of_another_library_become_probabilities_of_legal_moves(tmp_path):
    report = ttt_rllib.prove(their_model(tmp_path / "theirs.onnx"))

    def softmax(boards):
        odds = np.where(boards.legal_mask(), np.exp(np.arange(9.0)), 0.0)
        return odds / odds.sum(axis=1, keepdims=True)

    wanted = ttt_rllib.prove(softmax)
    assert report.certificate == wanted.certificate
    assert report.nash_conv == pytest.approx(wanted.nash_conv, abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"output": "action"}, "its outputs are action; name one probabilities or logits"),
        ({"name": "board"}, "has an input 'board' of tensor.int8.; its inputs are to be"),
        ({"shape": ("batch", 6, 7, 2)}, r"has the shape \['batch', 6, 7, 2\]; for Tic-tac-toe it"),
        ({"shape": (1, 3, 3, 2)}, r"has the shape \[1, 3, 3, 2\]; for Tic-tac-toe it is \['batch'"),
        ({"about": {"game": "{}}"}}, "its metadata name no game: JSONDecodeError"),
        ({"about": {"game": json.dumps({"rows": 99})}}, "its metadata name no game: ValueError"),
        ({"output": "probabilities"}, "on the empty board it gives move 2 the probability 2; "),
    ],
)
def test_a_model_of_another_form_gets_one_sentence(tmp_path, settings, words):
    path = their_model(tmp_path / "theirs.onnx", **settings)
    with pytest.raises(InputError, match=words):
        ttt_rllib.prove(path, game=None if "about" in settings else TIC_TAC_TOE)
