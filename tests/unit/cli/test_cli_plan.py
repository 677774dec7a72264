from __future__ import annotations

import json
import signal
import socket
import tomllib
from pathlib import Path

import pytest
from argosy.cli.errors import UsageError
from argosy.cli.fleet import credentials, engine, environment, nats_config
from argosy.cli.fleet.home import Home
from argosy.cli.fleet.nats_config import USERS, publish_subjects
from argosy.cli.fleet.options import FleetOptions
from argosy.cli.fleet.plan import FleetPlan, build
from argosy.cli.fleet.ports import Ports, reserve
from argosy.cli.fleet.roles import ROLES, role_name, role_of
from argosy.registry.intake.catalog_file import read_catalog_file

STUBS = (
    "postgres: ${POSTGRES} -D ${DATA} -p ${PORT}\nnats: ${NATS_SERVER} --config ${CONFIG}\n"
    "registry: ${PYTHON} -m argosy.registry\ntrainer: ${PYTHON} -m argosy.trainer\n"
    "embedder: ${PYTHON} -m argosy.embedder\nengine: fake --port ${PORT}\n"
    "engine-2: fake --port ${PORT}\ngateway: ${PYTHON} -m argosy.gateway\n"
)


def plan_of(tmp_path: Path, **options: object) -> FleetPlan:
    procfile = tmp_path / "Procfile"
    procfile.write_text(STUBS)
    given = {"port": Ports().take(), "ml_environment": tmp_path / "ml", "engine_flavour": "cpu"}
    merged = FleetOptions(procfile=procfile, **(given | options))  # type: ignore[arg-type]
    plan = build(Home.at(tmp_path / "home"), merged)
    plan.claim.close()
    return plan


def test_who_waits_for_whom_and_who_stops_first(tmp_path: Path) -> None:
    members = {m.name: m for m in plan_of(tmp_path).members}
    assert members["registry"].after == ("postgres", "nats")
    assert members["gateway"].after == ("registry",)
    assert members["engine"].after == ()
    assert members["gateway"].role.layer > members["engine"].role.layer
    assert members["registry"].role.layer > members["postgres"].role.layer
    assert members["postgres"].role.stop_signal is signal.SIGINT


def test_a_stop_fits_into_its_time() -> None:
    layers = {role.layer for role in ROLES.values()}
    longest = [max(r.grace_seconds for r in ROLES.values() if r.layer == n) for n in layers]
    assert sum(longest) < 14.5


