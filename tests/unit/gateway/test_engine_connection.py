"""The engine's HTTP client against a server that says exactly what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.client import Client
from argosy.gateway.engines.failures import (
    ConnectFailed,
    ConnectionLost,
    EngineTimeout,
    MalformedAnswer,
)
from argosy.kit.processes import free_port

from tests.harness.lane_plane import until

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GET = Call("GET", "/x")


class Server:
    """Counts connections and requests; `talk` handles each connection."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.connections = 0
        self.client = Client("http://127.0.0.1:1", key="", connect_seconds=1)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        writer.close()


@contextlib.asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[Server]:
    server = Server(talk)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server.client = Client(f"http://127.0.0.1:{port}", key="secret", connect_seconds=1)
    try:
        yield server
    finally:
        server.client.close()
        listener.close()


def answering(*answers: bytes) -> Talk:
    """Answer each request of a connection in turn; close after the last."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

    return talk


async def test_a_connection_is_kept_and_the_key_is_sent() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)

    async with serving(talk) as server:
        for _ in range(5):
            assert await server.client.fetch(GET, 1) == (200, b"ok")
    assert server.connections == 1
    assert all(b"authorization: Bearer secret\r\n" in head for head in heads)
    assert heads[0].startswith(b"GET /x HTTP/1.1\r\nhost: 127.0.0.1:")


async def test_a_connection_that_the_engine_closed_is_replaced_unseen() -> None:
    async with serving(answering(OK)) as server:
        for _ in range(5):
            assert await server.client.fetch(GET, 1) == (200, b"ok")
    assert server.connections == 5


async def test_a_connection_that_breaks_as_it_is_reused_is_replaced_once() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        # The second request is read and not answered.
        await reader.readuntil(b"\r\n\r\n")

    async with serving(talk) as server:
        for _ in range(3):
            assert await server.client.fetch(GET, 1) == (200, b"ok")
    assert server.connections == 3


async def test_a_request_that_the_engine_had_is_not_sent_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1.1)

    async with serving(talk) as server:
        assert await server.client.fetch(GET, 1) == (200, b"ok")
        with pytest.raises(ConnectionLost):
            await server.client.fetch(GET, 5)
    assert server.connections == 1


async def test_a_fresh_connection_that_breaks_is_an_error() -> None:
    async with serving(answering(b"")) as server:
        with pytest.raises(ConnectionLost):
            await server.client.fetch(GET, 1)
    assert server.connections == 1


async def test_nobody_there() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", key="", connect_seconds=1)
    with pytest.raises(ConnectFailed):
        await client.fetch(GET, 1)


async def test_silence_ends_at_the_deadline_and_the_connection_is_closed() -> None:
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        closed.set()

    async with serving(talk) as server:
        with pytest.raises(EngineTimeout):
            await server.client.fetch(GET, 0.1)
        await asyncio.wait_for(closed.wait(), 1)


async def test_each_piece_moves_the_deadline() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(5):
            writer.write(b"1\r\na\r\n")
            await asyncio.sleep(0.1)
        await reader.read()

    async with serving(talk) as server:
        loop = asyncio.get_running_loop()
        reply = await server.client.request(GET, b"", loop.time() + 1)
        for _ in range(5):
            assert await reply.read(loop.time() + 0.3) == b"a"
        with pytest.raises(EngineTimeout):
            await reply.read(loop.time() + 0.3)
        reply.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_malformed(answer: bytes) -> None:
    async with serving(answering(answer)) as server:
        with pytest.raises(MalformedAnswer):
            await server.client.fetch(GET, 1)


async def test_bytes_after_an_answer_spoil_the_connection() -> None:
    async with serving(answering(OK + OK, OK)) as server:
        assert await server.client.fetch(GET, 1) == (200, b"ok")
        # Never is the second answer taken for the next request's.
        assert await server.client.fetch(GET, 1) == (200, b"ok")
    assert server.connections == 2


async def test_an_interim_answer_is_passed_over() -> None:
    async with serving(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) as server:
        assert await server.client.fetch(GET, 1) == (200, b"ok")


async def test_an_answer_that_ends_with_the_connection() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall")) as server:
        assert await server.client.fetch(GET, 1) == (200, b"all")


@pytest.mark.parametrize("framing", [b"content-length: 9", b"transfer-encoding: chunked"])
async def test_a_cut_answer_gives_what_came_and_then_the_error(framing: bytes) -> None:
    body = b"half" if b"length" in framing else b"4\r\nhalf\r\n"
    answer = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + body
    async with serving(answering(answer)) as server:
        deadline = asyncio.get_running_loop().time() + 1
        reply = await server.client.request(GET, b"", deadline)
        assert await reply.read(deadline) == b"half"
        with pytest.raises(ConnectionLost):
            await reply.read(deadline)
        reply.close()


async def test_an_answer_that_is_not_read_does_not_pile_up() -> None:
    written = 0
    stopped = asyncio.Event()
    total = 64 << 20

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while written < total:
            writer.write(b"x" * 65536)
            written += 65536
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                stopped.set()
                await writer.drain()

    async with serving(talk) as server:
        deadline = asyncio.get_running_loop().time() + 30
        reply = await server.client.request(GET, b"", deadline)
        await asyncio.wait_for(stopped.wait(), 20)
        assert written < total // 2
        assert len(await reply.read(deadline)) < 2 << 20
        assert len(await reply.read_all(deadline)) > total // 2
        reply.close()


async def test_giving_up_on_an_answer_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        closed.set()

    async with serving(talk) as server:
        deadline = asyncio.get_running_loop().time() + 5
        waiting = asyncio.create_task(server.client.fetch(GET, 5))
        await until(lambda: server.connections == 1, "the connection")
        waiting.cancel()
        await asyncio.wait_for(closed.wait(), 1)
        closed.clear()
        reply = await server.client.request(GET, b"", deadline)
        reply.close()
        await asyncio.wait_for(closed.wait(), 1)


@pytest.mark.parametrize("url", ["ftp://a:1", "ftp://a", "a:1", "http://"])
def test_only_http_urls(url: str) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        Client(url, key="", connect_seconds=1)
