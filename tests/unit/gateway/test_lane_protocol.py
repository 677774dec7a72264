"""The lane's connections, spoken to byte by byte: order, framing, limits, patience."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from argosy.gateway.engines.connection import Connection
from argosy.gateway.lane.connection.protocol import LaneProtocol
from argosy.gateway.lane.rooms import LaneLimits
from argosy.gateway.steps import Steps

from tests.harness.lane_plane import BASE, HELLO, KEY, until

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
AUTH = b"authorization: Bearer " + KEY.encode() + b"\r\n"


def body(**more: Any) -> bytes:
    return json.dumps({"model": BASE, "messages": HELLO, "max_tokens": 2} | more).encode()


def post(data: bytes, *, start: bytes = CHAT, more: bytes = b"") -> bytes:
    """A whole request with a good key."""
    return start + AUTH + more + b"content-length: %d\r\n\r\n" % len(data) + data


class Wire:
    """A client's connection; `answers` are what came, head and body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Read one answer: status, headers and body."""
        async with asyncio.timeout(10):
            start, *rest = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
            headers = dict(line.split(b": ", 1) for line in rest)
            status = int(start.split()[1])
            if b"content-length" in headers:
                return (
                    status,
                    headers,
                    await self.reader.readexactly(int(headers[b"content-length"])),
                )
            if headers.get(b"transfer-encoding") != b"chunked":
                return status, headers, b"" if status == 100 else await self.reader.read()
            pieces = b""
            while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                pieces += (await self.reader.readexactly(size + 2))[:-2]
            assert await self.reader.readexactly(2) == b"\r\n"
            return status, headers, pieces

    async def closed(self) -> bool:
        """Wait for the end; tell whether nothing came before it."""
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


@contextlib.asynccontextmanager
async def wire(plane: Any) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def text(answer: bytes) -> Any:
    return json.loads(answer)["choices"][0]["message"]["content"]


def code(answer: bytes) -> Any:
    return json.loads(answer)["error"]["code"]


# Order


@pytest.mark.parametrize("together", [True, False])
async def test_pipelined_requests_are_answered_in_order(make_plane: Any, together: bool) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(slow_ms=20)
    many = [post(body(max_tokens=n)) for n in (3, 1, 2)]
    async with wire(plane) as client:
        for data in [b"".join(many)] if together else many:
            client.send(data)
            await asyncio.sleep(0)
        assert [text((await client.answer())[2]) for _ in many] == ["t0 t1 t2 ", "t0 ", "t0 t1 "]
    await plane.settled()


