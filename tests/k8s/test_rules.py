"""The rules for every pod and Service of ours: those of kube-linter, and some of our own."""

from __future__ import annotations

import re

from ttt_rllib.commands import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED

SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
AUTOSCALER = "RayCluster/ttt-rllib:headGroupSpec"
SUBMITTER = "RayJob/ttt-train:submitterPodTemplate"
REDIS = "Deployment/ttt-redis:template"  # the one pod without our image and without Ray


def containers(pods):
    for name, template in pods.items():
        for container in template["spec"]["containers"] + template["spec"].get(
            "initContainers", []
        ):
            yield name, container


def ray_containers(pods):
    return ((name, container) for name, container in containers(pods) if name != REDIS)


def test_no_pod_has_rights_that_it_does_not_need(pods, combination):
    assert pods
    for name, template in pods.items():
        spec, context = template["spec"], template["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        is_fixed = "openshift" not in combination[1]
        assert {"runAsUser", "runAsGroup", "fsGroup"} & context.keys() == (
            {"runAsUser", "runAsGroup", "fsGroup"} if is_fixed else set()
        ), name
        assert not is_fixed or context["runAsUser"] >= 10_000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is (name == AUTOSCALER), name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert not [volume for volume in spec["volumes"] if "hostPath" in volume]


def test_no_container_can_gain_rights_or_write_beside_its_volumes(pods):
    for name, container in containers(pods):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_every_container_has_requests_limits_and_probes(pods):
    for name, container in containers(pods):
        resources = container["resources"]
        assert resources["requests"].keys() >= {"cpu", "memory"}, name
        assert resources["limits"].keys() >= {"cpu", "memory"}, name
        if name != SUBMITTER:  # it only talks to the head, and leaves when the run is over
            assert container.keys() >= {"startupProbe", "livenessProbe"}, name


def test_every_probe_and_mount_names_what_is_there(pods):
    for name, container in containers(pods):
        ports = [port["name"] for port in container["ports"]]
        assert len(set(ports)) == len(ports), name
        for key in ("startupProbe", "livenessProbe", "readinessProbe"):
            if "httpGet" in container.get(key, {}):
                assert container[key]["httpGet"]["port"] in ports, name
        volumes = {volume["name"] for volume in pods[name]["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes, name


def test_what_ray_writes_to_are_volumes_of_the_pod(pods):
    for name, container in ray_containers(pods):
        kinds = {volume["name"]: volume for volume in pods[name]["spec"]["volumes"]}
        mounts = {mount["mountPath"]: kinds[mount["name"]] for mount in container["volumeMounts"]}
        assert all("emptyDir" in mounts[path] for path in ("/home/ttt", "/tmp")), name  # noqa: S108
        assert mounts["/dev/shm"]["emptyDir"]["medium"] == "Memory", name  # noqa: S108
        assert "persistentVolumeClaim" in mounts["/results"], name


def test_ray_asks_for_the_token_everywhere_and_no_manifest_holds_a_secret(rendered, pods):
    assert not [one for one in rendered if one["kind"] == "Secret"]
    for name, container in containers(pods):
        values = {one["name"]: one.get("value") for one in container["env"]}
        assert name == REDIS or values["RAY_AUTH_MODE"] == "token", name
        for key, value in values.items():
            is_name = key in {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"}
            assert is_name or not SECRET.search(key) or value is None, f"{name}: {key}"
    for one in rendered:
        if one["kind"] == "RayCluster":
            auth = {"mode": "token", "secretName": "ttt-rllib-token"}
            assert one["spec"]["authOptions"] == auth


def test_only_the_dashboard_of_minikube_is_open_to_the_outside(rendered, combination):
    services = [one for one in rendered if one["kind"] == "Service"]
    types = {one["metadata"]["name"]: one["spec"].get("type", "ClusterIP") for one in services}
    open_ones = {name for name, kind in types.items() if kind != "ClusterIP"}
    assert open_ones == ({"ttt-rllib"} if combination[0] == "minikube" else set())
    assert not [one for one in rendered if one["kind"] == "Ingress"]


def test_services_claims_and_accounts_are_those_of_our_pods(rendered, pods):
    for one in rendered:
        if one["kind"] != "Service":
            continue
        chosen = [
            container
            for name, container in containers(pods)
            if one["spec"]["selector"].items() <= pods[name]["metadata"]["labels"].items()
        ]
        assert chosen, one["metadata"]["name"]
        for port in one["spec"]["ports"]:
            ports = {each["name"]: each["containerPort"] for each in chosen[0]["ports"]}
            assert port.get("targetPort", port["port"]) in {*ports, *ports.values()}
    names = {(one["kind"], one["metadata"]["name"]) for one in rendered}
    for template in pods.values():
        assert ("ServiceAccount", template["spec"]["serviceAccountName"]) in names
        for volume in template["spec"]["volumes"]:
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in names


def test_several_pods_with_results_share_a_volume_that_several_nodes_mount(rendered, combination):
    claim = next(one for one in rendered if one["kind"] == "PersistentVolumeClaim")
    shared = combination[0] in {"cluster", "kuberay"} or "storage" in combination[1]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany" if shared else "ReadWriteOnce"]


def test_every_network_policy_speaks_of_our_pods_and_all_are_denied_first(render):
    policies = [
        one for one in render("cluster", ("network-policy",)) if one["kind"] == "NetworkPolicy"
    ]
    labels = {"app.kubernetes.io/part-of": "ttt-rllib", "app.kubernetes.io/instance": "ttt-rllib"}
    ours = {"matchLabels": labels}
    denied = [one["spec"] for one in policies if not {"ingress", "egress"} & one["spec"].keys()]
    assert denied == [{"podSelector": ours, "policyTypes": ["Ingress", "Egress"]}]
    for one in policies:
        assert "app.kubernetes.io/part-of" in str(one["spec"]["podSelector"])


def test_only_the_pod_that_logs_has_the_key_of_wandb_and_the_way_out(pods, combination):
    """Of KubeRay's pods that is the head: the operator submits the RayJob's command to it."""
    with_key, with_way_out = set(), set()
    for name, container in containers(pods):
        part = pods[name]["metadata"]["labels"]["app.kubernetes.io/component"]
        with_key |= {part for one in container["env"] if one["name"] == "WANDB_API_KEY"}
        with_way_out |= {part for key in pods[name]["metadata"]["labels"] if "internet" in key}
    drivers = {"job": "job", "minikube": "trainer", "cluster": "driver", "kuberay": "head"}
    expected = {drivers[combination[0]]} if "wandb" in combination[1] else set()
    assert with_key == with_way_out == expected


def answer(job, exit_code, *conditions):
    """What Kubernetes does about a failed pod: the action of the first rule that matches."""
    for rule in job["spec"]["podFailurePolicy"]["rules"]:
        if rule.keys() & {"onPodConditions"}:
            is_met = bool({one["type"] for one in rule["onPodConditions"]} & set(conditions))
        else:
            codes = rule["onExitCodes"]
            (container,) = job["spec"]["template"]["spec"]["containers"]
            assert (codes["containerName"], codes["operator"]) == (container["name"], "In")
            is_met = exit_code in codes["values"]
        if is_met:
            return rule["action"]
    return "Count"


def test_a_job_with_wrong_input_fails_at_once_and_every_other_one_is_resumed(rendered):
    for job in (one for one in rendered if one["kind"] == "Job"):
        assert answer(job, EXIT_BAD_INPUT) == "FailJob"
        for code in (EXIT_FAILED, EXIT_INTERRUPTED, 134, 137, 143):
            assert answer(job, code) == "Count"
        # A drained node ends the driver with 130, and a pod may be lost at any exit code.
        for code in (EXIT_BAD_INPUT, EXIT_INTERRUPTED, 137):
            assert answer(job, code, "DisruptionTarget") == "Ignore"
        assert job["spec"]["backoffLimit"] >= 6
        # What podFailurePolicy asks for; and with it a failed pod stays, with its log.
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
        assert "ttlSecondsAfterFinished" not in job["spec"]


def test_the_images_are_the_one_that_the_dockerfile_makes(pods, combination):
    tag = "cuda" if "gpu-learner" in combination[1] else "dev"
    for name, container in ray_containers(pods):
        expected = "dev" if name.startswith(("Deployment/ttt-head", "Deployment/ttt-play")) else tag
        if name != SUBMITTER:
            assert container["image"] == f"ttt-rllib:{expected}", name
        assert container["imagePullPolicy"] == "IfNotPresent", name
