"""Overlays under another name: every reference follows, and two instances never mix."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.k8s.conftest import COMPONENTS, OVERLAYS, POD_PATHS

ALL = tuple(COMPONENTS)
CASES = [
    *((overlay, (), {"nameSuffix": "-lr3"}) for overlay in OVERLAYS),
    *((overlay, (), {"namePrefix": "ann-"}) for overlay in OVERLAYS),
    *((overlay, ALL, {"namePrefix": "a-", "nameSuffix": "-b"}) for overlay in OVERLAYS),
]
INSTANCE = "app.kubernetes.io/instance"


def case_id(case: tuple[str, tuple[str, ...], dict[str, str]]) -> str:
    overlay, components, names = case
    return "+".join([overlay, *(["all"] if components else []), *names])


every_case = pytest.mark.parametrize(
    ("overlay", "components", "names"), CASES, ids=[case_id(case) for case in CASES]
)


def templates(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All pod templates."""
    found = []
    for one in rendered:
        for path in POD_PATHS.get(one["kind"], []):
            template = one["spec"]
            for step in path:
                template = template[step]
            found.append(template)
    return found


def named(rendered: list[dict[str, Any]], kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in rendered if one["kind"] == kind}


def selectors(rendered: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """All selectors of our own pods, as Kubernetes' LabelSelector, with what has them."""
    found = []
    for one in rendered:
        spec, owner = one.get("spec", {}), f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Service":
            found.append((owner, {"matchLabels": spec["selector"]}))
        if one["kind"] == "Deployment":
            found.append((owner, spec["selector"]))
        if one["kind"] == "NetworkPolicy":
            rules = [*spec.get("ingress", []), *spec.get("egress", [])]
            peers = [peer for rule in rules for peer in rule.get("from", rule.get("to", []))]
            ours = [peer for peer in peers if peer.keys() == {"podSelector"}]
            found += [(owner, peer["podSelector"]) for peer in [spec, *ours]]
    return found


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert {one["operator"] for one in selector.get("matchExpressions", [])} <= {"In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def commands(template: dict[str, Any]) -> str:
    """What a pod starts, with its variables put in as Kubernetes does."""
    (container,) = template["spec"]["containers"]
    values = {one["name"]: one.get("value", "1") for one in container["env"]}
    words = " ".join([*container.get("command", []), *container.get("args", [])])
    return re.sub(r"\$\((\w+)\)", lambda name: values[name[1]], words)


@every_case
def test_every_object_has_the_new_name(render, overlay, components, names):
    plain, renamed = render(overlay, components), render(overlay, components, **names)
    for kind in {one["kind"] for one in plain}:
        ends = names.get("namePrefix", ""), names.get("nameSuffix", "")
        assert named(renamed, kind) == {name.join(ends) for name in named(plain, kind)}


@every_case
def test_every_name_in_a_pod_is_that_of_an_object(render, overlay, components, names):
    rendered = render(overlay, components, **names)
    for template in templates(rendered):
        spec = template["spec"]
        assert spec["serviceAccountName"] in named(rendered, "ServiceAccount")
        claims = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in spec["volumes"]
            if "persistentVolumeClaim" in volume
        }
        is_redis = template["metadata"]["labels"]["app.kubernetes.io/component"] == "redis"
        assert claims == (set() if is_redis else named(rendered, "PersistentVolumeClaim"))
        for host in re.findall(r"([\w.-]+):6379", commands(template)):
            assert host in named(rendered, "Service"), commands(template)
        hosts = {
            one["value"] for one in spec["containers"][0]["env"] if one["name"] in {"HEAD", "REDIS"}
        }
        assert hosts <= named(rendered, "Service")
    for one in rendered:
        if one["kind"] == "RayJob":
            (cluster,) = one["spec"]["clusterSelector"].values()
            assert {cluster} == named(rendered, "RayCluster")


def found(rendered: list[dict[str, Any]]) -> list[list[bool]]:
    """Whether each selector finds each pod."""
    is_kuberay = bool(named(rendered, "RayCluster"))
    pods = [template["metadata"]["labels"] for template in templates(rendered)]
    # KubeRay sets this label, by which the policy for its operator selects the head.
    pods = [
        {**labels, "ray.io/node-type": labels["app.kubernetes.io/component"]}
        if is_kuberay
        else labels
        for labels in pods
    ]
    return [[selects(selector, labels) for labels in pods] for _, selector in selectors(rendered)]


@every_case
def test_every_selector_finds_the_pods_that_it_finds_without_the_name(
    render, overlay, components, names
):
    assert found(render(overlay, components, **names)) == found(render(overlay, components))


@every_case
def test_no_selector_of_an_instance_finds_a_pod_of_another(render, overlay, components, names):
    one, other = render(overlay, components, **names), render(overlay, components)
    for left, right in ((one, other), (other, one)):
        for owner, selector in selectors(left):
            for template in templates(right):
                labels = {**template["metadata"]["labels"], "ray.io/node-type": "head"}
                assert not selects(selector, labels), owner


@every_case
def test_a_pod_has_the_label_of_its_instance(render, overlay, components, names):
    rendered = render(overlay, components, **names)
    (account,) = named(rendered, "ServiceAccount") - {
        name for name in named(rendered, "ServiceAccount") if "autoscaler" in name
    }
    for template in templates(rendered):
        assert template["metadata"]["labels"][INSTANCE] == account


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("where", ["includeSelectors", "includeTemplates"])
def test_a_label_of_a_team_reaches_every_pod_and_hides_none(render, overlay, where):
    labels = [{"pairs": {"team": "blue"}, where: True}]
    rendered = render(overlay, ALL, labels=labels)
    teams = {template["metadata"]["labels"].get("team") for template in templates(rendered)}
    assert teams == {"blue"}
    assert found(rendered) == found(render(overlay, ALL))
    operator = next(one for one in rendered if one["metadata"]["name"] == "ttt-operator")
    (peer,) = operator["spec"]["ingress"][0]["from"]
    assert selects(peer["podSelector"], {"app.kubernetes.io/name": "kuberay-operator"})
