"""The project's own promises: layers, metrics page, changelog, commands in the README."""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

import ttt_rllib
from ttt_rllib.metrics import METRICS, markdown_table

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ttt_rllib"

# A package imports only those before it.
PACKAGES = (
    *(
        "ttt_envs",
        "errors",
        "text_files",
        "metrics",
        "signals",
        "program",
        "commands",
        "exact",
        "config",
        "agents",
    ),
    *(
        "cluster",
        "analysis",
        "evaluation",
        "runs",
        "league",
        "sampling",
        "rl",
        "play",
        "report",
        "foreign",
        "watch",
        "tuning",
        "tracking",
    ),
    *(
        "train",
        "evaluate",
        "export",
        "prove",
        "tournament",
        "compare",
        "submit",
        "settings",
        "cli",
        "__main__",
    ),
)
MAY_IMPORT = {
    "ray": (
        *(
            "cluster",
            "rl",
            "sampling.counters",
            "sampling.env_runner",
            "sampling.opponents",
            "tuning",
            "tracking",
        ),
        "play.serve_app",
    ),
    # A user's own network; both import torch only when there is one.
    "torch": ("rl", "agents.own_network", "agents.own_network_check"),
}
MODULES = sorted([*SOURCE.rglob("*.py"), *(ROOT / "envs" / "ttt_envs").rglob("*.py")])


def package(module):
    parts = module.split(".")
    return parts[0] if parts[0] == "ttt_envs" else parts[1]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_imports_only_packages_before_it_and_only_its_frameworks(path):
    root = ROOT / ("src" if SOURCE in path.parents else "envs")
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    is_front = module == "ttt_rllib.__init__"
    for imported in imports(path):
        framework = imported.split(".")[0]
        if imported.startswith(("ttt_rllib.", "ttt_envs")) and not is_front:
            assert PACKAGES.index(package(imported)) <= PACKAGES.index(package(module)), imported
        if framework in MAY_IMPORT:
            allowed = tuple(f"ttt_rllib.{name}" for name in MAY_IMPORT[framework])
            assert module.startswith(allowed), imported
        if imported.startswith("ray.rllib"):
            assert package(module) == "rl", imported


def test_nothing_lies_beside_the_packages_but_what_the_layout_names():
    beside = {path.stem for path in SOURCE.glob("*.py")}
    assert beside == {
        *("__init__", "__main__", "cli", "errors", "text_files", "metrics", "signals", "commands"),
        "program",
        *("evaluate", "export", "prove", "tournament", "compare", "submit", "settings"),
    }


