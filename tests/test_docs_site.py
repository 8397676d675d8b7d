"""The documentation as a site."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
    for card in (ROOT / "docs" / "agents").iterdir():
        assert Path("agents", card.name, "index.html") in pages


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
