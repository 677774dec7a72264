"""The manifests set what the processes read: the same names as on one machine, valid values."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import tomllib
from pathlib import Path

import pytest
from argosy.cli.fleet import engine as cli_engine
from argosy.cli.fleet import environment as fleet
from argosy.cli.fleet.credentials import Credentials
from argosy.cli.fleet.home import Home
from argosy.engine.settings import read_settings
from argosy.kit.settings import ServiceSettings
from argosy.registry.intake.catalog_file import read_catalog_file

from tests.unit.deploy import manifests as k8s

PARTS = ("registry", "trainer", "embedder", "gateway")


def settings_class(part: str) -> type[ServiceSettings]:
    """Return the settings class of a part: the one of its module that no other there builds on."""
    module = importlib.import_module(f"argosy.{part}.settings")
    defined = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, ServiceSettings)
        and value.__module__ == module.__name__
    ]
    (found,) = (cls for cls in defined if not any(cls in other.__bases__ for other in defined))
    return found


@pytest.fixture(scope="module")
def wiring(tmp_path_factory: pytest.TempPathFactory) -> fleet.Wiring:
    engine = cli_engine.Engine(
        model_id="smollm2-135m-instruct",
        weights="/weights",
        owned_by="huggingfacetb",
        context_length=2048,
        flavour="cuda",
        python=Path("/ml/bin/python"),
        flags=(),
    )
    ports = {name: 1000 + n for n, name in enumerate(k8s.workloads())}
    home = Home.at(tmp_path_factory.mktemp("home"))
    return fleet.Wiring(
        home, "127.0.0.1", Credentials(), engine, ports, 1, health_ports={"gateway": 9000}
    )


def argosy(variables: dict[str, str]) -> set[str]:
    return {name for name in variables if name.startswith("ARGOSY_")}


@pytest.mark.parametrize("part", PARTS)
def test_the_same_settings_as_on_one_machine(part: str, wiring: fleet.Wiring) -> None:
    here = argosy(fleet.settings(part, 1, 2, wiring)) - {fleet.MARK}
    there = argosy(k8s.environment(k8s.main_container(part)))
    assert there == here


@pytest.mark.parametrize("part", PARTS)
def test_every_required_setting_is_set_and_every_name_is_read(part: str) -> None:
    fields = settings_class(part).model_fields
    required = {f"ARGOSY_{n.upper()}" for n, f in fields.items() if f.is_required()}
    known = {f"ARGOSY_{n.upper()}" for n in fields}
    given = argosy(k8s.environment(k8s.main_container(part)))
    assert required <= given
    assert given <= known


@pytest.mark.parametrize("part", PARTS)
def test_the_process_accepts_the_values(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = k8s.environment(k8s.main_container(part))
    for name, value in given.items():
        monkeypatch.setenv(name, value.replace("secret:", "s" * 24))
    settings = settings_class(part)()
    ports = {p["name"]: p["containerPort"] for p in k8s.main_container(part)["ports"]}
    assert settings.bind.port == ports["http" if part == "gateway" else "grpc"]
    assert settings.health_bind.port == ports["health"]
    everywhere = "0.0.0.0"  # noqa: S104 - a pod's address is not known before it runs
    assert {settings.bind.host, settings.health_bind.host} == {everywhere}


def test_peers_are_called_by_service_and_port() -> None:
    services = k8s.of_kind("Service")
    for part in PARTS:
        given = k8s.environment(k8s.main_container(part))
        for peer in PARTS:
            if (target := given.get(f"ARGOSY_{peer.upper()}_URL")) is not None:
                (port,) = services[peer]["spec"]["ports"]
                scheme = "http://" if peer == "gateway" else ""
                assert target == f"{scheme}{peer}:{port['port']}"
        assert given["ARGOSY_NATS_USER"] == part
        assert given["ARGOSY_NATS_PASSWORD"] == f"secret:nats-{part}"


def test_the_engine_runs_with_the_fleets_switches(wiring: fleet.Wiring) -> None:
    assert (
        wiring.engine.environment().items() <= k8s.environment(k8s.main_container("engine")).items()
    )


def test_secrets_are_generated_complete_and_only_once(tmp_path: Path) -> None:
    script = tmp_path / "generate-secrets.sh"
    script.write_bytes((k8s.K8S / "generate-secrets.sh").read_bytes())
    (tmp_path / "overlay").mkdir()
    run = ["bash", str(script), "overlay"]
    subprocess.run(run, check=True, capture_output=True, timeout=30)
    made = tmp_path / "overlay" / "secrets.env"
    assert made.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in made.read_text().splitlines())
    assert set(values) == {key for _, key in k8s.secret_keys()}
    assert all(len(value) >= 49 for value in values.values())
    # nats-server reads a bare number as a number, and a URL needs no escapes.
    assert all(v[0].isalpha() and v[1:].isalnum() for k, v in values.items() if k[:4] == "nats")
    assert values["postgres-password"] in values["database-url"]
    again = subprocess.run(run, check=False, capture_output=True, text=True, timeout=30)
    assert again.returncode != 0
    assert "lock its cluster out" in again.stderr
    assert dict(line.split("=", 1) for line in made.read_text().splitlines()) == values


def test_catalog_and_engine_tell_the_same() -> None:
    catalog = tomllib.loads(k8s.config("registry-catalog", "catalog.toml"))
    workload = k8s.workloads()["engine"]["spec"]
    args = dict(
        arg.removeprefix("--").partition("=")[::2] for arg in k8s.main_container("engine")["args"]
    )
    pool = next(p for p in catalog["pool"] if p["name"] == "main")
    port = k8s.of_kind("Service")["engine"]["spec"]["ports"][0]["port"]
    assert pool["replicas"] == [
        f"http://engine-{n}.{workload['serviceName']}:{port}" for n in range(workload["replicas"])
    ]
    base = next(m for m in catalog["model"] if m["kind"] == "base")
    assert base["id"] == args["served-model-name"]
    assert base["weights_path"] == args["model"]
    assert base["context_length"] == int(args["max-model-len"])
    assert (
        int(args["max-lora-rank"])
        >= settings_class("registry").model_fields["max_lora_rank"].default
    )
    assert "enable-lora" in args
    assert "enable-prompt-tokens-details" in args


def test_the_transformers_engine_is_where_the_catalog_says(wiring: fleet.Wiring) -> None:
    catalog = tomllib.loads(k8s.config("registry-catalog", "catalog.toml"))
    pool = next(p for p in catalog["pool"] if p["engine"] == "transformers")
    workload = k8s.workloads()["transformers"]["spec"]
    port = k8s.of_kind("Service")["transformers"]["spec"]["ports"][0]["port"]
    assert pool["replicas"] == [
        f"http://transformers-{n}.{workload['serviceName']}:{port}"
        for n in range(workload["replicas"])
    ]
    given = k8s.environment(k8s.main_container("transformers"))
    assert given["ARGOSY_ENGINE_KEY"] == "secret:engine-key"
    here = argosy(fleet.settings("transformers", 1, 2, wiring))
    # Ours has its health on its main port, as vLLM has.
    assert here - {fleet.MARK, "ARGOSY_HEALTH_BIND"} <= set(given)
    settings = read_settings({n: v.replace("secret:", "") for n, v in given.items()})
    assert (settings.host, settings.port) == ("0.0.0.0", port)  # noqa: S104 - a pod's address


def test_the_registry_accepts_the_catalog(tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text(k8s.config("registry-catalog", "catalog.toml"))
    catalog = read_catalog_file(file)
    assert {m.id for m in catalog.model} == {"smollm2-135m-instruct", "use-multilingual-v3"}
    # The start of the pod fills in the key that the engines are started with.
    fill = next(c for c in k8s.containers("registry") if c["name"] == "catalog")
    key = k8s.environment(k8s.main_container("engine"))["VLLM_API_KEY"]
    assert k8s.environment(fill) == {"ENGINE_KEY": key}


def test_overlays_keep_what_catalog_and_engine_agree_on() -> None:
    base = k8s.main_container("engine")["args"]
    agreed = {
        a
        for a in base
        if a.partition("=")[0] not in {"--max-loras", "--max-cpu-loras", "--max-num-seqs"}
    }
    for overlay in k8s.OVERLAYS:
        (patch,) = k8s.documents(overlay / "engine.yaml")
        (container,) = patch["spec"]["template"]["spec"]["containers"]
        assert agreed <= set(container["args"]), overlay.name


def test_adapters_are_seen_where_the_registry_writes_them() -> None:
    blobs = k8s.environment(k8s.main_container("registry"))["ARGOSY_BLOB_ROOT"]
    for name in ("registry", "engine", "transformers"):
        mount = next(m for m in k8s.main_container(name)["volumeMounts"] if m["name"] == "blobs")
        assert mount["mountPath"] == blobs
        assert mount.get("readOnly", False) is (name != "registry")
