"""AB08 for what runs make besides LoRA adapters, and that the good ones are told to the gateways.

The unit tests of the judges hold each rule; here it is the real registry that refuses and keeps
nothing, and that shows what it took.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from argosy.api import ids
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.kit.errors import ApiError, Conflict, InvalidRequest, NotFound

from tests.harness import artifacts
from tests.harness.registry_client import Client
from tests.harness.registry_fleet import CATALOG, Fleet, Registry, fleet

FULL, PROMPT, REWARD = pb.ARTIFACT_FULL, pb.ARTIFACT_PROMPT_TUNING, pb.ARTIFACT_REWARD
_TRANSFORMERS = """
[[pool]]
name = "spare"
engine = "transformers"
replicas = ["http://127.0.0.1:41001"]
"""


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def base(ships: Fleet) -> Path:
    return artifacts.write_base(ships.folder / "weights")


@pytest.fixture(scope="module")
def registry(ships: Fleet, base: Path) -> Registry:
    catalog = CATALOG.replace("/weights/base-one", str(base)) + _TRANSFORMERS
    registry = ships.registry("ab08", catalog=catalog)
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        yield client


def tuned() -> str:
    """Return a name of its own: what was deleted stays deleted."""
    return f"ft:base-one:argosy::{ids.new_id('', 8)}"


def _files(folder: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


@pytest.mark.parametrize(
    ("artifact", "files"),
    [
        (PROMPT, artifacts.prompt(tokenizer_kwargs={"trust_remote_code": True})),
        (PROMPT, (*artifacts.prompt(), ("adapter_model.bin", b"\x80\x04"))),
        (PROMPT, (*artifacts.prompt(), ("chat_template.jinja", b"{{ x }}"))),
        (FULL, artifacts.full(auto_map={"AutoModelForCausalLM": "evil.Model"})),
        (FULL, (*artifacts.full(), ("pytorch_model.bin", b"\x80\x04"))),
        (FULL, (*artifacts.full(), ("tokenizer.json", b"{}"))),
        (FULL, (*artifacts.full(), ("modeling_evil.py", b"print()"))),
        (FULL, artifacts.prompt()),
        (REWARD, artifacts.reward_lora(modules_to_save=["lm_head"])),
        (REWARD, artifacts.reward_full(auto_map={"AutoModel": "evil.Model"})),
        (REWARD, artifacts.full()),
    ],
)
async def test_ab08_nothing_is_kept_of_a_hostile_artifact(
    registry: Registry,
    client: Client,
    artifact: pb.Artifact.ValueType,
    files: tuple[tuple[str, bytes], ...],
) -> None:
    name = tuned()
    with pytest.raises(InvalidRequest):
        await client.publish(name, *files, artifact=artifact)
    with pytest.raises(NotFound):
        await client.model(name)
    assert registry.stored() == []


async def test_a_prompt_is_served_where_an_engine_can_load_it(client: Client, base: Path) -> None:
    name = tuned()
    model = await client.publish(name, *artifacts.prompt(), artifact=PROMPT)
    assert (model.artifact, model.virtual_tokens, model.lora_rank) == (PROMPT, 4, 0)
    assert (model.servable, model.pool, model.weights_path) == (True, "spare", str(base))
    stored = _files(model.adapter_path)
    assert model.artifact_bytes == sum(map(len, stored.values()))
    assert json.loads(stored["adapter_config.json"])["num_virtual_tokens"] == 4
    watch = client.watch()
    await watch.until("synced")
    assert watch.entries["model", name] == model
    watch.cancel()
    await client.delete_model(name)


async def test_a_lora_stays_with_its_base(client: Client) -> None:
    name = tuned()
    model = await client.publish(name)
    assert (model.artifact, model.pool) == (pb.ARTIFACT_LORA, "main")
    await client.delete_model(name)


async def test_d48_a_whole_model_takes_its_tokenizer_from_the_base(
    client: Client, base: Path
) -> None:
    name = tuned()
    model = await client.publish(name, *artifacts.full(), artifact=FULL)
    assert (model.pool, model.weights_path) == ("spare", model.adapter_path)
    stored = _files(model.adapter_path)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert stored[file] == (base / file).read_bytes()
    assert stored["model.safetensors"] != (base / "model.safetensors").read_bytes()
    assert model.artifact_bytes == sum(map(len, stored.values()))

    # What was trained on from it runs on its weights, and they stay as long as it is there.
    child = tuned()
    adapter = await client.publish(child, parent=name)
    assert (adapter.parent, adapter.pool) == (name, "spare")
    assert adapter.weights_path == model.adapter_path
    with pytest.raises(Conflict, match="Delete them first"):
        await client.delete_model(name)
    await client.delete_model(child)
    await client.delete_model(name)
    with pytest.raises(ApiError, match="was deleted"):
        await client.publish(tuned(), parent=name)


async def test_d42_reward_models_of_both_forms(client: Client) -> None:
    for files in (artifacts.reward_lora(), artifacts.reward_full()):
        name = tuned()
        model = await client.publish(name, *files, artifact=REWARD)
        assert (model.artifact, model.pool, model.servable) == (REWARD, "spare", True)
        await client.delete_model(name)


async def test_without_an_engine_for_it_a_result_is_not_servable(
    registry: Registry, client: Client
) -> None:
    name = tuned()
    model = await client.publish(name, *artifacts.prompt(), artifact=PROMPT)
    assert model.servable
    registry.stop()
    listed = registry.catalog_file.read_text()
    registry.catalog_file.write_text(listed.replace(_TRANSFORMERS, ""))
    registry.start()
    async with Client(registry) as again:
        model = await again.model(name)
        assert (model.servable, model.pool) == (False, "")
        await again.delete_model(name)
    registry.stop()
    registry.catalog_file.write_text(listed)
    registry.start()