def test_every_port_is_given_once_and_peers_are_told(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    members = {m.name: m for m in plan.members}
    ports = [m.port for m in plan.members]
    assert len(set(ports)) == len(ports)
    gateway = members["gateway"].environment
    assert gateway["ARGOSY_REGISTRY_URL"] == members["registry"].environment["ARGOSY_BIND"]
    assert gateway["ARGOSY_TRAINER_URL"] == members["trainer"].environment["ARGOSY_BIND"]
    assert gateway["ARGOSY_EMBEDDER_URL"] == members["embedder"].environment["ARGOSY_BIND"]
    assert plan.base_url.endswith(f":{members['gateway'].port}/v1")


def test_d32_the_trainer_is_told_where_the_load_of_serving_stands(tmp_path: Path) -> None:
    members = {m.name: m for m in plan_of(tmp_path).members}
    (url,) = json.loads(members["trainer"].environment["ARGOSY_GATEWAY_METRICS_URLS"])
    assert url == f"http://{members['gateway'].environment['ARGOSY_HEALTH_BIND']}/metrics"


def test_each_process_is_told_only_its_own_secrets(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    secrets = credentials.ensure(plan.home)
    environments = {m.name: set(m.environment.values()) for m in plan.members}
    for user in ("registry", "trainer", "embedder", "gateway"):
        holders = {n for n, values in environments.items() if secrets.nats_password(user) in values}
        assert holders == {user}
    assert {n for n, v in environments.items() if secrets.api_key in v} == {"registry"}
    assert {n for n, v in environments.items() if secrets.key_pepper in v} == {
        "registry", "gateway",
    }  # fmt: skip
    for member in plan.members:
        assert not any(secret in " ".join(member.command) for secret in vars(secrets).values())


def test_settings_of_the_caller_pass_and_those_of_the_fleet_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGOSY_LOG_LEVEL", "debug")
    monkeypatch.setenv("ARGOSY_BIND", "0.0.0.0:1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    own = {"*": {"ARGOSY_X": "all"}, "trainer": {"ARGOSY_X": "trainer"}}
    members = {m.name: m for m in plan_of(tmp_path, environment=own).members}
    registry, trainer = members["registry"].environment, members["trainer"].environment
    assert registry["ARGOSY_LOG_LEVEL"] == "debug"
    assert registry["ARGOSY_BIND"] != "0.0.0.0:1"
    assert "PYTHONDONTWRITEBYTECODE" not in registry
    assert (registry["ARGOSY_X"], trainer["ARGOSY_X"]) == ("all", "trainer")
    assert registry[environment.MARK] == str(tmp_path / "home")


def test_the_registry_reads_the_catalogue(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    catalog = read_catalog_file(plan.home.catalog_file)
    engines = [m.url for m in plan.members if m.name.startswith("engine")]
    assert list(catalog.pool[0].replicas) == engines
    assert {m.id for m in catalog.model} == {"smollm2-135m-instruct", "use-multilingual-v3"}


def test_odd_names_stay_whole_in_the_catalogue(tmp_path: Path) -> None:
    model = tmp_path / 'a "quoted" 模型'
    model.mkdir()
    (model / "config.json").write_text('{"max_position_embeddings": 4096}')
    plan = plan_of(tmp_path, model=str(model))
    loaded = tomllib.loads(plan.home.catalog_file.read_text("utf-8"))
    assert loaded["model"][0]["weights_path"] == str(model)


def test_g01_quantized_weights_are_served_without_adapters(tmp_path: Path) -> None:
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "config.json").write_text('{"quantization_config": {"quant_method": "x"}}')
    made, usual = (
        engine.resolve(
            ml_environment=tmp_path, model=model, extra_flags=("--seed=1",), flavour="cpu"
        )
        for model in (str(folder), None)
    )
    assert "--enable-lora" in usual.flags
    assert not [flag for flag in made.flags if "lora" in flag]
    assert set(made.flags) <= set(usual.flags)
    assert made.flags[-1] == "--seed=1"


@pytest.mark.parametrize("flavour", ["cpu", "cuda"])
def test_an_engine_tells_what_of_its_input_was_cached(tmp_path: Path, flavour: str) -> None:
    made = engine.resolve(ml_environment=tmp_path, model=None, extra_flags=(), flavour=flavour)
    assert "--enable-prompt-tokens-details" in made.flags


def test_ranks_that_the_engine_does_not_serve_are_not_trained(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, engine_flags=("--max-lora-rank=8",))
    members = {m.name: m for m in plan.members}
    for name in ("registry", "trainer"):
        assert members[name].environment["ARGOSY_MAX_LORA_RANK"] == "8"


def test_users_of_the_bus_may_not_manage_streams_or_tell_for_others() -> None:
    told = {user.name: publish_subjects(user) for user in USERS}
    assert "argosy.v1.usage.>" in told["gateway"]
    assert not [s for s in told["gateway"] if "model" in s or "CONSUMER" in s]
    everything = [subject for subjects in told.values() for subject in subjects]
    assert not [s for s in everything if "DELETE" in s or "PURGE" in s or s in {">", "$JS.>"}]


def test_the_bus_is_durable_and_on_loopback(tmp_path: Path) -> None:
    secrets = credentials.Credentials()
    text = nats_config.render(port=1, monitor_port=2, store=tmp_path, credentials=secrets)
    assert "sync_interval: always" in text
    assert 'listen: "127.0.0.1:1"' in text
    assert json.dumps(str(tmp_path)) in text


def test_a_taken_port_is_refused_by_name_or_avoided() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port} is taken"):
            Ports().gateway(port, "127.0.0.1", [])
        chosen, claim = Ports().gateway(None, "127.0.0.1", [port])
        claim.close()
        assert chosen != port


def test_a_port_that_another_fleet_reserved_is_not_taken() -> None:
    port = Ports().take()
    claim = reserve(port)
    assert claim is not None
    assert reserve(port) is None
    claim.close()
    again = reserve(port)
    assert again is not None
    again.close()


def test_numbers_after_a_role_are_instances_of_it() -> None:
    assert role_name("engine-2") == "engine"
    assert role_name("my-tool") == "my-tool"
    assert role_name("my-tool-2") == "my-tool-2"
    assert role_of("engine-12") is ROLES["engine"]


@pytest.mark.parametrize(
    ("flags", "context"), [((), 2048), (("--max-model-len=4096",), 4096), (("--x", "1"), 2048)]
)
def test_the_last_length_counts(tmp_path: Path, flags: tuple[str, ...], context: int) -> None:
    made = engine.resolve(ml_environment=tmp_path, model=None, extra_flags=flags, flavour="cpu")
    assert made.context_length == context


def test_a_model_is_a_folder_or_a_hub_id(tmp_path: Path) -> None:
    def resolve(model: str) -> engine.Engine:
        return engine.resolve(ml_environment=tmp_path, model=model, extra_flags=(), flavour="cpu")

    folder = tmp_path / "My-Model"
    folder.mkdir()
    assert resolve(str(folder)).model_id == "my-model"
    assert "HF_HUB_OFFLINE" in resolve(str(folder)).environment()
    hub = resolve("Owner/Some-Model")
    assert (hub.model_id, hub.owned_by, hub.weights) == ("some-model", "owner", "Owner/Some-Model")
    assert "HF_HUB_OFFLINE" not in hub.environment()
    for wrong in ("nothing-there", "a/b/c", "/no/such/folder"):
        with pytest.raises(UsageError, match="--model"):
            resolve(wrong)


def test_a_missing_environment_names_the_way_out(tmp_path: Path) -> None:
    made = engine.resolve(ml_environment=tmp_path, model=None, extra_flags=(), flavour="cpu")
    with pytest.raises(UsageError, match="make setup"):
        made.check()


def test_the_flavour_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.detect_flavour({"ARGOSY_ENGINE_FLAVOUR": "cuda"}) == "cuda"
    with pytest.raises(UsageError, match="cpu or cuda"):
        engine.detect_flavour({"ARGOSY_ENGINE_FLAVOUR": "tpu"})


def test_prometheus_finds_every_process_that_shows_metrics(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    found = json.loads(plan.home.targets_file.read_text())
    by_name = {entry["labels"]["instance"]: entry for entry in found}
    shows = {"registry", "trainer", "embedder", "engine", "engine-2", "gateway"}
    assert set(by_name) == shows
    assert by_name["engine-2"]["labels"]["job"] == "engine"
    gateway = next(m for m in plan.members if m.name == "gateway")
    assert by_name["gateway"]["targets"] == [gateway.health_url.split("/")[2]]
