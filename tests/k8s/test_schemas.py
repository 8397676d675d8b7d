"""Every overlay, alone and with components, against the schemas of Kubernetes and KubeRay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="the k8s extra")
jsonschema = pytest.importorskip("jsonschema", reason="the k8s extra")

VERSIONS = ("1.33", "1.37")
VALID: set[tuple[str, str]] = set()
"""What was validated already: many combinations hold the same objects."""
SCHEMA = yaml.safe_load((Path(__file__).parent / "kuberay-1.6.schema.yaml").read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(rendered, pods, version):
    native = [one for one in rendered if not one["apiVersion"].startswith("ray.io/")]
    head = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {}}
    native += [{**head, "template": template} for template in pods.values()]
    for one in native:
        key = (version, json.dumps(one, sort_keys=True))
        if key not in VALID:
            kubernetes_validate.validate(one, version, strict=True)
            VALID.add(key)


def test_kuberay_knows_every_field(rendered):
    for one in rendered:
        if one["apiVersion"].startswith("ray.io/"):
            jsonschema.validate(one, SCHEMA)


def test_the_schema_of_kuberay_refuses_what_it_does_not_know():
    cluster = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {}, "spec": {}}
    spec = {
        "rayVersion": "2.60.0",
        "headGroupSpec": {"template": {}},
        "workerGroupSpecs": [],
    }
    jsonschema.validate({**cluster, "spec": spec}, SCHEMA)
    for wrong in ({"authOption": {}}, {"authOptions": {"mode": "tokens"}}, {"rayVersion": 2.6}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**cluster, "spec": {**spec, **wrong}}, SCHEMA)
