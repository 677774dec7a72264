"""AB08: adapters that would run code, change the base for others, or break an engine."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.kit.errors import ApiError, InvalidRequest, NotFound, TooLarge

from tests.harness import adapters
from tests.harness.registry_client import Client
from tests.harness.registry_fleet import Fleet, Registry, fleet

MODEL = "ft:base-one:argosy::abcd1234"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
GOOD = ((CONFIG, adapters.config()), (WEIGHTS, adapters.weights()))
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry(
        "ab08", env={"ARGOSY_MAX_LORA_RANK": "16", "ARGOSY_MAX_ADAPTER_BYTES": str(1 << 20)}
    )
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        yield client


async def refused(
    registry: Registry, client: Client, *files: tuple[str, bytes], **more: Any
) -> str:
    """Publish; return why it was refused. Neither a model nor a byte may be left."""
    with pytest.raises(ApiError) as caught:
        await client.publish(MODEL, *files, **more)
    assert isinstance(caught.value, InvalidRequest | TooLarge)
    with pytest.raises(NotFound):
        await client.model(MODEL)
    assert registry.stored() == []
    return caught.value.message


class Bomb:
    """Writes a canary file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (_write_canary, (str(self._canary),))


def _write_canary(path: str) -> None:
    Path(path).write_text("executed")


async def test_ab08_pickles(registry: Registry, client: Client, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bomb = pickle.dumps(Bomb(canary))
    for name in ("adapter_model.bin", "adapter_model.pt", "adapter_model.pkl", "optimizer.pt"):
        assert "any other file" in await refused(registry, client, *GOOD, (name, bomb))
    # The same bytes under the allowed name are no safetensors.
    assert WEIGHTS in await refused(registry, client, GOOD[0], (WEIGHTS, bomb))
    assert not canary.exists()


@pytest.mark.parametrize(
    "name",
    [
        "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json",
        "config.json", "modeling_evil.py", "README.md", "new_embeddings.safetensors",
    ],
)  # fmt: skip
async def test_ab08_files_that_change_what_the_base_says(
    registry: Registry, client: Client, name: str
) -> None:
    text = b'{"chat_template": "{{ cycler.__init__.__globals__.os.popen(\'id\') }}"}'
    assert "any other file" in await refused(registry, client, *GOOD, (name, text))


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_map": {"AutoModelForCausalLM": "modeling_evil.Model"}},
        {"auto_mapping": {"base_model_class": "Evil", "parent_library": "evil"}},
        {"trust_remote_code": True},
        {"peft_type": "LOHA"},
        {"use_dora": True},
        {"bias": "lora_only"},
        {"modules_to_save": ["embed_tokens"]},
        {"r": 17},
        {"r": 2**62},
        {"rank_pattern": {".*": 2**31}},
        {"target_modules": "(x+x+)+y"},
        {"layer_replication": [[0, 1000000]]},
    ],
)
async def test_ab08_configurations(
    registry: Registry, client: Client, changes: dict[str, Any]
) -> None:
    config = adapters.config(**changes)
    assert CONFIG in await refused(registry, client, (CONFIG, config), GOOD[1])


async def test_ab08_two_readings_of_one_configuration(registry: Registry, client: Client) -> None:
    doubled = adapters.config()[:-1] + b', "r": 100000}'
    assert "same key twice" in await refused(registry, client, (CONFIG, doubled), GOOD[1])
    nested = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    assert "levels deep" in await refused(registry, client, (CONFIG, nested), GOOD[1])


def entry(begin: int, end: int, **changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [4, 8], "data_offsets": [begin, end], **changes}


A, B = adapters.lora_name("A"), adapters.lora_name("B")
ROWS = adapters.floats(*[0.5] * 32)


def with_value(value: float, dtype: str = "F32") -> bytes:
    code = {"F32": "<f", "F16": "<e"}.get(dtype)
    raw = struct.pack(code, value) if code else struct.pack("<f", value)[2:]
    good = struct.pack(code, 0.5) if code else struct.pack("<f", 0.5)[2:]
    data = good * 31
    return adapters.safetensors([(A, dtype, [4, 8], data + raw), (B, dtype, [8, 4], good * 32)])


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (struct.pack("<Q", 2**64 - 1) + b"{}", "header"),
        (struct.pack("<Q", 100 << 20) + b" " * 1000, "header"),
        (adapters.header({A: entry(0, 128), B: entry(64, 192, shape=[8, 4])}) + bytes(192), "over"),
        (adapters.header({A: entry(0, 128), B: entry(0, 128, shape=[8, 4])}) + bytes(128), "over"),
        (adapters.header({A: entry(64, 192)}) + bytes(192), "gap"),
        (adapters.header({A: entry(0, 128, shape=[2**20, 2**20])}) + bytes(128), "data_offsets"),
        (adapters.header({A: entry(0, 128, dtype="I32")}) + bytes(128), "dtype"),
        (adapters.header({"__class__.__init__": entry(0, 128)}) + bytes(128), "not named"),
        (adapters.weights()[:-4], "ends before"),
        (adapters.weights() + b"trailing pickle", "behind its last tensor"),
        (with_value(NAN), "NaN"),
        (with_value(INF), "NaN"),
        (with_value(-INF, "F16"), "NaN"),
        (with_value(NAN, "BF16"), "NaN"),
    ],
)
async def test_ab08_weights(
    registry: Registry, client: Client, weights: bytes, reason: str
) -> None:
    assert reason in await refused(registry, client, GOOD[0], (WEIGHTS, weights))


async def test_ab08_the_rank_bomb_in_the_shapes(registry: Registry, client: Client) -> None:
    assert "rank 4" in await refused(registry, client, GOOD[0], (WEIGHTS, adapters.weights(16)))


async def test_ab08_the_size_bomb(registry: Registry, client: Client) -> None:
    big = adapters.weights(16, layers=40, width=512)
    assert len(big) > 1 << 20
    config = adapters.config(r=16)
    assert "limit of 1048576 bytes" in await refused(
        registry, client, (CONFIG, config), (WEIGHTS, big)
    )
    assert "adapter_config.json is larger" in await refused(
        registry, client, (CONFIG, b" " * (1 << 20))
    )


async def test_ab08_an_adapter_of_another_base(registry: Registry, client: Client) -> None:
    assert "base" in await refused(registry, client, base="vectors")


def _files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


async def test_ab08_the_good_one_passes_and_is_stored_as_sent(
    registry: Registry, client: Client
) -> None:
    model = await client.publish(MODEL)
    assert _files(Path(model.adapter_path)) == dict(GOOD)
    assert json.loads(adapters.config())["r"] == model.lora_rank
    await client.delete_model(MODEL)
