"""The notebooks are stripped, define nothing themselves, and are executed as a whole."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from tests.commands import FINISH_S

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def cells(path, kind="code"):
    content = json.loads(path.read_text())
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped_reads_as_text_and_defines_nothing(path):
    for cell in cells(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        for node in ast.walk(ast.parse(source(cell))):
            assert not isinstance(node, DEFINITIONS), source(cell)
    assert len(cells(path, "markdown")) >= len(cells(path)) / 2
    assert [cell["metadata"].get("tags") for cell in cells(path)].count(["parameters"]) == 1
    assert len({cell["id"] for cell in json.loads(path.read_text())["cells"]}) > 5


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


def executed(path, **parameters):
    """Run a notebook where it lies, with other parameters; return what it printed and showed."""
    nbclient = pytest.importorskip("nbclient", reason="pip install -e .[notebooks]")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (one for one in notebook.cells if one.metadata.get("tags") == ["parameters"])
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    place = {"metadata": {"path": str(path.parent)}}
    nbclient.NotebookClient(notebook, timeout=int(FINISH_S), resources=place).execute()
    shown = []
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        data = output.get("data", {})
        shown.append(output.get("text") or data.get("text/html") or data["text/plain"])
    return "\n".join(shown)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook's own packages
def test_all_notebooks_run_on_a_small_budget_and_say_what_the_files_say(tmp_path):
    trained = executed(NOTEBOOKS[0], EXPERIMENT="debug", STORAGE=str(tmp_path))
    (run,) = (tmp_path / "debug").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    certificate = json.loads((run / "certificate.json").read_text())
    assert f"results: {run}" in trained
    assert summary["verdict"] in " ".join(trained.split())
    assert f"NashConv of its best moves  {summary['metrics']['exact/nash_conv_greedy']}" in trained
    assert "positions                   5478" in trained
    assert 'data-name="its best moves"' in trained
    assert (run / "report.html").is_file()
    looked_at = executed(NOTEBOOKS[1], STORAGE=str(tmp_path))
    assert f"debug/{run.name}" in looked_at
    assert f"{certificate['mistakes']} mistakes in 4,520 decision positions" in looked_at
    assert looked_at.count('class="board"') >= 1 + 3 + 12 + 1
    scaled = executed(NOTEBOOKS[2])
    assert "5 of 5 seeds proven unexploitable by certificate" in scaled
    assert "Given up as exploitable, s" in scaled
