"""Reads the Kubernetes manifests as a test wants them: by kind, by process, by container."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[3]
K8S: Final = ROOT / "deploy" / "k8s"
BASE: Final = K8S / "base"
OVERLAYS: Final = sorted(p for p in (K8S / "overlays").iterdir() if p.is_dir())
DOCKERFILE: Final = K8S / "images" / "Dockerfile"

NAME: Final = "app.kubernetes.io/name"
WORKLOADS: Final = {"Deployment", "StatefulSet"}

Manifest = dict[str, Any]


def documents(path: Path) -> list[Manifest]:
    """Return the documents of one file."""
    return [d for d in yaml.safe_load_all(path.read_text("utf-8")) if d is not None]


def files(folder: Path) -> list[Path]:
    """Return every YAML file under a folder but the kustomizations."""
    return sorted(p for p in folder.rglob("*.yaml") if p.name != "kustomization.yaml")


@cache
def base() -> list[tuple[Path, Manifest]]:
    """Return every manifest of the base with the file that it stands in; not to be changed."""
    return [(path, manifest) for path in files(BASE) for manifest in documents(path)]


def of_kind(kind: str) -> dict[str, Manifest]:
    """Return the base's manifests of a kind by name."""
    return {m["metadata"]["name"]: m for _, m in base() if m["kind"] == kind}


def workloads() -> dict[str, Manifest]:
    """Return the base's workloads by name: one a process."""
    return {n: m for kind in sorted(WORKLOADS) for n, m in of_kind(kind).items()}


def pod(name: str) -> Manifest:
    """Return the pod's specification of a process."""
    spec: Manifest = workloads()[name]["spec"]["template"]["spec"]
    return spec


def containers(name: str) -> list[Manifest]:
    """Return all containers of a process's pod, those of its start first."""
    spec = pod(name)
    return [*spec.get("initContainers", ()), *spec["containers"]]


def main_container(name: str) -> Manifest:
    """Return the container that runs the process."""
    (found,) = (c for c in pod(name)["containers"] if c["name"] == name)
    return dict(found)


def environment(container: Manifest) -> dict[str, str]:
    """Return a container's variables; one from a secret has the value `secret:KEY`."""
    result: dict[str, str] = {}
    for item in container.get("env", ()):
        if "value" in item:
            result[item["name"]] = item["value"]
        else:
            result[item["name"]] = "secret:" + item["valueFrom"]["secretKeyRef"]["key"]
    return result


def secret_keys() -> Iterator[tuple[str, str]]:
    """Yield the secret's name and key of every reference in the base."""
    for name in workloads():
        for container in containers(name):
            for item in container.get("env", ()):
                if "valueFrom" in item:
                    ref = item["valueFrom"]["secretKeyRef"]
                    yield ref["name"], ref["key"]


def config(name: str, key: str) -> str:
    """Return one file out of a ConfigMap."""
    text: str = of_kind("ConfigMap")[name]["data"][key]
    return text


def dockerfile_targets() -> set[str]:
    """Return the names of the Dockerfile's stages."""
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    return set(stages)
