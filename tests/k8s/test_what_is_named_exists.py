"""Commands, options and files that manifests name, parsed by the programs themselves."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.docs.command_lines import parse_ray, parse_ttt
from ttt_rllib.errors import InputError
from ttt_rllib.program import USAGE_ERROR

ROOT = Path(__file__).parent.parent.parent
K8S = ROOT / "k8s"
SCRIPTS = {"ray-join": K8S / "ray-join"}


def parse(words):
    """Parse a container's command and arguments by the program that they start."""
    program, *rest = words
    if program == "ttt":
        return parse_ttt(rest)
    if program == "ray":
        return parse_ray(rest)
    assert SCRIPTS[program].is_file()
    address, cpus, *inner = rest
    parse_ray(["start", "--address", address, "--num-cpus", cpus])
    return parse(inner) if inner else None


def test_every_command_and_experiment_exists(rendered, pods):
    for name, template in pods.items():
        if name.startswith(("Ray", "Deployment/ttt-redis")):
            continue  # the operator writes their commands; redis-server is not ours
        for container in template["spec"]["containers"]:
            words = [*container.get("command", ["ttt"]), *container.get("args", [])]
            assert parse(words) is not False, name
    for one in rendered:
        if one["kind"] == "RayJob":
            parse(shlex.split(one["spec"]["entrypoint"]))
        if one["kind"] == "RayCluster":
            for group in (one["spec"]["headGroupSpec"], *one["spec"]["workerGroupSpecs"]):
                flags = [f"--{key}={value}" for key, value in group["rayStartParams"].items()]
                parse_ray(["start", *flags])


def test_a_run_that_pods_begin_again_has_a_name_and_goes_on(rendered, pods):
    commands = [
        [*container.get("command", ["ttt"]), *container["args"]]
        for template in pods.values()
        for container in template["spec"]["containers"]
        if "train" in container.get("args", []) + container.get("command", [])
    ]
    jobs = [one for one in rendered if one["kind"] == "RayJob"]
    commands += [shlex.split(one["spec"]["entrypoint"]) for one in jobs]
    assert commands
    for words in commands:
        params = parse(words)
        assert params["name"]
        assert params["resume_if_exists"] is True
        assert params["storage"] == Path("/results")


def test_wrong_commands_would_be_noticed():
    for wrong in (["train", "experiments/ppo.yaml", "--storag=/results"], ["train", "none.yaml"]):
        with pytest.raises((USAGE_ERROR, InputError)):
            parse_ttt(wrong)
    with pytest.raises(Exception, match="--dashbord-host"):
        parse_ray(["start", "--dashbord-host=0.0.0.0"])


def test_the_image_holds_what_the_manifests_start():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "COPY k8s/ray-join /usr/local/bin/" in dockerfile
    assert "COPY experiments experiments" in dockerfile
    assert 'ENTRYPOINT ["ttt"]' in dockerfile
    assert 'CMD ["train", "experiments/ppo.yaml"]' in dockerfile
    copied = re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
    for words in copied:
        for source in words.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_every_overlay_and_component_is_in_the_readme_and_every_component_explains_itself():
    readme = (K8S / "README.md").read_text()
    for kind in ("overlays", "components"):
        for folder in sorted((K8S / kind).iterdir()):
            assert f"{kind}/{folder.name}" in readme, folder
            if kind == "components":
                assert (folder / "README.md").read_text().startswith(f"# {folder.name}\n")


def test_an_overlay_is_ten_lines_and_holds_no_python():
    for path in sorted((K8S / "overlays").rglob("kustomization.yaml")):
        if path.parent.name != "kuberay":
            assert len(path.read_text().splitlines()) <= 10, path
    for path in sorted(K8S.rglob("*.yaml")):
        assert "import " not in path.read_text(), path


def test_compose_runs_the_same_commands():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert services.keys() == {"head", "worker", "train"}
    for service in services.values():
        words = [*service.get("entrypoint", ["ttt"]), *service.get("command", [])]
        parse([word.replace("$$", "$") for word in words])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_command_in_compose_starts_all_that_the_training_needs():
    text = (ROOT / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    (command,) = re.findall(r"docker compose up (.+?)(?:;|$)", text, re.MULTILINE)
    *options, started = command.split()
    assert options == ["--exit-code-from", "train"]
    # compose starts the service that is named, and those that it depends on.
    selected, waiting = set(), [started]
    while waiting:
        name = waiting.pop()
        selected.add(name)
        waiting += services[name].get("depends_on", [])
        assert "profiles" not in services[name], name
    assert selected == services.keys()


def test_what_openshift_runs_as_any_user_may_write_to_is_of_group_0():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "chown -R ttt:0 /home/ttt /results" in dockerfile
    assert "chmod -R g=u /home/ttt /results" in dockerfile
