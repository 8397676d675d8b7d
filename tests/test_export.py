"""Export: the bundle is the same agent, agent.onnx answers the same, no other file is harmed."""

import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import typer

from tests.commands import RAY_AND_TORCH, run_command, run_program
from tests.in_process import call
from ttt_envs import (
    CONNECT_FOUR,
    TIC_TAC_TOE,
    Boards,
    Game,
    enumerate_positions,
    random_openings,
)
from ttt_rllib.agents.bundle import Bundle, load_bundle, policy_sha256, save_bundle
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.onnx import OPSET, TOLERANCE, build_model, compare
from ttt_rllib.agents.policies import NetworkPolicy, SeatPolicies
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.export import export
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.certificate_json import certificate_of, write_certificate
from ttt_rllib.runs.checkpoints import write_manifest

KINDS = [
    {"q_head": False, "activation": "relu"},
    {"activation": "tanh"},
    {"q_head": True},
    {"seats": True},
    {"seats": True, "q_head": True},
]


@pytest.fixture
def run(tmp_path, new_network):
    """An unfinished run: all there is is a checkpoint."""
    checkpoint = tmp_path / "run" / "trials" / "00000" / "checkpoint_000001"
    save_bundle(new_network(), checkpoint / "agent", {"moves": 7})
    write_manifest(checkpoint)
    (tmp_path / "run" / "experiment.yaml").write_text("")
    return tmp_path / "run"


def exit_code(*arguments, **options):
    with pytest.raises(typer.Exit) as left:
        export(*arguments, **options)
    return left.value.exit_code


@pytest.fixture
def new_agent(new_network):
    """Return a function that makes a network or, with `seats`, one for each seat."""

    def make(*arguments, seed=0, seats=False, **kind):
        network = new_network(*arguments, seed=seed, **kind)
        other = new_network(*arguments, seed=seed + 100, **kind)
        return SeatPolicies(network, other) if seats else network

    return make


def as_bundle(policy):
    return Bundle(policy, {})


def decisions(game=TIC_TAC_TOE):
    positions = enumerate_positions(game)
    return positions.boards[positions.decisions]


def ask(model, boards, mask=None):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    observation = boards.observe().reshape(len(boards), -1).astype(np.float32)
    feed = {
        "observation": observation,
        "action_mask": boards.legal_mask() if mask is None else mask,
    }
    return session.run(["probabilities", "value"], feed)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_onnx_equals_numpy_in_all_4520_positions_and_in_any_batch(new_agent, kind):
    policy = new_agent(seed=4, **kind)
    model = build_model(as_bundle(policy))
    boards = decisions()
    assert len(boards) == 4520
    probabilities, values = ask(model, boards)
    # BLAS kernels add in different orders: differences grow with the numbers that are added.
    logits = policy.logits(boards)[boards.legal_mask()]
    close = 1e-5 * max(1.0, np.abs(logits).max())
    assert np.abs(probabilities - policy(boards)).max() <= close
    expected = policy.values(boards)
    assert np.abs(values - expected).max() <= 1e-5 * np.abs(expected).max()
    assert (probabilities.dtype, values.dtype) == (np.float32, np.float32)
    assert not probabilities[~boards.legal_mask()].any()
    if kind.get("q_head"):
        assert set(np.unique(probabilities)) == {0.0, 1.0}
    else:
        # Neither a constant nor a greedy answer would pass.
        assert np.ptp(probabilities.max(axis=1)) > 0.1
    alone, _ = ask(model, boards[17:18])
    assert np.abs(alone - policy(boards[17:18])).max() <= close


KNOWING = [Inputs(True, False), Inputs(False, True), Inputs(True, True)]


