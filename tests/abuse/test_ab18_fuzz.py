"""AB18: noise in every parser that hears strangers: none crashes, hangs or lets through.

Strangers are clients, and engines too. Inputs that once broke something stay in `corpus/`.
`ARGOSY_FUZZ_SECONDS` says how long each target is tried (`tests/harness/fuzzing.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

import pytest
from argosy.gateway.engines.call import Call
from argosy.gateway.engines.client import Client
from argosy.gateway.engines.failures import EngineError
from argosy.gateway.http import body as json_body
from argosy.gateway.http.tuning_request import JobCreate
from argosy.gateway.lane.answer.sse import StreamScanner
from argosy.gateway.lane.request.completion import Operation, parse
from argosy.gateway.lane.request.parameters import CHAT, COMPLETION, EMBEDDING, Fate
from argosy.kit.errors import InvalidRequest
from argosy.kit.processes import free_port

from tests.harness.fuzzing import fuzz
from tests.harness.raw_http import RawConnection, answers_of, request
from tests.harness.serving_fleet import MODEL, ServingFleet, chat

JSON = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"null", b"true", b"1e999", b"-0", b"NaN",
    b"\\ud800", b"\\u0000", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"/**/", b"9" * 40, b"[" * 40,
]  # fmt: skip
TABLES = {
    Operation.CHAT: CHAT,
    Operation.COMPLETION: COMPLETION,
    Operation.EMBEDDING: EMBEDDING,
}


def explains(error: Exception) -> None:
    """An error has words, and none that a terminal obeys."""
    assert str(error)
    assert str(error).isprintable(), str(error)


# -- an engine's event stream ----------------------------------------------------------------------


def scanned(pieces: list[bytes], *, hide_usage: bool) -> tuple[bytes, StreamScanner]:
    """Feed pieces as the relay does: until the scanner has seen the end."""
    scanner, out = StreamScanner(hide_usage=hide_usage), b""
    for piece in pieces:
        out += scanner.feed(piece)
        if scanner.stopped:
            break
    return out, scanner


def state(scanner: StreamScanner) -> tuple[object, ...]:
    return (
        scanner.finished, scanner.stopped, scanner.chunks, scanner.error, scanner.malformed,
        scanner.usage,
    )  # fmt: skip


def check_stream(data: bytes) -> None:
    whole, seen = scanned([data], hide_usage=False)
    # Bytes are relayed untouched.
    assert data.startswith(whole)
    # However the network cuts them, the same passes and the same is noticed.
    for size in (1, 7, 64):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        cut, noticed = scanned(pieces, hide_usage=False)
        if seen.stopped:
            # What lies behind the end in the same read is not looked at, or was never passed.
            assert whole.startswith(cut) or cut.startswith(whole)
            assert noticed.finished == seen.finished
            assert noticed.error == seen.error
        else:
            assert (cut, state(noticed)) == (whole, state(seen))
    hidden, _ = scanned([data], hide_usage=True)
    assert len(hidden) <= len(whole)


def test_ab18_event_streams() -> None:
    tokens = [
        b"data: ", b"data:", b"\n\n", b"\r\n\r\n", b"\n", b"\r", b": x\n\n", b"event: e\n",
        b"data: [DONE]\n\n", b'{"choices":[]}', b'"usage":{', b'"error":', b'"delta":{', *JSON,
    ]  # fmt: skip
    fuzz("stream", check_stream, tokens=tokens)


# -- a client's body -------------------------------------------------------------------------------


def check_body(data: bytes) -> None:
    for operation, table in TABLES.items():
        try:
            found = parse(operation, data, b',"cache_salt":"s"}')
        except InvalidRequest as error:
            explains(error)
            continue
        # What an engine gets is JSON to every reader: no member twice, none that is not listed.
        sent = json.loads(found.body_for("other"), object_pairs_hook=tuple)
        names = [name for name, _ in sent]
        assert len(set(names)) == len(names)
        assert {*names} <= {name for name, known in table.items() if known.fate is Fate.FORWARD}
        assert dict(sent)["model"] == "other"
        assert found.stream is (dict(sent).get("stream") is True)


def test_ab18_bodies() -> None:
    names = [f'"{name}":'.encode() for name in {**CHAT, **COMPLETION, **EMBEDDING}]
    private = [b'"cache_salt":', b'"prompt_embeds":', b'"priority":', b'"type":"image_url"']
    fuzz("body", check_body, tokens=[*JSON, *names, *private])


def check_json(data: bytes) -> None:
    for shape in (JobCreate, dict[str, str], list[int]):
        try:
            json_body.decode(data, shape)
        except InvalidRequest as error:
            explains(error)


def test_ab18_json_of_the_ordinary_api() -> None:
    fuzz("json", check_json, tokens=JSON)


# -- a client's bytes ------------------------------------------------------------------------------


def tries(serving: ServingFleet, data: bytes) -> None:
    """Send bytes and read what comes until a short silence; it must be HTTP, and never a 500."""
    address = "127.0.0.1", serving.cluster.port("gateway")
    received = b""
    with socket.create_connection(address, 10) as connection, contextlib.suppress(OSError):
        connection.sendall(data)
        connection.settimeout(0.05)
        while piece := connection.recv(1 << 16):
            received += piece
    for status in _complete(received):
        assert 100 <= status < 600
        assert status != 500


def _complete(data: bytes) -> list[int]:
    """Return the statuses of a connection's answers; a stream's chunks are skipped."""
    statuses = []
    while data:
        assert data.startswith(b"HTTP/1.1 "), data[:100]
        head, end, data = data.partition(b"\r\n\r\n")
        assert end, head
        statuses.append(int(head[9:12]))
        length = [h for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")]
        if length:
            # The last one may be cut: the test does not wait for it.
            data = data[int(length[0].split(b":")[1]) :]
        elif b"transfer-encoding: chunked" in head.lower():
            _, _, data = data.partition(b"0\r\n\r\n")
    return statuses


@pytest.fixture
def unbroken(serving: ServingFleet) -> Any:
    """The same gateway serves before and after."""
    pid = serving.cluster.process("gateway").pid
    yield serving
    serving.nothing_left()
    with serving.http() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
    assert serving.cluster.process("gateway").pid == pid


def test_ab18_heads_and_bodies(unbroken: ServingFleet) -> None:
    key, model = unbroken.cluster.key.encode(), MODEL.encode()
    tokens = [
        b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\0", b":", b"HTTP/1.1", b"GET ",
        b"POST ",
        b"content-length: 1\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n",
        b"connection: keep-alive\r\n", b"expect: 100-continue\r\n", b"0\r\n\r\n", b"ffffffff\r\n",
        b"authorization: Bearer KEY\r\n", b"/v1/chat/completions", b"%00", b"%2e%2e/", b"?", b"#",
        b"x" * 70_000, b"\xff\xfe",
    ]  # fmt: skip
    fuzz(
        "http",
        lambda data: tries(unbroken, data.replace(b"KEY", key).replace(b"MODEL", model)),
        tokens=tokens,
    )


def test_ab18_uploads(unbroken: ServingFleet) -> None:
    headers = {
        "authorization": f"Bearer {unbroken.cluster.key}",
        "content-type": "multipart/form-data; boundary=b",
        "connection": "close",
    }

    def check(data: bytes) -> None:
        with RawConnection(unbroken.cluster.port("gateway")) as connection:
            connection.send(request("POST", "/v1/files", data, headers))
            (answer,) = answers_of(connection.until_closed())
        assert answer.status in {200, 400, 413}, answer
        if answer.status != 200:
            assert json.loads(answer.body)["error"]["message"]

    tokens = [
        b"--b", b"--b--", b"\r\n", b"\r\n\r\n", b"\n", b'content-disposition: form-data; name="',
        b'purpose"', b'file"; filename="', b"content-type: ", b"content-transfer-encoding: base64",
        b"fine-tune", b"\0", b"../", b'"', b";", b"*=UTF-8''%ff", b"x" * 2000,
    ]  # fmt: skip
    fuzz("multipart", check, tokens=tokens)


# -- an engine's bytes -----------------------------------------------------------------------------


async def ask(data: bytes, *, pieces: int) -> None:
    """Ask an engine that answers with `data` and closes; only an EngineError may come of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(data), pieces):
            writer.write(data[start : start + pieces])
            await asyncio.sleep(0)
        writer.close()

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    client = Client(f"http://127.0.0.1:{port}", key="", connect_seconds=5)
    try:
        async with asyncio.timeout(10):
            try:
                await client.fetch(Call("POST", "/v1/completions", b"{}"), 5)
            except EngineError as error:
                explains(error)
    finally:
        client.close()
        server.close()


def test_ab18_answers_of_engines() -> None:
    tokens = [
        b"HTTP/1.1 ", b"HTTP/9.9 ", b"200", b"-1", b"\r\n", b"\n", b"\r\n\r\n", b"content-length: ",
        b"transfer-encoding: chunked\r\n", b"99999999999999999999", b"connection: close\r\n", b"\0",
        b"content-encoding: gzip\r\n", b"0\r\n\r\n", b"\x1f\x8b\x08", b"x" * 100_000,
    ]  # fmt: skip

    def check(data: bytes) -> None:
        for pieces in (1 << 20, 13):
            asyncio.run(ask(data[:4096] if pieces == 13 else data, pieces=pieces))

    fuzz("engine", check, tokens=tokens)