async def test_both_ways_share_a_connection_in_order(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(slow_ms=30)
    get = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    async with wire(plane) as client:
        client.send(get + post(body()) + get + post(body(stream=True)) + get)
        answers = [await client.answer() for _ in range(5)]
    assert [status for status, _, _ in answers] == [404, 200, 404, 200, 404]
    assert answers[3][2].endswith(b"data: [DONE]\n\n")


async def test_a_request_may_come_in_any_pieces(make_plane: Any) -> None:
    plane, _ = await make_plane()
    data = post(body()) * 2
    async with wire(plane) as client:
        for at in range(0, len(data), 7):
            client.send(data[at : at + 7])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert [(await client.answer())[0] for _ in range(2)] == [200, 200]


# Framing


@pytest.mark.parametrize(
    "request_bytes",
    [
        CHAT + AUTH + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        CHAT + AUTH + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        CHAT + AUTH + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        CHAT + AUTH + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        CHAT + AUTH + b"content-length: +2\r\n\r\n{}",
        CHAT + AUTH + b"content-length: 0x2\r\n\r\n{}",
        CHAT + AUTH + b"content-length: -1\r\n\r\n",
        CHAT + AUTH + b"content-length: 99999999999999999999999\r\n\r\n{}",
        CHAT + AUTH + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        CHAT + AUTH + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        CHAT + AUTH + b"transfer-encoding: chunked\r\n\r\n5 x\r\n{}   \r\n0\r\n\r\n",
        CHAT + AUTH + b"transfer-encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        CHAT + AUTH + b"x: a\r\n b\r\ncontent-length: 2\r\n\r\n{}",
        CHAT + AUTH + b"content-length : 2\r\n\r\n{}",
        CHAT + AUTH + b"x\x00y: 1\r\ncontent-length: 2\r\n\r\n{}",
        CHAT + AUTH + b"x: 1\x002\r\ncontent-length: 2\r\n\r\n{}",
        CHAT + AUTH + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
        b"POST http://x/v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + AUTH + b"\r\n",
        b"GET http://x/v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(
    make_plane: Any, request_bytes: bytes
) -> None:
    plane, _ = await make_plane(engines=0)
    async with wire(plane) as client:
        # What a careless reader would take for the next request.
        client.send(request_bytes + post(body()))
        status, headers, told = await client.answer()
        assert (status, code(told)) == (400, "invalid_http")
        assert headers[b"connection"] == b"close"
        assert await client.closed()
    # Nothing came as far as to look for an engine.
    assert plane.value("argosy_gateway_requests_total", operation="chat", outcome="no_replica") == 0
    await plane.settled()


async def test_garbage_after_a_request_does_not_touch_its_answer(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(slow_ms=30)
    async with wire(plane) as client:
        client.send(post(body(stream=True)) + b"garbage\r\n\r\n" + post(body()))
        status, _, told = await client.answer()
        assert status == 200
        assert told.endswith(b"data: [DONE]\n\n")
        assert await client.closed()
    assert (await engine.stats())["requests"] == 1


async def test_a_body_in_chunks_and_a_spelled_path_are_the_lanes_too(make_plane: Any) -> None:
    plane, _ = await make_plane()
    data = body()
    chunks = b"%x\r\n%b\r\n5\r\n%b\r\n0\r\n\r\n" % (len(data) - 5, data[:-5], data[-5:])
    async with wire(plane) as client:
        client.send(CHAT + AUTH + b"transfer-encoding: chunked\r\n\r\n" + chunks)
        assert text((await client.answer())[2]) == "t0 t1 "
        for path in (b"/v1/chat/completions?a=b", b"/v1/chat/completion%73"):
            client.send(post(data, start=b"POST " + path + b" HTTP/1.1\r\nhost: x\r\n"))
            assert (await client.answer())[0] == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_an_old_client_gets_what_it_can_read(make_plane: Any, stream: bool) -> None:
    plane, _ = await make_plane()
    async with wire(plane) as client:
        start = b"POST /v1/chat/completions HTTP/1.0\r\n"
        client.send(post(body(stream=stream), start=start))
        status, headers, told = await client.answer()
        assert status == 200
        assert b"transfer-encoding" not in headers
        assert headers[b"connection"] == b"close"
        assert (b"[DONE]" in told) is stream
        assert await client.closed()


async def test_a_client_that_wants_no_more_is_let_go(make_plane: Any) -> None:
    plane, _ = await make_plane()
    async with wire(plane) as client:
        client.send(post(body(), more=b"connection: close\r\n"))
        status, headers, _ = await client.answer()
        assert (status, headers[b"connection"]) == (200, b"close")
        assert await client.closed()


# Limits


@pytest.mark.parametrize(
    "flood", [b"x: " + b"y" * 70_000 + b"\r\n", b"x: y\r\n" * 129], ids=["long", "many"]
)
async def test_a_head_beyond_the_limits(make_plane: Any, flood: bytes) -> None:
    plane, _ = await make_plane(engines=0)
    async with wire(plane) as client:
        # In two pieces: one that fits into a read is bounded by the read.
        client.send(CHAT + flood[:-1])
        await client.writer.drain()
        await asyncio.sleep(0.05)
        client.send(flood[-1:] + AUTH + b"\r\n")
        status, headers, told = await client.answer()
        assert (status, code(told)) == (431, "request_head_too_large")
        assert "65536 bytes" in json.loads(told)["error"]["message"]
        assert headers[b"connection"] == b"close"
        assert await client.closed()


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_beyond_the_limit_costs_nothing(make_plane: Any, declared: bool) -> None:
    plane, _ = await make_plane(engines=0, limits=LaneLimits(max_body_bytes=1000))
    big = b"x" * 2000
    async with wire(plane) as client:
        if declared:
            client.send(CHAT + AUTH + b"content-length: 1000000000\r\n\r\n" + big)
        else:
            client.send(CHAT + AUTH + b"transfer-encoding: chunked\r\n\r\n7d0\r\n" + big)
        status, headers, told = await client.answer()
        assert (status, code(told)) == (413, "request_too_large")
        assert "1000 bytes" in json.loads(told)["error"]["message"]
        assert headers[b"connection"] == b"close"
        assert await client.closed()
    await plane.settled()


async def test_a_wrong_key_is_told_before_the_body_is_there(make_plane: Any) -> None:
    plane, _ = await make_plane(engines=0)
    async with wire(plane) as client:
        client.send(CHAT + b"authorization: Bearer no\r\ncontent-length: 5000\r\n\r\n{")
        status, headers, _ = await client.answer()
        assert (status, headers[b"connection"]) == (401, b"close")
        # The rest of the body is no request.
        client.send(post(body()) * 10)
        assert await client.closed()


async def test_a_body_that_is_announced_is_asked_for_only_if_it_is_wanted(make_plane: Any) -> None:
    plane, _ = await make_plane()
    data, expects = body(), b"expect: 100-continue\r\n"
    head = b"content-length: %d\r\n\r\n" % len(data)
    async with wire(plane) as client:
        client.send(CHAT + AUTH + expects + head)
        assert (await client.answer())[0] == 100
        client.send(data)
        assert (await client.answer())[0] == 200
        client.send(CHAT + b"authorization: Bearer no\r\n" + expects + head)
        assert (await client.answer())[0] == 401


# Patience


@pytest.mark.parametrize(
    ("started", "where"),
    [(CHAT + AUTH + b"content-length: 100\r\n\r\n{", "body"), (CHAT[:40], "head")],
)
async def test_a_request_that_does_not_go_on_is_given_up(
    make_plane: Any, started: bytes, where: str
) -> None:
    plane, _ = await make_plane(engines=0, limits=LaneLimits(body_seconds=0.3), keep_alive=60)
    async with wire(plane) as client:
        client.send(started)
        status, headers, told = await client.answer()
        assert (status, code(told)) == (408, "request_timeout")
        assert where in json.loads(told)["error"]["message"]
        assert headers[b"connection"] == b"close"
        assert await client.closed()
    await plane.settled()


async def test_bytes_that_trickle_do_not_buy_time(make_plane: Any) -> None:
    plane, _ = await make_plane(engines=0, limits=LaneLimits(body_seconds=0.4), keep_alive=60)
    async with wire(plane) as client:
        answered = asyncio.create_task(client.answer())
        for byte in CHAT + AUTH:
            client.send(bytes([byte]))
            await asyncio.sleep(0.05)
            if answered.done():
                break
        assert (await answered)[0] == 408


@pytest.mark.parametrize("first", [b"", post(body())])
async def test_an_idle_connection_is_closed(make_plane: Any, first: bytes) -> None:
    plane, _ = await make_plane(keep_alive=1)
    async with wire(plane) as client:
        client.send(first)
        if first:
            assert (await client.answer())[0] == 200
        assert await client.closed()


async def test_a_client_that_does_not_read_slows_the_engine_down(make_plane: Any) -> None:
    written = 0
    stalled = asyncio.Event()
    event = b'data: {"choices":[{"delta":{"content":"' + b"x" * 4000 + b'"}}]}\n\n'
    chunk = b"%x\r\n%b\r\n" % (len(event), event)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while written < 256 << 20:
                writer.write(chunk * 8)
                written += len(chunk) * 8
                try:
                    async with asyncio.timeout(1):
                        await writer.drain()
                except TimeoutError:
                    stalled.set()
                    await writer.drain()
        writer.close()

    engine = await asyncio.start_server(endless, "127.0.0.1", 0)
    plane, _ = await make_plane(engines=0, urls=[_url(engine)], engine="openai")
    async with wire(plane) as client:
        client.send(post(body(stream=True)))
        async with asyncio.timeout(30):
            await stalled.wait()
        before = written
        assert before < 128 << 20
        assert await client.reader.read(100)
        # It goes on once the client reads.
        async with asyncio.timeout(30):
            while written == before:
                await client.reader.read(1 << 20)
    await until(lambda: plane.drain.count == 0, "the end")
    await plane.settled()
    engine.close()


@pytest.mark.parametrize("left", [False, True])
async def test_a_connection_that_ended_leaves_nothing_to_the_collector(
    make_plane: Any, left: bool
) -> None:
    plane, _ = await make_plane()

    def living() -> int:
        return sum(type(each) in (LaneProtocol, Connection, Steps) for each in gc.get_objects())

    async def served() -> None:
        # The first head is parsed, the second one is familiar; the stream may be left amid it.
        for request in (post(body()), post(body()), post(body(stream=True, max_tokens=64))):
            async with wire(plane) as client:
                client.send(request)
                if left and b"stream" in request:
                    await client.reader.readuntil(b"data: ")
                else:
                    assert (await client.answer())[0] == 200
        await until(lambda: plane.drain.count == 0, "the end")
        for replica in plane.fleet.all_replicas():
            replica.client.close()

    await served()
    gc.collect()
    gc.disable()
    try:
        await served()
        # But for the connection of the engine's probe.
        await until(lambda: living() <= 1, "the connections to be gone")
    finally:
        gc.enable()


def _url(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