@pytest.mark.parametrize(
    "game",
    [
        TIC_TAC_TOE,
        Game(4, 4, 4, gravity=True),
        CONNECT_FOUR,
        Game(4, 3, 3, gravity=True),
        Game(2, 5, 3),
        Game(3, 3, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("q_head", [False, True])
@pytest.mark.parametrize("inputs", KNOWING, ids=lambda inputs: inputs.described)
def test_onnx_knows_of_threats_what_the_agent_knows_after_any_number_of_plies(
    new_network, tmp_path, game, q_head, inputs
):
    policy = new_network(game, q_head=q_head, inputs=inputs, seed=3)
    model = build_model(as_bundle(policy))
    rng, reached = np.random.default_rng(0), []
    for ply in range(game.num_squares):
        # Few games of random moves get to the last plies, and none of lines of one square.
        boards = random_openings(game, 5_000, (ply, ply), rng)
        reached.append(boards[boards.ply == ply][:60])
    if game.connect > 1:
        assert all(len(boards) > 1 for boards in reached)
    for boards in reached:
        if not len(boards):
            continue
        probabilities, values = ask(model, boards)
        magnitude = max(1.0, np.abs(policy.logits(boards)).max())
        assert np.abs(probabilities - policy(boards)).max() <= 1e-5 * magnitude
        assert np.abs(values - policy.values(boards)).max() <= 1e-5 * magnitude
        assert not probabilities[~inputs.allowed_mask(boards)].any()
    (tmp_path / "agent.onnx").write_bytes(model)
    assert compare(tmp_path / "agent.onnx", as_bundle(policy)).greatest <= TOLERANCE


@pytest.mark.parametrize("q_head", [False, True])
def test_a_model_that_knows_less_or_more_than_the_agent_is_found_out(new_network, tmp_path, q_head):
    path = tmp_path / "agent.onnx"
    plain = new_network(q_head=q_head)
    obeys = replace(plain, inputs=Inputs(tactical_rule=True))
    for one, other in ((plain, obeys), (obeys, plain)):
        path.write_bytes(build_model(as_bundle(one)))
        assert compare(path, as_bundle(one)).greatest <= TOLERANCE
        assert compare(path, as_bundle(other)).greatest > 1_000 * TOLERANCE


def test_the_rule_chooses_among_the_moves_that_the_mask_leaves(new_network):
    policy = new_network(inputs=Inputs(tactical_rule=True))
    model = build_model(as_bundle(policy))
    # X on 0, 1 and O on 3, 4: X wins with 2, else parries on 5.
    boards = Boards(TIC_TAC_TOE, np.array([0b11], np.uint64), np.array([0b11000], np.uint64))
    for left, chosen in (((2, 5, 8), {2}), ((5, 8), {5}), ((6, 8), {6, 8})):
        mask = np.isin(np.arange(9), left)[None]
        probabilities, _ = ask(model, boards, mask)
        assert set(np.flatnonzero(probabilities[0])) == chosen


def test_the_model_says_what_the_agent_knows(new_network):
    model = onnx.load_from_string(build_model(as_bundle(new_network(inputs=KNOWING[2]))))
    about = {prop.key: prop.value for prop in model.metadata_props}
    assert about["inputs"] == '["threat_planes", "tactical_rule"]'
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [0, 18]


def test_the_model_says_what_it_is_by_onnx_itself(new_network):
    bundle = as_bundle(new_network())
    model = onnx.load_from_string(build_model(bundle))
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert {prop.key: prop.value for prop in model.metadata_props} == {
        "game": '{"rows": 3, "cols": 3, "connect": 3, "gravity": false}',
        "weights_sha256": bundle.weights_sha256,
    }

    def shapes(tensors):
        return {
            tensor.name: [d.dim_param or d.dim_value for d in tensor.type.tensor_type.shape.dim]
            for tensor in tensors
        }

    assert shapes(model.graph.input) == {"observation": ["batch", 18], "action_mask": ["batch", 9]}
    assert shapes(model.graph.output) == {"probabilities": ["batch", 9], "value": ["batch"]}


def test_another_agents_model_is_found_out(new_agent, tmp_path):
    path = tmp_path / "agent.onnx"
    for kind in KINDS:
        path.write_bytes(build_model(as_bundle(new_agent(seed=1, **kind))))
        assert compare(path, as_bundle(new_agent(seed=1, **kind))).greatest <= TOLERANCE
        assert compare(path, as_bundle(new_agent(seed=2, **kind))).greatest > 0.1


@pytest.mark.parametrize(("raised", "probabilities"), [(1e-7, 0.0), (1e-3, 1.0)])
def test_only_moves_of_equal_q_value_are_taken_for_one_another(
    new_network, tmp_path, raised, probabilities
):
    weights = {name: 0 * array for name, array in new_network(q_head=True).weights.items()}
    raised_last = {**weights, "q.bias": np.float32([0] * 8 + [raised])}
    path = tmp_path / "agent.onnx"
    path.write_bytes(build_model(as_bundle(NetworkPolicy(TIC_TAC_TOE, raised_last, "relu"))))
    # The agent takes the first of equal moves, the model the last square if that is free.
    difference = compare(path, as_bundle(NetworkPolicy(TIC_TAC_TOE, weights, "relu")))
    assert (difference.positions, difference.probabilities) == (4520, probabilities)
    assert difference.values == pytest.approx(raised)


def test_a_large_game_is_compared_in_thousands_of_sampled_positions(new_network, tmp_path):
    bundle = as_bundle(new_network(CONNECT_FOUR, activation="tanh"))
    (tmp_path / "agent.onnx").write_bytes(build_model(bundle))
    difference = compare(tmp_path / "agent.onnx", bundle)
    assert difference.positions == 4096
    assert difference.greatest <= TOLERANCE


def test_a_run_becomes_a_bundle_with_a_certificate_that_evaluate_confirms(run, tmp_path, capsys):
    to = tmp_path / "new" / "agent"
    assert exit_code(run, to=to, onnx=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"agent.onnx: opset {OPSET}, within ")
    assert lines[0].endswith(" in 4,520 positions")
    assert lines[1:] == [f"bundle: {to}"]
    loaded, original = load_bundle(to), find_bundle(run)
    assert (loaded.agent_sha256, loaded.provenance) == (original.agent_sha256, {"moves": 7})
    assert {file.name for file in to.iterdir()} == {
        "agent.json",
        "weights.npz",
        "certificate.json",
        "agent.onnx",
    }
    certificate = json.loads((to / "certificate.json").read_text())
    assert certificate["weights_sha256"] == original.weights_sha256
    assert certificate["agent_sha256"] == original.agent_sha256
    assert run_command("evaluate", to).returncode == 0
    certificate["mistakes"] += 1
    (to / "certificate.json").write_text(json.dumps(certificate))
    assert run_command("evaluate", to).returncode == 1


def test_the_certificate_of_a_large_board_goes_along_with_its_agent_and_with_no_other(
    new_network, tmp_path
):
    source, to = tmp_path / "source", tmp_path / "to"
    bundle = save_bundle(new_network(Game(4, 4, 4)), source, {})
    proved = evaluate_agent(bundle.policy, max_positions=10_000, num_games=2).certificate
    write_certificate(source / "certificate.json", certificate_of(bundle, proved))
    for agent in (source, source / "agent.json", to):
        assert exit_code(agent, to=to) == 0
        kept = (to / "certificate.json").read_bytes()
        assert kept == (source / "certificate.json").read_bytes()
    assert exit_code(source, to=to, lookahead=1) == 0
    assert {file.name for file in to.iterdir()} == {"agent.json", "weights.npz"}


def test_export_and_play_work_where_importing_ray_or_torch_raises(run, tmp_path):
    to = tmp_path / "taken"
    done = run_command("export", run, "--to", to, "--onnx", without=RAY_AND_TORCH)
    assert (done.returncode, done.stderr) == (0, "")
    answer = (
        "import sys; from pathlib import Path; from ttt_envs import Boards\n"
        "import ttt_rllib.agents.bundle as b\n"
        "policy = b.load_bundle(Path(sys.argv[1])).policy\n"
        "print(policy(Boards.empty(policy.game, 1)).tolist())\n"
    )
    done = run_program(answer, to, without=(*RAY_AND_TORCH, "onnx", "onnxruntime", "typer"))
    expected = find_bundle(run).policy(Boards.empty(TIC_TAC_TOE, 1))
    assert json.loads(done.stdout) == expected.tolist()


def test_a_bundle_is_replaced_with_all_its_files_and_may_be_its_own_source(run, tmp_path):
    to = tmp_path / "agent"
    assert exit_code(run, to=to, onnx=True) == 0
    assert exit_code(to, to=to) == 0
    assert {file.name for file in to.iterdir()} == {"agent.json", "weights.npz", "certificate.json"}
    assert load_bundle(to).agent_sha256 == find_bundle(run).agent_sha256
    (tmp_path / "empty").mkdir()
    assert exit_code(run, to=tmp_path / "empty") == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["agent", "empty", "run"]


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, 1), (errno.ESTALE, 1), (errno.EACCES, 2)]
)
def test_if_the_last_rename_fails_the_old_bundle_is_back(run, tmp_path, monkeypatch, number, code):
    to = tmp_path / "agent"
    assert exit_code(run, to=to) == 0
    before = {file.name: file.read_bytes() for file in to.iterdir()}
    rename = Path.rename

    def full_disk(self, target):
        if ".part-" in self.name:
            raise OSError(number, os.strerror(number))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full_disk)
    done = call(["export", str(run), "--to", str(to), "--onnx"], cwd=tmp_path, env={})
    # A pod tries again what may succeed later, and nothing else.
    assert done.code == code
    assert done.errors == (f"error: {to}: cannot be written: {os.strerror(number)}",)
    assert {file.name: file.read_bytes() for file in to.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["agent", "run"]


@pytest.mark.parametrize(
    ("name", "files", "sentence"),
    [
        ("foreign", {"thesis.tex": "years of work"}, "is no bundle and not empty, it holds thesis"),
        ("mixed", {"agent.json": '{"format": "ttt_rllib.agent"}', "notes": "mine"}, "holds notes"),
        ("other", {"agent.json": '{"format": "other"}'}, "it holds agent.json"),
    ],
)
def test_a_foreign_folder_is_left_as_it_is(run, tmp_path, capsys, name, files, sentence):
    to = tmp_path / name
    to.mkdir()
    for file, text in files.items():
        (to / file).write_text(text)
    assert exit_code(run, to=to) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert {file.name: file.read_text() for file in to.iterdir()} == files


def test_a_file_the_working_directory_and_an_unwritable_place_are_refused(run, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "here").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    places = {
        tmp_path / "loop": "is a link that leads to itself; give a new folder",
        tmp_path / "file": "is a file; give a new folder",
        tmp_path / "here" / ".": "is the working directory; give a new folder",
        tmp_path / "file" / "below": "cannot be written: ",
    }
    for to, sentence in places.items():
        done = call(["export", str(run), "--to", str(to)], cwd=tmp_path / "here", env={})
        assert done.code == 2
        (line,) = done.errors
        assert sentence in line


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            {"format_version": 99},
            "format_version is 99; this version of ttt_rllib reads 2 and earlier ones",
        ),
        ({"weights_sha256": "0" * 64}, "agent.json says 000000000000...; the file was changed"),
        ({"format": "other"}, "agent.json: not an agent of ttt_rllib"),
    ],
)
def test_a_damaged_source_is_one_line_and_leaves_nothing(run, tmp_path, capsys, damage, sentence):
    path = next(run.glob("trials/*/*/agent/agent.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    before = sorted(tmp_path.iterdir())
    assert exit_code(path.parent, to=tmp_path / "new") == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_agent_that_plays_by_what_follows_has_a_bundle_but_no_model(
    new_network, tmp_path, capsys
):
    policy = new_network(value_head=True)
    save_bundle(policy, tmp_path / "agent", {})
    assert exit_code(tmp_path / "agent", to=tmp_path / "model", onnx=True) == 2
    error = capsys.readouterr().err
    assert "--onnx: the agent was trained by td" in error
    assert "leave --onnx out" in error
    assert not (tmp_path / "model").exists()
    assert exit_code(tmp_path / "agent", to=tmp_path / "copy") == 0
    assert (tmp_path / "copy" / "certificate.json").exists()
    assert policy_sha256(load_bundle(tmp_path / "copy").policy) == policy_sha256(policy)


def test_without_onnx_nothing_is_written_and_the_old_bundle_stays(
    run, tmp_path, capsys, monkeypatch
):
    to = tmp_path / "agent"
    assert exit_code(run, to=to) == 0
    before = {file.name: file.read_bytes() for file in to.iterdir()}
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert exit_code(run, to=to, onnx=True) == 2
    assert "--onnx: onnx is not installed; pip install onnx onnxruntime" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in to.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["agent", "run"]


def test_without_onnxruntime_the_model_is_written_and_said_to_be_unchecked(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert exit_code(run, to=tmp_path / "agent", onnx=True) == 0
    assert "agent.onnx was not checked: onnxruntime is not installed" in capsys.readouterr().err
    assert (tmp_path / "agent" / "agent.onnx").is_file()


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("magnitude", [1e-3, 1e6])
def test_agents_of_small_and_of_great_values_are_sound(new_agent, tmp_path, magnitude, kind):
    agents = [new_agent(seed=seed, **kind) for seed in (1, 2)]
    for policy in agents:
        for name, array in policy.weights.items():
            if name.rpartition(".")[0].endswith(("q", "value")):
                array[:] *= np.float32(magnitude)
    path = tmp_path / "agent.onnx"
    path.write_bytes(build_model(as_bundle(agents[0])))
    assert compare(path, as_bundle(agents[0])).greatest <= TOLERANCE
    assert compare(path, as_bundle(agents[1])).greatest > 1e-3


def test_a_model_that_answers_differently_is_not_written(
    run, tmp_path, capsys, new_network, monkeypatch
):
    model = build_model(as_bundle(new_network(seed=1)))
    monkeypatch.setattr("ttt_rllib.export.build_model", lambda bundle: model)
    assert exit_code(run, to=tmp_path / "agent", onnx=True) == 1
    assert "of the greatest value, more than 1e-05; nothing was" in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run"]


def test_an_agent_is_exported_to_look_ahead_and_back_again(run, tmp_path):
    done = run_command("export", run, "--to", tmp_path / "ahead", "--lookahead", 2)
    assert done.returncode == 0, done.stderr
    said = run_command("evaluate", tmp_path / "ahead", "--json")
    assert said.returncode == 0, said.stderr
    report = json.loads(said.stdout)
    assert report["lookahead"] == 2
    text = run_command("evaluate", tmp_path / "ahead").stdout
    assert "knowledge             looks 2 plies ahead" in text
    certificate = json.loads((tmp_path / "ahead" / "certificate.json").read_text())
    assert certificate == report["certificate"]
    back = run_command("export", tmp_path / "ahead", "--to", tmp_path / "back", "--lookahead", 0)
    assert back.returncode == 0, back.stderr
    agents = [find_bundle(folder) for folder in (run, tmp_path / "back")]
    assert agents[0].agent_sha256 == agents[1].agent_sha256
    assert report["agent_sha256"] != agents[0].agent_sha256


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--lookahead", 7), "Invalid value for '--lookahead'"),
        (("--lookahead", 2, "--onnx"), "--onnx: the agent looks ahead"),
    ],
)
def test_looking_ahead_too_far_or_as_a_model_is_one_line(run, tmp_path, options, sentence):
    done = run_command("export", run, "--to", tmp_path / "new", *options)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()
