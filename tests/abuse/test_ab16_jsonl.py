"""AB16: JSONL that is meant to hurt. A line-numbered 400, in bounded memory, with nothing kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from argosy.kit.errors import InvalidRequest, TooLarge

from tests.harness.registry_client import LINE, Client
from tests.harness.registry_fleet import Fleet, Registry, fleet

MIB = 1 << 20
CANARY = "canary-ab16"


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry(
        "ab16", env={"ARGOSY_MAX_FILE_BYTES": str(256 * MIB), "ARGOSY_MAX_FILE_ROWS": "200000"}
    )
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        await client.delete((await client.upload()).id)  # warm: what follows is the abuse's own
        yield client


async def refused(
    registry: Registry,
    client: Client,
    data: bytes | Sequence[bytes],
    purpose: str = "fine-tune",
) -> str:
    """Upload; return the refusal. Nothing may be left of the file."""
    with pytest.raises(InvalidRequest) as caught:
        await client.upload(data, purpose=purpose)
    assert caught.value.param == "file"
    assert registry.stored() == []
    assert not (await client.list()).files
    return caught.value.message


class Repeated(Sequence[bytes]):
    """`count` times the same piece, without holding them."""

    def __init__(self, piece: bytes, count: int) -> None:
        self._piece, self._count = piece, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError
        return self._piece


async def test_ab16_a_line_of_100_mb(registry: Registry, client: Client) -> None:
    before = registry.rss_bytes()
    message = await refused(registry, client, [LINE, *[b'{"messages": "' + b"x" * MIB] * 100])
    assert message.startswith("line 2: the line is longer than the limit of 1048576 bytes")
    # Of what is under way on the connection 8 to 36 MB are kept, by how busy the machine is.
    assert registry.rss_bytes() - before < 64 * MIB


async def test_ab16_a_deep_line(registry: Registry, client: Client) -> None:
    for opening in (b"[", b'{"a":'):
        deep = opening * (900_000 // len(opening))
        assert "line 2: nested more than 64 levels" in await refused(registry, client, LINE + deep)


async def test_ab16_ten_million_rows(registry: Registry, client: Client) -> None:
    before = registry.rss_bytes()
    rows = b'{"item": {}}\n' * 80_000
    message = await refused(registry, client, Repeated(rows, 125), purpose="evals")
    assert message.startswith("line 200001: the file has more rows than the limit of 200000")
    assert registry.rss_bytes() - before < 64 * MIB


async def test_ab16_a_file_of_line_ends(registry: Registry, client: Client) -> None:
    message = await refused(registry, client, Repeated(b"\n" * MIB, 200))
    assert message.startswith("line 200001: the file has more than 200000 blank lines")


async def test_ab16_more_bytes_than_the_limit(registry: Registry, client: Client) -> None:
    before = registry.rss_bytes()
    with pytest.raises(TooLarge, match=f"limit of {256 * MIB} bytes"):
        await client.upload(Repeated(b" " * (MIB - 1) + b"\n", 300))
    assert registry.stored() == []
    assert registry.rss_bytes() - before < 64 * MIB


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"messages": "\xff\xfe"}', "line 3: byte 15 is not UTF-8"),
        (b"\x00\x01\x02", "line 3: not valid JSON"),
        (LINE.decode().strip().encode("utf-16-le"), "line 3: "),
        (b'{"messages": NaN}', "line 3: NaN"),
        (b'{"messages": [], "messages": []}', "line 3: an object gives the same key twice"),
        (b'{"a": ' + b"1" * 10_000 + b"}", "line 3: an integer has more digits"),
        (b'{"a": "\\ud800"}', "line 3: a string holds half a surrogate"),
        (b'"' + b"x" * 100 + b'"', "line 3: must be an object"),
    ],
)
async def test_ab16_bytes_that_readers_disagree_on(
    registry: Registry, client: Client, line: bytes, reason: str
) -> None:
    assert (await refused(registry, client, LINE * 2 + line + b"\n" + LINE)).startswith(reason)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
async def test_ab16_byte_order_marks(registry: Registry, client: Client, encoding: str) -> None:
    message = await refused(registry, client, LINE.decode().encode(encoding))
    assert message.startswith("line 1: starts with a byte order mark")


SPOOFS: list[Any] = [
    {"role": "System", "content": CANARY},
    {"role": "system\u200b", "content": CANARY},
    {"role": "root", "content": CANARY},
    {"role": ["system"], "content": CANARY},
    {"role": {"role": "system"}, "content": CANARY},
    {"role": "user", "content": {"role": "system", "content": CANARY}},
    {"role": "user", "content": [{"role": "system", "content": CANARY}]},
    {"role": "user", "content": [{"type": "text", "text": CANARY, "role": "system"}]},
    {"role": "user", "content": [{"type": "system", "system": CANARY}]},
    {"role": "user", "content": CANARY, "messages": [{"role": "system", "content": CANARY}]},
    {"role": "user", "content": CANARY, "tool_calls": []},
    {"role": "user", "content": CANARY, "weight": 1},
    {"role": "user", "content": CANARY, CANARY: 1},
]


@pytest.mark.parametrize("message", SPOOFS)
async def test_ab16_role_spoofing(registry: Registry, client: Client, message: Any) -> None:
    record = {"messages": [message, {"role": "assistant", "content": "A"}]}
    answer = await refused(registry, client, LINE + json.dumps(record).encode())
    assert answer.startswith("line 2: messages[0]")
    # The reason names the place and the rule, never what the line holds.
    assert CANARY not in answer


async def test_ab16_others_are_served_meanwhile(registry: Registry, client: Client) -> None:
    """Judging a large file must not stop the process: small calls go on beside it."""
    big = asyncio.create_task(client.upload(Repeated(LINE * 2_500, 70)))
    waits = []
    loop = asyncio.get_running_loop()
    while not big.done():
        begun = loop.time()
        await client.list()
        waits.append(loop.time() - begun)
    file = await big
    assert file.rows == 175_000
    assert len(waits) > 3
    assert max(waits) < 3.0
    await client.delete(file.id)


async def test_ab16_no_line_reaches_the_log(registry: Registry, client: Client) -> None:
    await refused(registry, client, json.dumps({"messages": [{"role": CANARY}]}).encode())
    assert CANARY not in registry.log.read_text()
