"""The probes against small servers of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argosy.cli.fleet import probes


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """Serve one answer a connection, in order; the last one again and again."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answer(status: int, body: object = None) -> bytes:
    return f"HTTP/1.0 {status} X\r\n\r\n{json.dumps(body)}".encode()


async def test_ready_is_status_200() -> None:
    async with answering(answer(200)) as port:
        assert await probes.http(port, "/readyz")() is None


async def test_what_is_missing_is_passed_on() -> None:
    missing = {"missing": {"database": "The database does not answer."}}
    async with answering(answer(503, missing)) as port:
        said = await probes.http(port, "/readyz")()
    assert said == "database: The database does not answer."


async def test_other_bodies_are_reported_by_their_status() -> None:
    async with answering(answer(500, ["x"])) as port:
        assert await probes.http(port, "/health")() == "/health answers 500."


async def test_nobody_listens_or_nonsense_is_answered() -> None:
    async with answering(b"nonsense") as port:
        assert await probes.http(port, "/health")() == "It does not answer yet."
    assert await probes.http(port, "/health")() == "It does not answer yet."


async def test_nats_must_be_durable() -> None:
    def varz(always: bool) -> bytes:
        return answer(200, {"jetstream": {"config": {"sync_always": always}}})

    async with answering(answer(200), varz(True)) as port:
        assert await probes.nats(port)() is None
    async with answering(answer(200), varz(False)) as port:
        assert await probes.nats(port)() == probes.NOT_DURABLE
    async with answering(answer(503)) as port:
        assert await probes.nats(port)() == "JetStream is not up yet."
    async with answering(answer(200), answer(200, {})) as port:
        assert await probes.nats(port)() == "It does not answer yet."


async def test_postgres_is_up_when_it_asks_for_the_password() -> None:
    async with answering(b"R\0\0\0\x17") as port:
        assert await probes.postgres(port, "argosy")() is None
    async with answering(b"E\0\0\0\x50SFATAL") as port:
        assert await probes.postgres(port, "argosy")() == "The database system is starting up."
    assert await probes.postgres(port, "argosy")() == "It does not answer yet."
