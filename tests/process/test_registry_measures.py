"""Tokens counted by a real registry process: its child, what is kept, and whose files they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import grpc
import pytest
from argosy.api.registry.v1 import measures_pb2 as pb
from argosy.api.registry.v1 import measures_pb2_grpc
from argosy.kit.errors import InvalidRequest, NotFound
from argosy.kit.rpc import calling

from tests.fakes import tiny_tokenizer
from tests.harness.registry_client import PROJECT, Client
from tests.harness.registry_fleet import CATALOG, Fleet, Registry, fleet

TALK = {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}]}
# Two markers and `user\n`, `Hi?`, a line break; `assistant\n` with its marker; `Yes.` and its end.
TALK_TOKENS = 11 + 11 + 5
# The sandbox lets no range be longer.
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
MODEL = """
[[model]]
id = "endless"
kind = "base"
context_length = 2048
pool = "main"
weights_path = "{}"
"""


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer.write(tmp_path_factory.mktemp("weights") / "base-one")


@pytest.fixture(scope="module")
def registry(ships: Fleet, weights: Path) -> Registry:
    endless = tiny_tokenizer.write(weights.parent / "endless", template=ENDLESS)
    catalog = CATALOG.replace("/weights/base-one", str(weights)) + MODEL.format(endless)
    registry = ships.registry("measures", catalog=catalog)
    registry.start()
    return registry


@pytest.fixture
async def client(registry: Registry) -> AsyncIterator[Client]:
    async with Client(registry) as client:
        yield client


@pytest.fixture
async def measures(registry: Registry) -> AsyncIterator[measures_pb2_grpc.MeasureServiceAsyncStub]:
    async with registry.channel() as channel:
        yield measures_pb2_grpc.MeasureServiceStub(channel)


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def asked(
    source: str, *, model: str = "base-one", project: str = PROJECT
) -> pb.MeasureTokensRequest:
    return pb.MeasureTokensRequest(project_id=project, source_id=source, model_id=model)


async def kept(registry: Registry) -> int:
    connection = await asyncpg.connect(registry.env["ARGOSY_DATABASE_URL"])
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM registry.token_count")
        return count
    finally:
        await connection.close()


async def test_a_file_is_counted_once_whoever_asks(
    registry: Registry, client: Client, measures: measures_pb2_grpc.MeasureServiceAsyncStub
) -> None:
    longer = {"messages": [*TALK["messages"], *TALK["messages"]]}
    data = lines(TALK, longer, TALK)
    first, second = await client.upload(data), await client.upload(data)
    answers = await asyncio.gather(
        *(measures.MeasureTokens(asked(file.id)) for file in (first, second, first))
    )
    assert answers[0] == pb.MeasureTokensResponse(
        rows=3,
        # Between two turns stands the line break that ends the first.
        total_tokens=4 * TALK_TOKENS + 1,
        lengths=[
            pb.TokenLength(tokens=TALK_TOKENS, records=2),
            pb.TokenLength(tokens=2 * TALK_TOKENS + 1, records=1),
        ],
    )
    assert answers[1] == answers[2] == answers[0]
    assert await kept(registry) == 1


async def test_what_cannot_be_counted_says_why(
    client: Client, measures: measures_pb2_grpc.MeasureServiceAsyncStub
) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    seen = [{"role": "user", "content": [image]}, TALK["messages"][1]]
    pictures = await client.upload(lines(TALK, {"messages": seen}))
    notes = await client.upload(b"x", purpose="user_data", filename="x.txt")
    text = await client.upload(lines(TALK))
    for request, kind, message in (
        (asked(pictures.id), InvalidRequest, "line 2: a message's content"),
        (asked(notes.id), InvalidRequest, "purpose user_data"),
        (asked("vs_1"), InvalidRequest, "must begin with file-"),
        (asked(text.id, project="proj_other"), NotFound, "No such File object"),
        (asked(text.id, model="nobody"), NotFound, "'nobody' does not exist"),
        (asked(text.id, model="vectors"), InvalidRequest, "no folder of its weights"),
    ):
        with pytest.raises(kind, match=message), calling("registry"):
            await measures.MeasureTokens(request)


async def test_a_caller_that_goes_away_ends_the_count(
    registry: Registry, client: Client, measures: measures_pb2_grpc.MeasureServiceAsyncStub
) -> None:
    file = await client.upload(lines(TALK))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await measures.MeasureTokens(asked(file.id, model="endless"), timeout=2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    # The one slot is free again, and nobody is left in it.
    answer = await measures.MeasureTokens(asked(file.id), timeout=60)
    assert answer.rows == 1
    assert counting_children(registry) == []


def counting_children(registry: Registry) -> list[str]:
    """Return the command lines of the registry's living children that count."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_text()
            if fields[1] == str(registry.pid) and "measuring" in command:
                found.append(command)
    return found
