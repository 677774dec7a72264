"""AB07: names that are paths, at every door that takes one. Refused; nothing outside staging."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from argosy.kit.errors import InvalidRequest

from tests.harness import adapters
from tests.harness.registry_client import Client
from tests.harness.registry_fleet import Fleet, Registry, fleet

NAMES = [
    "../../x", "..", ".", "/etc/cron.d/x", "a/../../x", "..\\..\\x", "C:\\x", "\\\\host\\share",
    "x\0.jsonl", "x\n", "\x1b[31m", "x" * 4096, "销" * 400, "x\u202egnp.exe", "%2e%2e%2fx/..",
    "file:///etc/passwd", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry("ab07")
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        yield client


def everything(folder: Path) -> set[Path]:
    """Return every path under the test's folder but those of the servers themselves."""
    ours = {p for p in folder.iterdir() if p.name not in {"postgres", "nats", "postgres.log"}}
    return {p for top in ours for p in [top, *top.rglob("*")]}


@pytest.mark.parametrize("name", NAMES)
async def test_ab07_a_filename_that_is_a_path(
    ships: Fleet, registry: Registry, client: Client, name: str
) -> None:
    before = everything(ships.folder)
    with pytest.raises(InvalidRequest) as caught:
        await client.upload(b"canary", filename=name, purpose="user_data")
    assert caught.value.param == "file"
    assert everything(ships.folder) == before
    assert not (await client.list()).files


@pytest.mark.parametrize("name", [*NAMES, "adapter_config.json/../x", "ADAPTER_CONFIG.json"])
async def test_ab07_an_adapters_file_name_that_is_a_path(
    ships: Fleet, registry: Registry, client: Client, name: str
) -> None:
    before = everything(ships.folder)
    with pytest.raises(InvalidRequest, match="any other file is refused"):
        await client.publish("ft:base-one:argosy::abcd1234", (name, adapters.config()))
    assert everything(ships.folder) == before


@pytest.mark.parametrize("file_id", ["file-../../x", "../x", "file-x/y", "file-", "file-\0"])
async def test_ab07_a_file_id_that_is_a_path(
    ships: Fleet, registry: Registry, client: Client, file_id: str
) -> None:
    before = everything(ships.folder)
    with pytest.raises(InvalidRequest, match="file_id must be"):
        await client.upload(b"canary", purpose="user_data", file_id=file_id)
    assert everything(ships.folder) == before


async def test_ab07_odd_but_harmless_names_are_data(registry: Registry, client: Client) -> None:
    names = ["..x", "CON", "x.JSONL", "X.jsonl", "-rf", "$(id)", "';--", "a" * 255, "销售.jsonl"]
    files = [await client.upload(b"x", filename=n, purpose="user_data") for n in names]
    assert [f.filename for f in files] == names
    stored = registry.stored()
    assert len(stored) == len(names)
    for path in stored:
        folder, shard, blob = path.split("/")
        assert folder == "files"
        assert blob.startswith(shard)
        assert len(blob) == 32
        assert set(blob) <= set("0123456789abcdef")
    for file in files:
        await client.delete(file.id)
