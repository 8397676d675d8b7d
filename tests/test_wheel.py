"""The wheel, in a separate environment and an empty folder: it needs nothing of the clone."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.commands import FINISH_S, ROOT, shell

pytestmark = pytest.mark.long

HIDDEN = ("ttt_rllib", "ttt_envs", "__editable__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout; skipped where its build system cannot be had."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ("pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder, ROOT)
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False
    )
    if "hatchling" in done.stderr:
        pytest.skip("hatchling cannot be installed here")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def ttt(wheel, tmp_path_factory):
    """Return a function that runs the wheel's `ttt` in an empty folder.

    The environment has links to the packages of this one, but not to this project.
    """
    environment = tmp_path_factory.mktemp("environment")
    empty = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    there = next(environment.glob("lib/python3*/site-packages"))
    for place in map(Path, sys.path):
        for path in place.iterdir() if place.name == "site-packages" else ():
            if path.suffix != ".pth" and not any(name in path.name for name in HIDDEN):
                (there / path.name).symlink_to(path)
    install = ("pip", "--python", environment / "bin" / "python", "install", "--no-deps", "--quiet")
    subprocess.run([sys.executable, "-m", *install, "--no-index", wheel], check=True)

    def run(*words, stdin=""):
        return subprocess.run(
            [environment / "bin" / "ttt", *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            cwd=empty,
            env=shell({"PYTHONPATH": None, "PATH": os.defpath}),
            timeout=FINISH_S,
        ).stdout

    return run


def test_the_wheel_holds_all_files_of_the_packages_and_the_experiments(wheel):
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    folders = {"src/ttt_rllib": "ttt_rllib", "envs/ttt_envs": "ttt_envs"}
    folders["experiments"] = "ttt_rllib/experiments"
    files = subprocess.check_output(["git", "ls-files", *folders], cwd=ROOT, text=True)
    expected = set()
    for file in files.splitlines():
        source = next(folder for folder in folders if file.startswith(folder))
        expected.add(folders[source] + file.removeprefix(source))
    assert packed == expected


def test_it_trains_evaluates_reports_and_plays_in_an_empty_folder(ttt):
    *_, last = ttt("train", "debug", "seed=3", "--name", "one").splitlines()
    run = last.removeprefix("results: ")
    assert run.endswith("/results/debug/one")
    assert ttt("evaluate", run).startswith("exploitable: ")
    assert ttt("report", run) == f"report: {run}/report.html\n"
    assert "you are X" in ttt("play", stdin="\n")
    assert "debug~one" in ttt("play", "--list")
    assert ttt("export", run, "--to", "agent") == "bundle: agent\n"
    assert "training.lr: 0.003 [ppo]" in ttt("settings", "training.lr")
