"""The page docs/library.md: every block of it is executed, in the order of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ttt_rllib
from ttt_rllib.rl.torch_threads import set_torch_threads

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "library.md").read_text()
QUICK, _, WHOLE_RUN = PAGE.partition("## A whole run")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A working directory with the experiments, as the root of the repository has them."""
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def execute(language, source, names):
    if language == "python":
        exec(compile(source, "docs/library.md", "exec"), names)  # noqa: S102 - our own page
    else:
        assert language == "bash"
        command = source.replace("python ", f"{sys.executable} ", 1).split()
        subprocess.run(command, check=True, env={**os.environ, "WANDB_MODE": "disabled"})


def test_the_blocks_that_train_and_evaluate_in_this_process(ray_cluster, root, capsys):
    names = {}
    for language, source in BLOCK.findall(QUICK):
        execute(language, source, names)
    shown = capsys.readouterr().out
    assert shown.count("of the best moves") == 5 + 1
    assert "unexploitable:" in shown
    assert re.search(r"^\d+ moves$", shown, re.MULTILINE)
    agent = names["agent"]
    assert (agent.game.num_actions, agent.activation) == (9, "relu")
    assert names["report"].certificate.decision_positions == 4520
    assert names["experiment"].seed == 1


@pytest.mark.long
def test_the_block_that_starts_a_run_and_the_one_that_reads_it(root, capsys):
    names = {"evaluate_agent": ttt_rllib.evaluate_agent}
    for language, source in BLOCK.findall(WHOLE_RUN):
        execute(language, source, names)
    assert capsys.readouterr().out.startswith("done ppo ")
    assert names["run"].run.path == root / "results" / "debug" / "first"


def test_the_page_names_the_whole_front_door_and_imports_nothing_else_from_it():
    table = set(re.findall(r"`(\w+)[`(]", PAGE.partition("## ")[0]))
    assert set(ttt_rllib.__all__) - {"__version__"} <= table
    for names in re.findall(r"^from ttt_rllib import (.*)$", PAGE, re.MULTILINE):
        assert set(names.split(", ")) <= set(ttt_rllib.__all__)


def test_the_page_builds_with_the_number_of_threads_that_it_says(ray_cluster, root, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    names = {}
    (source,) = (source for _, source in BLOCK.findall(QUICK) if "two_threads" in source)
    exec("from ttt_rllib import SelfPlayPPOConfig\n" + source, names)  # noqa: S102 - our own page
    try:
        torch.set_num_threads(3)
        ttt_rllib.SelfPlayPPOConfig().build_algo().stop()
        assert torch.get_num_threads() == 1
        set_torch_threads(names["two_threads"])
        assert torch.get_num_threads() == 2
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        torch.set_num_threads(3)
        set_torch_threads(ttt_rllib.SelfPlayPPOConfig())
        assert torch.get_num_threads() == 3, "it was told so when the process was started"
    finally:
        torch.set_num_threads(before)
