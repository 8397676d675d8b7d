"""The project's own promises: layers, metrics page, changelog, commands in the README."""

import ast
import re
from pathlib import Path

import pytest

import ttt_rllib
from ttt_rllib.metrics import METRICS, markdown_table

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ttt_rllib"

# A module may import those of lower layers and of its own (design, section 2).
LAYERS = (
    ("ttt_envs",),
    ("ttt_rllib", "ttt_rllib.exact"),
    ("ttt_rllib.agents.policies",),
    (
        "ttt_rllib.agents.bundle",
        "ttt_rllib.agents.baselines",
        "ttt_rllib.evaluation.matches",
        "ttt_rllib.evaluation.sampled",
        "ttt_rllib.agents.onnx",
    ),
    (
        "ttt_rllib.errors",
        "ttt_rllib.metrics",
        "ttt_rllib.evaluation.evaluate_agent",
        "ttt_rllib.evaluation.text",
        "ttt_rllib.door",
        "ttt_rllib.environment_file",
        "ttt_rllib.signals",
    ),
    ("ttt_rllib.play",),
    ("ttt_rllib.config.pettingzoo_envs",),
    ("ttt_rllib.schema",),
    ("ttt_rllib.config.experiment",),
    ("ttt_rllib.config.loading",),
    ("ttt_rllib.cluster.dashboard", "ttt_rllib.tracking.wandb_writer"),
    (
        "ttt_rllib.cluster.placement",
        "ttt_rllib.runs.directory",
        "ttt_rllib.runs.lock",
        "ttt_rllib.cluster.shared_storage",
    ),
    ("ttt_rllib.report",),
    ("ttt_rllib.report",),
    ("ttt_rllib.cluster.connection",),
    ("ttt_rllib.rl",),
    ("ttt_rllib.tracking.progress",),
    ("ttt_rllib.tuning.schedulers", "ttt_rllib.runs.checkpoints"),
    (
        "ttt_rllib.tuning.trainable",
        "ttt_rllib.tuning.search_algorithm",
        "ttt_rllib.tuning.tune_state",
    ),
    ("ttt_rllib.tracking.search_progress",),
    ("ttt_rllib.tracking.prometheus", "ttt_rllib.tracking.wandb"),
    ("ttt_rllib.tuning.run",),
    ("ttt_rllib.runs.trials_csv",),
    ("ttt_rllib.train.finalize",),
    ("ttt_rllib.train", "ttt_rllib.evaluate", "ttt_rllib.export"),
    ("ttt_rllib.cli",),
    ("ttt_rllib.__main__",),
)
MAY_IMPORT_RAY = {
    "rl",
    "tracking",
    "gauges",
    "wandb_runs",
    "wandb_writer",
    "search_progress",
    "tuning",
    "trial",
    "search",
    "schedulers",
    "snapshots",
    "cluster",
    "storage",
    "play.serve_app",
}
MAY_IMPORT_TORCH = {"rl"}


def modules():
    for root in (SOURCE, ROOT / "envs" / "ttt_envs"):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def layer(module):
    names = {name: index for index, names in enumerate(LAYERS) for name in names}
    while module not in names:
        module = module.rpartition(".")[0]
    return names[module]


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=str)
def test_a_module_imports_only_lower_layers_and_only_its_frameworks(module, path):
    _, _, inner = module.partition(".")
    part = inner if inner in MAY_IMPORT_RAY else inner.split(".")[0]
    for imported in imports(path):
        if imported.split(".")[0] in {"ttt_rllib", "ttt_envs"}:
            assert layer(imported) <= layer(module), f"{module} imports {imported}"
        if imported.split(".")[0] == "ray":
            assert part in MAY_IMPORT_RAY, f"{module} imports {imported}"
        if imported.startswith("ray.rllib"):
            assert part == "rl", f"{module} imports {imported}"
        if imported.split(".")[0] == "torch":
            assert part in MAY_IMPORT_TORCH, f"{module} imports {imported}"


def test_the_metrics_page_is_the_metrics_file():
    assert (ROOT / "docs" / "metrics.md").read_text() == markdown_table()


def test_metric_names_have_two_levels_and_are_unique():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+/[a-z_]+", name) for name in names)


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == ttt_rllib.__version__


PAGES = (
    "README.md",
    "k8s/README.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_links_to_exist(page):
    text = (ROOT / page).read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_experiments_named_in_the_readme_exist():
    for path in re.findall(r"experiments/[\w.]+\.yaml", (ROOT / "README.md").read_text()):
        assert (ROOT / path).is_file(), path


def test_no_file_names_a_package_index():
    index = re.compile(r"index-url|find-links|https?://")
    for path in (ROOT / "constraints.txt", ROOT / "pyproject.toml", ROOT / "README.md"):
        assert not index.search(path.read_text()), path
