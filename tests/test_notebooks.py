"""The notebooks carry their outputs, define nothing themselves, and are executed as a whole."""

import ast
import importlib
import json
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from tests.commands import FINISH_S, shell

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def cells(path, kind="code"):
    content = json.loads(path.read_text())
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_executed_once_reads_as_text_and_defines_nothing(path):
    assert [cell["execution_count"] for cell in cells(path)] == list(range(1, len(cells(path)) + 1))
    for cell in cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] in ("stream", "execute_result"), source(cell)
        for node in ast.walk(ast.parse(source(cell))):
            assert not isinstance(node, DEFINITIONS), source(cell)
    assert len(cells(path, "markdown")) >= len(cells(path)) / 2
    assert [cell["metadata"].get("tags") for cell in cells(path)].count(["parameters"]) == 1
    assert len({cell["id"] for cell in json.loads(path.read_text())["cells"]}) > 5


def test_the_notebooks_show_something_and_no_place_of_the_machine_that_made_them():
    assert sum(bool(cell["outputs"]) for path in NOTEBOOKS for cell in cells(path)) >= 20
    for path in NOTEBOOKS:
        assert not re.search(r"(?<![\w.])/(tmp|home|root|work|usr)/", path.read_text())
        assert path.stat().st_size < 400_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_only(path):
    used = 0
    for cell in cells(path):
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("ttt_"):
                public = importlib.import_module(node.module).__all__
                assert {alias.name for alias in node.names} <= set(public)
                used += 1
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")
    assert used


def test_the_links_of_the_notebooks_lead_somewhere():
    for path in NOTEBOOKS:
        for cell in cells(path, "markdown"):
            for link in re.findall(r"\]\(([^)#]+)\)", source(cell)):
                assert (path.parent / link).exists(), link


def unstyled(html):
    """Return HTML without its style sheet, which is the same for every figure of every page."""
    return re.sub("<style>.*?</style>", "", html, flags=re.DOTALL)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook's own packages
def test_the_notebooks_show_what_they_show_when_they_are_executed(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="pip install -e .[notebooks]")
    from benchmarks.notebooks import execute, shown, without_figures

    # A run that logs to W&B, as it does by default, has a folder more.
    monkeypatch.delenv("WANDB_MODE", raising=False)
    kept = [nbformat.read(path, as_version=4) for path in NOTEBOOKS]
    again = [
        execute(path, **({} if path.stem.startswith("03") else {"STORAGE": str(tmp_path)}))
        for path in NOTEBOOKS
    ]
    for one, other in zip(kept[:2], again[:2], strict=True):
        for wanted, found in zip(shown(one), shown(other), strict=True):
            for before, now in zip(wanted, found, strict=True):
                if now.startswith("<"):
                    assert now.split(">")[0] == before.split(">")[0]
                elif "plan:" not in now:
                    # Another machine trains another agent, and so do other libraries.
                    assert without_figures(now) == without_figures(before)
    # This one only shows the published figures, so that it is as old as they are.
    assert [unstyled(one) for one in chain(*shown(again[2]))] == [
        unstyled(one) for one in chain(*shown(kept[2]))
    ]
    trained, looked_at, scaled = ("\n".join(chain(*shown(one))) for one in again)
    (run,) = (tmp_path / "ppo").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    certificate = json.loads((run / "certificate.json").read_text())
    assert f"results: {run}" in trained
    assert summary["verdict"] == "unexploitable: no opponent can beat it"
    assert summary["verdict"] in trained
    assert f"NashConv of its best moves  {summary['metrics']['exact/nash_conv_greedy']}" in trained
    assert "positions                   5478" in trained
    assert 'data-name="its best moves"' in trained
    assert (run / "report.html").is_file()
    assert f"ppo/{run.name}" in looked_at
    assert f"{certificate['mistakes']} mistakes in 4,520 decision positions" in looked_at
    assert looked_at.count('class="board"') >= 1 + 3 + 12 + 1
    assert "5 of 5 seeds proven unexploitable by certificate" in scaled
    assert "Given up as exploitable, s" in scaled


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_does_nothing_but_on_colab(path, monkeypatch):
    first, *_ = cells(path)
    assert source(first) == source(cells(NOTEBOOKS[0])[0])
    here = Path.cwd()

    def refuse(*arguments, **options):
        raise AssertionError(f"it starts {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    exec(source(first), {})  # noqa: S102 - our own notebook
    assert Path.cwd() == here
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    with pytest.raises(AssertionError, match="'git', 'clone'"):
        exec(source(first), {})  # noqa: S102 - our own notebook


AFTERWARDS = """
import ttt_rllib
from ttt_rllib.report import read_benchmarks
read_benchmarks(Path("../docs/benchmarks.json"))
print(ttt_rllib.__file__)
"""


@pytest.mark.long
def test_on_colab_the_first_cell_fetches_the_repository_and_installs_it(tmp_path):
    site = [path for path in sys.path if path.endswith("site-packages")]
    environment, clone = tmp_path / "environment", tmp_path / "clone"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "those_of_the_tests.pth").write_text("\n".join(site))  # pip and what it would fetch
    cell = source(cells(NOTEBOOKS[0])[0]).replace('"<address of this repository>"', repr(str(ROOT)))
    cell = cell.replace('"/content/ttt_rllib"', repr(str(clone)))
    is_colab = "import sys; sys.modules['google.colab'] = sys\n"
    program = f"{is_colab}{cell}\n{cell}\n{AFTERWARDS}"  # a cell may be run again
    done = subprocess.run(
        [environment / "bin" / "python", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=shell({"PYTHONPATH": None}),
        timeout=FINISH_S,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(packages)
