"""The overlays as kustomize builds them, alone and with components."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

K8S = Path(__file__).parent.parent.parent / "k8s"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Much faster where libyaml is installed."""

POD_PATHS = {
    "Deployment": [("template",)],
    "Job": [("template",)],
    "RayCluster": [("headGroupSpec", "template"), ("workerGroupSpecs", 0, "template")],
    "RayJob": [("submitterPodTemplate",)],
}


def folders(kind: str) -> list[str]:
    return sorted(path.name for path in (K8S / kind).iterdir() if path.is_dir())


OVERLAYS = folders("overlays")
# Those that a person adds; components/pod is part of every overlay, and openshift comes last.
COMPONENTS = [name for name in folders("components") if name not in {"pod", "openshift"}]
COMPONENTS.append("openshift")
COMBINATIONS = [
    (overlay, chosen)
    for overlay in OVERLAYS
    for chosen in [(), *((component,) for component in COMPONENTS), tuple(COMPONENTS)]
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "combination" in metafunc.fixturenames:
        cases = [
            pytest.param(
                (overlay, chosen),
                id="+".join([overlay, *(chosen if len(chosen) < len(COMPONENTS) else ["all"])]),
                # The plain overlays and those with everything in every run.
                marks=[pytest.mark.long] if len(chosen) == 1 else [],
            )
            for overlay, chosen in COMBINATIONS
        ]
        metafunc.parametrize("combination", cases, scope="session")


@pytest.fixture(scope="session")
def render(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that builds an overlay as `kubectl apply -k` would.

    Its arguments are the overlay, the components, and further fields of the kustomization.
    """
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl, whose kustomize builds the overlays")

    here = tmp_path_factory.mktemp("overlay")

    @cache
    def build(text: str) -> list[dict[str, Any]]:
        (here / "kustomization.yaml").write_text(text)
        built = subprocess.run(
            ["kubectl", "kustomize", str(here)], capture_output=True, text=True, check=False
        )
        assert built.returncode == 0, built.stderr
        assert "deprecated" not in built.stderr, built.stderr
        return list(yaml.load_all(built.stdout, LOADER))

    def relative(*parts: str) -> str:
        return os.path.relpath(K8S.joinpath(*parts), here)

    def render_with(
        overlay: str, components: tuple[str, ...] = (), **fields: Any
    ) -> list[dict[str, Any]]:
        kustomization = {
            "resources": [relative("overlays", overlay)],
            "components": [relative("components", name) for name in components],
            **fields,
        }
        return build(yaml.safe_dump(kustomization))

    return render_with


@pytest.fixture(scope="session")
def rendered(render: Any, combination: tuple[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return render(*combination)


@pytest.fixture(scope="session")
def pods(rendered: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """All pod templates, by kind, name and part of the object that makes them."""
    found = {}
    for one in rendered:
        for path in POD_PATHS.get(one["kind"], []):
            template = one["spec"]
            for step in path:
                template = template[step]
            found[f"{one['kind']}/{one['metadata']['name']}:{path[0]}"] = template
    return found
