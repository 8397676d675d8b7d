"""The documentation as a site, and the blocks of the pages for users of other libraries."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ttt_rllib import load_experiment

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    return BLOCK.findall((ROOT / "docs" / page).read_text())


@pytest.fixture
def their_module(tmp_path, monkeypatch):
    """A user's own environment, under the name that the page gives it."""
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "my_module.py").write_text("from ttt_envs.aec import env\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("page", ["rllib_users.md", "pettingzoo_users.md"])
def test_every_block_of_the_pages_for_users_of_other_libraries_works(
    page, tmp_path, their_module, capsys
):
    found = blocks(page)
    for language, text in found:
        if language == "yaml":
            path = tmp_path / "block.yaml"
            path.write_text(text)
            assert load_experiment(path).stop.moves == 200_000
        else:
            assert language == "python"
            exec(compile(text, page, "exec"), {})  # noqa: S102 - our own page
            assert re.fullmatch(r"the last reward was [+-][01]\n", capsys.readouterr().out)
    assert {language for language, _ in found} >= {"yaml"}


def build(*, source, site):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.run(command, cwd=source, capture_output=True, text=True, env=environment)


@pytest.mark.long
def test_the_site_builds_and_every_link_in_it_leads_somewhere(tmp_path):
    pytest.importorskip("mkdocs")
    done = build(source=ROOT, site=tmp_path / "site")
    assert done.returncode == 0, done.stderr
    home = (tmp_path / "site" / "index.html").read_text()
    assert 'href="experiments/ppo.yaml"' in home
    assert 'src="page.png"' in home
    reference = (tmp_path / "site" / "reference" / "index.html").read_text()
    assert "Load the agent of a run, of a checkpoint or of a bundle." in reference
    settings = (tmp_path / "site" / "settings" / "index.html").read_text()
    assert "<code>training.lr</code>" in settings
    pages = {path.relative_to(tmp_path / "site") for path in tmp_path.rglob("index.html")}
    for page in (ROOT / "docs").glob("*.md"):
        assert Path(page.stem) / "index.html" in pages


@pytest.mark.long
@pytest.mark.parametrize("target", ["docs/commands.md#there-is-no-such-heading", "docs/absent.md"])
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path, target):
    pytest.importorskip("mkdocs")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("docs", "experiments", "k8s", "src", "envs"):
        (source / name).symlink_to(ROOT / name)
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "mkdocs.yml"):
        (source / name).write_text((ROOT / name).read_text())
    with (source / "CONTRIBUTING.md").open("a") as page:
        page.write(f"\n[nowhere]({target})\n")
    done = build(source=source, site=tmp_path / "site")
    assert done.returncode != 0
    assert target.removeprefix("docs/") in done.stderr
