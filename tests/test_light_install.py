"""Everything but training works without ray, torch, optuna and wandb: `requirements-light.txt`.

In the quick tests importing these raises; a long one makes the environment of `docs/install.md`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import httpx2
import pytest

from tests.commands import FINISH_S, ROOT, run_program, shell
from tests.report.conftest import write_run
from ttt_rllib.runs.summary import write_summary

AGENT = ROOT / "docs" / "agents" / "ppo"

ONLY_FOR_TRAINING = ("ray", "torch", "optuna", "wandb")

RUN_ALL = """
import json, sys
from pathlib import Path
from tests.in_process import call
for line in json.loads(sys.argv[1]):
    outcome = call(line.split(), cwd=Path(sys.argv[2]), env={"COLUMNS": "120"}, stdin="q")
    print(json.dumps(outcome._asdict()))
"""

COMMANDS = {
    "--version": "ttt_rllib ",
    "evaluate agent": "unexploitable: no opponent can beat it",
    "evaluate results/ppo/one": "unexploitable: no opponent can beat it",
    "play agent --seat x": "you are X",
    "play --list": "ppo~one",
    "report results/ppo/one": "one/report.html",
    "tournament agent perfect random": "perfect",
    "runs": "ppo/one",
    "compare results/ppo": "ppo: n = 1, seed 0",
    "submit results/ppo/one": "unexploitable: ppo is on docs/leaderboard.md",
    "settings training.lr": "training.lr: 0.003 [ppo]",
    "export agent --to copy": "bundle: copy",
    "train ppo --print-config": "algorithm: ppo",
    "train ppo env_runners.num_env_runners=0 --plan": "plan: 1 trial",
}
"""A command line, and what it prints among other things."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_summary):
    """A working directory with an agent, and the run of an agent that was trained elsewhere."""
    folder = tmp_path_factory.mktemp("light")
    shutil.copytree(AGENT, folder / "agent")
    run = write_run(folder / "results" / "ppo" / "one", None)
    shutil.copytree(AGENT, run.agent)
    (run.agent / "certificate.json").rename(run.certificate)
    certificate = json.loads(run.certificate.read_text())
    write_summary(run.summary, new_summary(agent_sha256=certificate["agent_sha256"]))
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "leaderboard.md", folder / "docs")
    return folder


@pytest.fixture(scope="module")
def outcomes(folder):
    """What each command left, all in one process that can import nothing that is for training."""
    lines = [*COMMANDS, "train ppo"]
    done = run_program(RUN_ALL, json.dumps(lines), folder, without=ONLY_FOR_TRAINING)
    assert done.returncode == 0, done.stderr
    return dict(zip(lines, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("line", "shown"), COMMANDS.items())
def test_a_command_works_where_nothing_for_training_can_be_imported(outcomes, line, shown):
    outcome = outcomes[line]
    assert (outcome["code"], outcome["errors"]) == (0, [])
    assert shown in outcome["stdout"]


def test_there_a_training_is_refused_in_one_sentence_that_says_what_to_install(outcomes, folder):
    outcome = outcomes["train ppo"]
    assert outcome["code"] == 2
    (error,) = outcome["errors"]
    assert error.startswith("error: training needs ray and torch, which are not installed here")
    assert "pip install -c constraints.txt -e ." in error
    assert outcome["stdout"] == ""
    assert [path.name for path in (folder / "results" / "ppo").iterdir()] == ["one"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The programs of an environment made as the document says, but not editable."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    install = (sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "-q")
    pins, light = ROOT / "constraints.txt", ROOT / "requirements-light.txt"
    subprocess.run([*install, "-c", pins, "-r", light], check=True, timeout=FINISH_S)
    subprocess.run([*install, "--no-deps", ROOT], check=True, timeout=FINISH_S)
    return place / "bin"


@pytest.mark.long
def test_the_environment_that_the_document_describes_does_everything_but_train(environment, folder):
    env = shell({"PYTHONPATH": None, "PATH": os.defpath, "COLUMNS": "120"})
    options = {"cwd": folder, "env": env, "text": True, "timeout": FINISH_S}
    absent = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    asked = [environment / "python", "-c", absent, *ONLY_FOR_TRAINING]
    assert subprocess.check_output(asked, **options) == "[]\n"
    for line, shown in COMMANDS.items():
        words = [environment / "ttt", *line.split()]
        done = subprocess.run(words, input="q", capture_output=True, **options)
        assert (done.returncode, done.stderr) == (0, ""), line
        assert shown in done.stdout
    done = subprocess.run([environment / "ttt", "train", "ppo"], capture_output=True, **options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: training needs ray and torch")
    words = [environment / "ttt", "play", "--web", "--port", "0"]
    del options["timeout"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, **options) as server:
        try:
            address = re.search(r"http://\S+", server.stderr.readline())[0]
            agents = httpx2.get(f"{address}api/agents", trust_env=False).json()
        finally:
            server.terminate()
    assert agents["preferred"] == "ppo~one"


def test_the_light_requirements_are_those_of_the_project_without_what_only_training_needs():
    text = (ROOT / "requirements-light.txt").read_text()
    light = {line for line in text.splitlines() if not line.startswith("#")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    heavy = set(project["dependencies"]) - light
    assert light < set(project["dependencies"])
    assert {line.partition(">")[0].partition("[")[0] for line in heavy} == set(ONLY_FOR_TRAINING)