def literals(path):
    """Return the strings in a module, docstrings apart."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [
        node.value for node in constants if isinstance(node.value, str) and id(node) not in docs
    ]


def names_of_metrics(path):
    """Return the literals in a module that spell a metric, or the group of one."""
    groups = tuple(f"{metric.name.split('/')[0]}/" for metric in METRICS)
    return [text for text in literals(path) if len(text.split()) == 1 and text.startswith(groups)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_metric_is_spelled_in_the_module_of_metrics_only(path):
    if path != SOURCE / "metrics.py":
        assert names_of_metrics(path) == []


FILE_NAME = re.compile(
    r"(?<![\w*])[\w.-]+\.(?:csv|html|json|npz|onnx|pkl|txt|yaml)(?![\w.])|checkpoint_(?![a-z])"
)


def test_a_file_name_is_spelled_once_by_the_module_that_writes_the_file():
    # The module of metrics imports nothing, and names a file only on its page of the docs.
    modules = [path for path in MODULES if path != SOURCE / "metrics.py"]
    names = Counter(
        name for path in modules for text in literals(path) for name in FILE_NAME.findall(text)
    )
    assert {"summary.json", "metrics.csv", "checkpoint_", "weights.npz"} <= set(names)
    assert [name for name, count in names.items() if count > 1] == []


def test_the_metrics_page_is_the_metrics_file():
    assert (ROOT / "docs" / "metrics.md").read_text() == markdown_table()


def test_metric_names_have_two_levels_and_are_unique():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+/[a-z0-9_]+", name) for name in names)


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == ttt_rllib.__version__


def test_the_citation_has_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == ttt_rllib.__version__


PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "k8s/README.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    *sorted(
        f"docs/agents/{p.parent.name}/README.md" for p in (ROOT / "docs").glob("agents/*/*.md")
    ),
)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_links_to_exist(page):
    text = (ROOT / page).read_text()
    for link in re.findall(r"(?:\]\(|src=\")(?!https?:)([^)#\"]+)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_experiments_named_in_the_readme_exist():
    for path in re.findall(r"experiments/[\w.]+\.yaml", (ROOT / "README.md").read_text()):
        assert (ROOT / path).is_file(), path


# In the README: the benchmark, the row, what its unit is multiplied by, and how that reads.
FIGURES = (
    ("sampling", "board env runner, 512 boards", 1e-3, "{:.0f} with 512 boards"),
    ("sampling", "board env runner, 4,096 boards", 1e-3, "{:.0f} with 4,096"),
    ("sampling", "stock MultiAgentEnvRunner, 64 envs", 1e-3, "stock RLlib: {:.1f} |"),
    ("sampling", "board env runner, 512 boards / stock", 1e-2, "about {:.0f}00 times as many"),
    ("env", "random play, ttt_envs", 1e-6, "| {:.1f} | Pgx"),
    ("env", "random play, Pgx", 1e-6, "Pgx {:.1f},"),
    ("env", "random play, OpenSpiel", 1e-6, "OpenSpiel {:.2f},"),
    ("env", "random play, PettingZoo", 1e-6, "PettingZoo {:.3f} |"),
    ("learner", "SelfPlayPPOLearner / bare loop, minibatch 512", 1, "| {:.2f} | stock RLlib"),
    ("learner", "stock PPOTorchLearner / bare loop, minibatch 512", 1, "stock RLlib: {:.2f} |"),
    ("seeds", "ppo.yaml, training", 1, "PPO to an unexploitable agent, 5 of 5 seeds | {:.1f} s of"),
    ("seeds", "ppo.yaml, moves", 1e-3, ", {:.0f} thousand moves; "),
    ("seeds", "ppo.yaml, whole cold command", 1, "; {:.1f} s from a cold start"),
    ("seeds", "dqn.yaml, training", 1, "DQN to an unexploitable agent, 5 of 5 seeds | {:.1f} s of"),
    ("seeds", "dqn.yaml, moves", 1e-3, ", {:.0f} thousand moves | OpenSpiel"),
    ("seeds", "ppo_perfect.yaml, training", 1, "played optimally, 3 of 3 seeds | {:.1f} s of"),
    ("seeds", "ppo_perfect.yaml, moves", 1e-3, ", {:.0f} thousand moves | no figure"),
    ("unexploitable", "bare PyTorch loop, training", 1, "bare PyTorch loop: {:.1f} s"),
)


@pytest.mark.parametrize(("benchmark", "what", "factor", "reading"), FIGURES)
def test_the_readme_has_the_figures_of_the_benchmarks(benchmark, what, factor, reading):
    rows = json.loads((ROOT / "docs" / "benchmarks.json").read_text())["rows"]
    (row,) = (one for one in rows if (one["benchmark"], one["what"]) == (benchmark, what))
    assert reading.format(row["value"] * factor) in (ROOT / "README.md").read_text()


def test_the_peers_that_the_readme_says_got_nowhere_in_a_minute_did_not_get_there():
    rows = json.loads((ROOT / "docs" / "benchmarks.json").read_text())["rows"]
    notes = {row["what"]: row.get("note", "") for row in rows}
    for peer in ("stock RLlib PPO", "Tianshou DQN", "OpenSpiel tabular Q-learning"):
        assert notes[f"{peer}, training"].startswith("0 of "), peer


def test_no_file_names_a_package_index():
    index = re.compile(r"index-url|find-links|https?://")
    for path in (ROOT / "constraints.txt", ROOT / "pyproject.toml", ROOT / "README.md"):
        assert not index.search(path.read_text()), path
