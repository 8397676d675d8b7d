"""The overlays as one file each, and the kustomizations that the documents show."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.docs.blocks import PAGES, blocks
from tests.k8s.conftest import K8S, LOADER, OVERLAYS

SHOWN = [
    (block, yaml.safe_load(block.text))
    for page in PAGES
    for block in blocks(page)
    if block.language == "yaml" and "patches:" in block.text
]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_rendered_file_is_what_kustomize_makes_of_the_overlay(render, overlay):
    kept = list(yaml.load_all((K8S / "overlays" / overlay / "install.yaml").read_text(), LOADER))
    assert kept == render(overlay), "renew it: make k8s-install"


@pytest.mark.parametrize(("block", "content"), SHOWN, ids=[block.place for block, _ in SHOWN])
def test_a_kustomization_that_a_page_shows_changes_an_overlay(render, block, content):
    fields = {key: content[key] for key in content.keys() - {"apiVersion", "kind"}}
    overlays = [one.rpartition("/")[2] for one in fields.pop("resources", ())] or OVERLAYS
    components = tuple(one.rpartition("/")[2] for one in fields.pop("components", ()))
    changed = [render(one, components, **fields) != render(one, components) for one in overlays]
    assert any(changed), block.place


def test_make_renews_the_rendered_files(render, tmp_path):
    for folder in ("base", "components", "overlays"):
        (tmp_path / "k8s").mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", K8S / folder, tmp_path / "k8s" / folder], check=True)
    for path in tmp_path.rglob("install.yaml"):
        path.write_text("stale")
    makefile = K8S.parent / "Makefile"
    subprocess.run(["make", "-f", makefile, "k8s-install"], cwd=tmp_path, check=True)
    for overlay in OVERLAYS:
        path = K8S / "overlays" / overlay / "install.yaml"
        made = (tmp_path / "k8s" / "overlays" / overlay / "install.yaml").read_text()
        assert list(yaml.load_all(made, LOADER)) == list(yaml.load_all(path.read_text(), LOADER))
