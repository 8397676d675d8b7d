"""Every code block of the README and the documents is tried, or says that it is output."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from tests.docs.blocks import COMMANDS, OUTPUT, PAGES, ROOT, Block, blocks, in_page, in_prose
from tests.docs.command_lines import check_commands
from ttt_rllib import load_experiment

ELSEWHERE = {"docs/library.md": "test_library_page", "docs/prove.md": "foreign/test_page"}
"""Pages whose Python has a test by itself, as it trains or its blocks build on each other."""

AGENT = ROOT / "docs" / "agents" / "ppo"
RUN = "results/ppo/20261123-150620"
"""The run that the pages name as an example."""

KUSTOMIZATION = {"patches", "resources", "components", "images", "nameSuffix"}
PROMETHEUS = {"scrape_configs", "rule_files"}

ALL = [block for page in PAGES for block in blocks(page)]


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """A working directory with what the pages' earlier steps leave, and a module of a user's."""
    for agent in (tmp_path / RUN / "agent", tmp_path / "agent"):
        shutil.copytree(AGENT, agent)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "my_module.py").write_text("from ttt_envs.aec import env\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(block, folder):
    """Try a block, in a newcomer's folder."""
    if block.language == COMMANDS:
        check_commands(block.text)
    elif block.language == "yaml":
        check_yaml(block, folder)
    elif block.language == "python":
        exec(compile(block.text, block.place, "exec"), {})  # noqa: S102 - our own page
    else:
        assert block.language == OUTPUT, f"{block.place}: say what the block is, or that it is text"


def check_yaml(block, folder):
    content = yaml.safe_load(block.text)
    if content.keys() & KUSTOMIZATION or content.keys() <= PROMETHEUS:
        return  # the former are rendered in tests/k8s
    path = folder / "block.yaml"
    path.write_text(block.text)
    load_experiment(path)


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.place)
def test_a_block_works_or_is_marked_as_output(block, newcomer):
    if not (block.language == "python" and block.page in ELSEWHERE):
        check(block, newcomer)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_within_sentences_and_tables_can_be_parsed(page):
    for command in in_prose(page):
        check_commands(command.text)


def test_the_commands_within_sentences_and_tables_are_found():
    found = {command.text for page in PAGES for command in in_prose(page)}
    assert "ttt train ppo seed=1 training.lr=1e-3" in found
    assert "ttt play AGENT --web" in found
    assert len(found) >= 20


def test_every_fence_and_every_indented_line_belongs_to_a_block_that_is_tried():
    """The parser finds as many as plain expressions do, where these can tell."""
    for page in ("README.md", "docs/library.md", "docs/tutorial.md", "k8s/README.md"):
        text = (ROOT / page).read_text()
        fences = re.findall(r"^```\w*$", text, re.MULTILINE)
        bare = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        indented = re.findall(r"(?:\A|\n)\n((?:    .+\n)+)", bare)
        assert len(blocks(page)) >= len(fences) / 2 + len(indented), page
    assert {block.page for block in ALL} >= {"README.md", "docs/commands.md", "k8s/README.md"}
    assert len(ALL) > 60


@pytest.mark.parametrize(
    "page",
    [
        "```\nttt train ppo\n```\n",
        "```console\n$ ttt train ppo\n```\n",
        "    frobnicate the agent\n",
        "    ttt train ppo --sed 1\n",
        "    ttt train ppo seed=1 && ttt train ppo training.learning_rate=1\n",
        "    ttt train there_is_none\n",
        "    ttt evaluat results/ppo/RUN\n",
        "    python -m ttt_rllib.traim ppo\n",
        "    python -m benchmarks nothing\n",
        "    pip install -e '.[tests]'\n",
        "    pip install -c constraint.txt -e .\n",
        "    pytest tests/test_nothing.py\n",
        "    docker run --rm ttt-rllib:dev play --wbe\n",
        "    kubectl apply -k k8s/overlays/none\n",
        "    ttt train ppo seed=1  # is refused, and names seed\n",
        "```yaml\nself_play: {matchmakin: pfsp}\n```\n",
        "```python\nfrom ttt_rllib import no_such_name\n```\n",
    ],
)
def test_a_block_that_is_unmarked_or_wrong_is_noticed(page, newcomer):
    (block,) = in_page("a page", page)
    with pytest.raises((Exception, pytest.fail.Exception), match=r"."):
        check(block, newcomer)


def test_a_block_is_read_as_it_stands():
    page = "1. First\n\n       ttt train ppo \\\n         seed=1\n\n```python\nx = 1\n```\n"
    assert in_page("a page", page) == [
        Block("a page", 3, "bash", "ttt train ppo \\\n  seed=1\n"),
        Block("a page", 6, "python", "x = 1\n"),
    ]
