"""The manifests are valid, complete, and the same process list as the Procfile's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from argosy.cli.fleet import procfile
from argosy.cli.fleet.roles import ROLES

from tests.unit.deploy import manifests as k8s

PROCESSES = procfile.read(k8s.ROOT / "Procfile")
VERSION = kubernetes_validate.latest_version()


@pytest.mark.parametrize(
    "manifest", [pytest.param(m, id=f"{p.parent.name}-{p.stem}") for p, m in k8s.base()]
)
def test_manifest_keeps_the_kubernetes_schema(manifest: k8s.Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_the_validation_can_fail() -> None:
    wrong = k8s.workloads()["gateway"] | {"spec": {"replicaz": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_one_folder_a_process_with_the_procfiles_names() -> None:
    folders = {p.name for p in k8s.BASE.iterdir() if p.is_dir()}
    assert folders == set(PROCESSES) == set(k8s.workloads()) == set(ROLES)


def test_everything_in_a_folder_is_about_its_process() -> None:
    for path, manifest in k8s.base():
        if path.parent != k8s.BASE:
            label = manifest["metadata"]["labels"][k8s.NAME]
            assert label == path.parent.name, path


def test_commands_are_those_of_the_procfile() -> None:
    for name, line in PROCESSES.items():
        container = k8s.main_container(name)
        command = [*container["command"], *container.get("args", ())]
        words = line.split()
        if words[0] in {"${PYTHON}", "${ENGINE_PYTHON}"}:
            assert command[1:3] == words[1:3], name
        else:
            assert (
                command[0] == {"${POSTGRES}": "postgres", "${NATS_SERVER}": "nats-server"}[words[0]]
            )


@pytest.mark.parametrize("folder", [k8s.BASE, *(k8s.BASE / name for name in PROCESSES)], ids=str)
def test_kustomization_lists_every_file(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    there = {
        p.name
        for p in folder.iterdir()
        if p.name != "kustomization.yaml" and (p.is_dir() or p.suffix == ".yaml")
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == there


@pytest.mark.parametrize("overlay", k8s.OVERLAYS, ids=lambda p: p.name)
def test_overlay_patches_what_exists(overlay: Path) -> None:
    listed = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    assert {p["path"] for p in listed["patches"]} == {p.name for p in k8s.files(overlay)}
    assert listed["resources"] == ["../../base"]
    known = {(m["kind"], m["metadata"]["name"]) for _, m in k8s.base()}
    for path in k8s.files(overlay):
        for patch in k8s.documents(path):
            kind, name = patch["kind"], patch["metadata"]["name"]
            assert (kind, name) in known, path
            if kind in k8s.WORKLOADS and "template" in patch["spec"]:
                patched = {c["name"] for c in patch["spec"]["template"]["spec"]["containers"]}
                assert patched <= {c["name"] for c in k8s.containers(name)}, path


@pytest.mark.parametrize("overlay", k8s.OVERLAYS, ids=lambda p: p.name)
def test_overlay_brings_the_secret_and_every_image(overlay: Path) -> None:
    listed = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    assert {s["name"] for s in listed["secretGenerator"]} == {n for n, _ in k8s.secret_keys()}
    images = {c["image"] for name in PROCESSES for c in k8s.containers(name)}
    assert {i["name"] for i in listed["images"]} == images
    assert all(i["newTag"] != "latest" for i in listed["images"])


def test_every_image_has_a_target_in_the_dockerfile() -> None:
    for name in PROCESSES:
        for container in k8s.containers(name):
            assert container["image"] == f"argosy-{name}", "one image a process, tag by overlay"
    assert set(PROCESSES) <= k8s.dockerfile_targets()


def test_images_are_built_from_what_is_in_the_repository() -> None:
    lines = k8s.DOCKERFILE.read_text().splitlines()
    copied = [words[1] for line in lines if (words := line.split())[:1] == ["COPY"]]
    assert len(copied) > 5
    for source in copied:
        assert source.startswith("--from=") or (k8s.ROOT / source).exists(), source


def test_whoever_reads_base_weights_has_them_in_the_image() -> None:
    catalog = tomllib.loads(k8s.of_kind("ConfigMap")["registry-catalog"]["data"]["catalog.toml"])
    folders = [Path(m["weights_path"]) for m in catalog["model"] if "weights_path" in m]
    assert folders
    stages = _stages()
    for name in ("registry", "trainer", "engine", "transformers"):
        copied: list[Path] = []
        stage: str | None = name
        while stage in stages:
            lines = [line.split() for line in stages[stage].splitlines()]
            copied += [Path(line[-1]) for line in lines if line[:1] == ["COPY"]]
            stage = lines[0][0]
        for folder in folders:
            # From where another stage has it: the registry's brings /opt/argosy from `weights`.
            assert any(folder.is_relative_to(place) for place in copied), (name, folder)


def _stages() -> dict[str, str]:
    """Return the Dockerfile's stages by name; each begins with what it builds on."""
    stages = re.split(r"^FROM ", k8s.DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    return {stage.split()[2]: stage for stage in stages}


def test_light_images_hold_no_torch() -> None:
    texts = _stages()
    for name in ("postgres", "nats", "registry", "embedder", "gateway"):
        assert texts[name].split()[0] == "light"
        assert "--from=ml" not in texts[name], name


def test_images_run_only_scripts_that_they_hold() -> None:
    for name, text in _stages().items():
        wanted = set(re.findall(r"python (scripts/\w+\.py)", text))
        if "scripts/setup.py" in wanted and "--no-compile" not in text:
            wanted.add("scripts/compile_lane.py")
        assert wanted <= set(re.findall(r"^COPY (scripts/\S+)", text, flags=re.MULTILINE)), name


def test_the_gateway_of_an_image_runs_compiled() -> None:
    stages = _stages()
    assert "scripts/compile_lane.py --strict" in stages["lane"]
    assert stages["lane"].split()[0] == stages["gateway"].split()[0] == "light"
    assert "COPY --from=lane" in stages["gateway"]


def test_ports_of_services_probes_and_policies_exist() -> None:
    for name in PROCESSES:
        container = k8s.main_container(name)
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        for port in k8s.of_kind("Service")[name]["spec"]["ports"]:
            assert port["targetPort"] in ports, name
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            for how in ("httpGet", "tcpSocket"):
                if how in container.get(probe, {}):
                    assert container[probe][how]["port"] in ports, name
        policy = k8s.of_kind("NetworkPolicy")[name]["spec"]
        opened = {p["port"] for rule in policy["ingress"] for p in rule["ports"]}
        # The trainer reads how busy gateways are.
        kept = set() if name == "gateway" else {ports.get("health")}
        assert opened == set(ports.values()) - kept, name


def test_what_is_mounted_is_a_volume() -> None:
    claims = set(k8s.of_kind("PersistentVolumeClaim"))
    maps = set(k8s.of_kind("ConfigMap"))
    for name, workload in k8s.workloads().items():
        volumes = {v["name"]: v for v in k8s.pod(name).get("volumes", ())}
        templates = workload["spec"].get("volumeClaimTemplates", ())
        names = set(volumes) | {t["metadata"]["name"] for t in templates}
        mounted = {m["name"] for c in k8s.containers(name) for m in c["volumeMounts"]}
        assert mounted == names, name
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
