"""`ttt train` with a user's network: refused in a sentence, or trained, proved, resumed, played."""

import json
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.commands import finish, own_lines, run_command, start_command, wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "own_parts.md").read_text()
# The page begins with the network.
BLOCKS = dict(reversed(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)))
SMALL = (
    "model.kwargs.channels=8",
    "training.train_batch_size_per_learner=500",
    "training.minibatch_size=250",
    "checkpoint.checkpoint_frequency=1",
)


@pytest.fixture
def folder(tmp_path):
    """The page's module and experiment, in a folder that is not the working directory."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "my_module.py").write_text(BLOCKS["python"])
    (folder / "conv.yaml").write_text(BLOCKS["yaml"])
    return folder


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("model.class=my_modul:Net", "model.class: there is no module 'my_modul'"),
        ("model.class=my_module:Not", "model.class: my_module has no Not; did you mean Net?"),
        ("model.kwargs={width: 3}", "model.class: my_module:Net cannot be built as Net(game, "),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_before_anything_is_written(
    folder, tmp_path, setting, sentence
):
    done = run_command("train", folder / "conv.yaml", setting, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = own_lines(done.stderr)
    assert line.startswith(f"error: {sentence}")
    assert not (tmp_path / "results").exists()


@pytest.mark.long
def test_a_run_keeps_its_module_resumes_with_it_and_plays_without_it(folder, tmp_path):
    words = (folder / "conv.yaml", *SMALL, "stop.moves=3000", "--name", "one")
    process = start_command("train", *words, cwd=tmp_path)
    run = tmp_path / "results" / "conv" / "one"
    checkpoints = run / "trials"
    wait_until("a checkpoint", lambda: list(checkpoints.glob("*/*/complete.json")), process=process)
    process.send_signal(signal.SIGINT)
    finish(process)
    # The user changes the module, and then loses it: the run has its own.
    (folder / "my_module.py").write_text("raise RuntimeError")
    assert (run / "own_code" / "my_module.py").read_text() == BLOCKS["python"]
    resumed = run_command("train", "--resume", run, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((run / "summary.json").read_text())["status"] == "done"
    shutil.rmtree(folder)
    elsewhere = tmp_path / "moved"
    shutil.copytree(run, elsewhere)
    # Neither torch nor the class: the model plays, and its certificate is the one of the run.
    judged = run_command("evaluate", elsewhere, "--json", cwd=tmp_path, without=("torch", "ray"))
    assert judged.returncode == 0, judged.stderr
    certificate = json.loads((elsewhere / "certificate.json").read_text())
    assert json.loads(judged.stdout)["certificate"] == certificate
    played = run_command("play", elsewhere, cwd=tmp_path, stdin="q\n", without=("torch", "ray"))
    assert played.returncode == 0, played.stderr
    exported = run_command("export", elsewhere, "--to", tmp_path / "to", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert {path.name for path in (tmp_path / "to").iterdir()} >= {"agent.json", "agent.onnx"}
